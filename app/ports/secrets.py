"""What all processes of a service share and tell nobody, in the database."""

from typing import Protocol


class Secrets(Protocol):
    """Secrets by name; each is made once and stays."""

    def get(self, name: str) -> bytes | None:
        """The secret of that name."""
        ...

    def keep(self, name: str, value: bytes) -> bytes:
        """Write a secret down unless there is one; returns the one that there is."""
        ...
