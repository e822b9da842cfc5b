"""Answers that are kept for a while."""

from typing import Protocol


class Cache(Protocol):
    """Keeps bytes by a key. Never fails: what cannot be kept, or be read in time, is not there."""

    def get(self, key: str) -> bytes | None:
        """What was kept last, unless its time is over or its room was needed."""
        ...

    def put(self, key: str, content: bytes, *, ttl_s: int) -> None:
        """Keep this for so many seconds."""
        ...
