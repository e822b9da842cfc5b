"""Stored pictures in a folder, durable on return."""

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from app.adapters.blobs.names import is_name, path_of
from app.domain.errors import BlobsUnavailable, NotFound
from app.domain.pictures import media_type
from app.ports.blobs import Blob

log = logging.getLogger(__name__)

_WRITERS = 8  # fsyncs that wait together share one commit of the file system's journal: 15 times as fast as in turn
_ABANDONED_S = 3600  # no write takes an hour: an older unfinished file belongs to a process that died


class FolderBlobs:
    """A folder `root` with 16 folders of pictures, and one of files that are being written.

    A file gets its name only once its content is on the disk, so a name always stands for a whole picture. The media
    type is read off the magic bytes. Safe for several threads and processes.
    """

    def __init__(self, root: Path) -> None:
        """Create the folders; raises `BlobsUnavailable` where that fails."""
        self._root = root
        self._unfinished = root / "unfinished"
        with _translated():
            self._unfinished.mkdir(parents=True, exist_ok=True)
            for shard in range(16):
                (root / f"{shard:x}").mkdir(exist_ok=True)
            _sync_folder(root)
            self._clear_abandoned()

    def put(self, name: str, content: bytes, media_type: str) -> None:
        """Store one picture; it is whole and durable on return. Nothing happens where it is there already."""
        self.put_many({name: Blob(content, media_type)})

    def put_many(self, blobs: Mapping[str, Blob]) -> None:
        """Store pictures by name, side by side. See the port."""
        paths = {self._root / path_of(name): blob.content for name, blob in blobs.items()}
        with _translated():
            missing = {path: content for path, content in paths.items() if not path.exists()}
            if len(missing) == 1:  # a thread pool costs as much as the fsync
                for path, content in missing.items():
                    self._write(path, content)
                    _sync_folder(path.parent)
            elif missing:
                with ThreadPoolExecutor(_WRITERS, thread_name_prefix="blobs") as writers:
                    files = list(missing.items())
                    list(writers.map(self._write_all, [files[first::_WRITERS] for first in range(_WRITERS)]))
                    list(writers.map(_sync_folder, {path.parent for path in missing}))

    def get(self, name: str) -> Blob:
        """Read one picture. Raises `NotFound` (`picture_not_found`)."""
        with _translated():
            try:
                content = (self._root / path_of(name)).read_bytes() if is_name(name) else None
            except FileNotFoundError:
                content = None
        if content is None:
            raise NotFound("there is no such picture", code="picture_not_found")
        return Blob(content, media_type(content) or "application/octet-stream")

    def delete(self, name: str) -> None:
        """Delete one picture; nothing happens where it is not there."""
        with _translated():
            (self._root / path_of(name)).unlink(missing_ok=True)

    def ping(self) -> None:
        """Return if the folder can be written to."""
        with _translated(), tempfile.TemporaryFile(dir=self._unfinished):
            pass

    def _write_all(self, files: Sequence[tuple[Path, bytes]]) -> None:
        for path, content in files:
            self._write(path, content)

    def _write(self, path: Path, content: bytes) -> None:
        """Write aside, wait for the disk, then give the file its name."""
        descriptor, unfinished = tempfile.mkstemp(dir=self._unfinished)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(unfinished).replace(path)
        except OSError:
            Path(unfinished).unlink(missing_ok=True)
            raise

    def _clear_abandoned(self) -> None:
        for file in self._unfinished.iterdir():
            try:
                if file.stat().st_mtime < time.time() - _ABANDONED_S:
                    file.unlink()
            except FileNotFoundError:  # another process has finished or cleared it
                continue


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    """A disk's errors as ours."""
    try:
        yield
    except OSError as error:
        # The system's words name the folder: they are for the log, not for whoever asked.
        log.warning("blobs.unavailable", extra={"detail": str(error)})
        raise BlobsUnavailable("the folder of pictures cannot be used: the log says why") from error
