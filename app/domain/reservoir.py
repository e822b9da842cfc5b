"""A sample of what comes, of which nobody knows beforehand how much it will be."""

import random
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Reservoir(Generic[T]):
    """At most `size` of all that is added, each with the same chance; Vitter's (1985) algorithm R."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._drawn: list[T] = []
        self._seen = 0

    @property
    def drawn(self) -> Sequence[T]:
        """The sample."""
        return self._drawn

    def add(self, one: T) -> None:
        """Something more has come."""
        self._seen += 1
        if len(self._drawn) < self._size:
            self._drawn.append(one)
        elif (place := random.randrange(self._seen)) < self._size:
            self._drawn[place] = one
