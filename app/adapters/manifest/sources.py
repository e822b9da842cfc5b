"""Where a manifest's pictures are: a file, a member of a zip archive, or a URL."""

import threading
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import NotFound, TooLarge
from app.domain.pictures import MAX_PICTURE_BYTES


@dataclass(frozen=True, slots=True)
class UrlPicture:
    """A picture behind a URL; whoever takes the product in fetches it."""

    url: str

    def __str__(self) -> str:
        return self.url


class Archives:
    """Zip archives, each opened once and kept open. Safe to call from several threads."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, archive: Path, member: str) -> bytes:
        """The bytes of one member.

        Raises `NotFound` (`image_missing`) where the archive or the member is not there or cannot be read, and
        `TooLarge` (`image_too_large`) before anything beyond the budget is unpacked.
        """
        name = f"{archive}#{member}"
        try:
            with self._lock:  # a ZipFile has one file position, and counts its readers without a lock
                if archive not in self._archives:
                    self._archives[archive] = zipfile.ZipFile(archive)
                with self._archives[archive].open(member) as opened:
                    content = opened.read(MAX_PICTURE_BYTES + 1)
        except KeyError:
            raise NotFound(f"there is no {name}", code="image_missing") from None
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise NotFound(f"{name} cannot be read: {error}", code="image_missing") from error
        return _within_budget(content, name)

    def close(self) -> None:
        """Close every archive."""
        with self._lock:
            for archive in self._archives.values():
                archive.close()
            self._archives.clear()


@dataclass(frozen=True, slots=True)
class ZipPicture:
    """A picture inside a zip archive. Its member is looked up in the archive's index, and is never a path on disk."""

    archives: Archives
    archive: Path
    member: str

    def __str__(self) -> str:
        return f"{self.archive}#{self.member}"

    def read(self) -> bytes:
        """The picture's bytes; raises `NotFound` (`image_missing`) or `TooLarge` (`image_too_large`)."""
        return self.archives.read(self.archive, self.member)


@dataclass(frozen=True, slots=True)
class FilePicture:
    """A picture on disk."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        """The picture's bytes; raises `NotFound` (`image_missing`) or `TooLarge` (`image_too_large`)."""
        try:
            with self.path.open("rb") as opened:
                content = opened.read(MAX_PICTURE_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else error
            raise NotFound(f"{self.path} cannot be read: {reason}", code="image_missing") from error
        return _within_budget(content, str(self.path))


PictureSource = UrlPicture | FilePicture | ZipPicture


def picture_source(text: str, folder: Path, archives: Archives) -> PictureSource:
    """Read one picture's place as a manifest writes it: a URL, `archive.zip#member`, or a path.

    Paths are relative to `folder`, and may leave it: the manifest is the caller's own.
    """
    if text.lower().startswith(("http://", "https://")):
        return UrlPicture(text)
    archive, mark, member = text.partition(".zip#")
    if mark:
        return ZipPicture(archives, folder / f"{archive}.zip", member)
    return FilePicture(folder / text)


def _within_budget(content: bytes, name: str) -> bytes:
    if len(content) > MAX_PICTURE_BYTES:
        message = f"{name} has more than {MAX_PICTURE_BYTES:,} bytes"
        raise TooLarge(message, code="image_too_large", field="image")
    return content
