"""Queries of catalogs in the database."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.queries import JudgedQuery, RecordedQuery
from app.domain.search import SearchQuery


class Queries(Protocol):
    """Queries that shoppers asked, and queries that somebody judged."""

    def record(self, catalog: str, queries: Sequence[SearchQuery], *, keep: int) -> None:
        """Count queries that were asked; of all that are known the `keep` asked last are kept."""
        ...

    def recorded(self, catalog: str, *, most: int, hits: int) -> list[RecordedQuery]:
        """The queries that were asked most, at most so many, each for so many hits."""
        ...

    def forget(self, catalog: str) -> int:
        """Drop the queries that were asked; returns how many there were."""
        ...

    def judge(self, catalog: str, judged: Sequence[JudgedQuery]) -> None:
        """Put these judged queries in the place of all that there were."""
        ...

    def judged(self, catalog: str) -> list[JudgedQuery]:
        """The judged queries, by their words."""
        ...
