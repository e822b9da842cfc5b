"""The blobs port: stored pictures by content hash."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored picture: its bytes, and `image/jpeg`, `image/png` or `image/webp`."""

    content: bytes
    media_type: str


Store = Callable[[Collection[str]], None]
"""Stores pictures of these names, as `put` does.

Where it raises, some may be stored: they are whole, and putting them again is harmless.
"""


class Blobs(Protocol):
    """Pictures by name: the 64 hex digits of `picture_hash`. Any other name is never a path: nothing can be read
    under it, and writing or deleting it is a ValueError.

    Every method may raise `BlobsUnavailable`. Safe to call from several threads and processes.
    """

    def put(self, name: str, content: bytes, media_type: str) -> None:
        """Store one picture; it is whole and durable on return. Nothing happens where it is there already."""
        ...

    def staged(self, blobs: Mapping[str, Blob]) -> AbstractContextManager[Store]:
        """Get pictures ready by name, all together: many take little longer than one. The slow part is done here, so
        that a transaction can store them while it is open; what is not stored by the end leaves nothing behind.
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
