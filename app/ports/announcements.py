"""What API processes say of themselves, so that a build goes live only once all of them have its encoder."""

from collections.abc import Collection
from datetime import timedelta
from typing import Protocol


class Announcements(Protocol):
    """Which API processes there are, and the encoders they have loaded."""

    def announce(self, process_id: str, fingerprints: Collection[str]) -> None:
        """Say that a process is there and has these encoders loaded; said again before it is forgotten."""
        ...

    def lacking(self, fingerprint: str, *, within: timedelta) -> set[str]:
        """The processes that were there `within` that time, and had not this encoder loaded."""
        ...

    def withdraw(self, process_id: str) -> None:
        """Say that a process is no longer there."""
        ...

    def forget(self, *, older_than: timedelta) -> None:
        """Drop what processes said that are long gone."""
        ...
