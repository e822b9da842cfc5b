"""The blobs port: stored pictures by content hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored picture: its bytes, and `image/jpeg`, `image/png` or `image/webp`."""

    content: bytes
    media_type: str


class Blobs(Protocol):
    """Pictures by name: the 64 hex digits of `picture_hash`. Any other name is never a path: nothing can be read
    under it, and writing or deleting it is a ValueError.

    Every method may raise `BlobsUnavailable`. Safe to call from several threads and processes.
    """

    def put(self, name: str, content: bytes, media_type: str) -> None:
        """Store one picture; it is whole and durable on return. Nothing happens where it is there already."""
        ...

    def put_many(self, blobs: Mapping[str, Blob]) -> None:
        """Store pictures by name, as `put` does, all together: many take little longer than one.

        Where it raises, some may be stored: they are whole, and putting them again is harmless.
        """
        ...

    def get(self, name: str) -> Blob:
        """Read one picture. Raises `NotFound` (`picture_not_found`)."""
        ...

    def delete(self, name: str) -> None:
        """Delete one picture; nothing happens where it is not there."""
        ...

    def ping(self) -> None:
        """Return if the store answers."""
        ...
