"""Catalogs in the database."""

from collections.abc import Collection
from typing import Protocol

from app.domain.products import Catalog


class Catalogs(Protocol):
    """Catalogs and their attribute schemas."""

    def get(self, name: str) -> Catalog | None:
        """The catalog of that name."""
        ...

    def put(self, catalog: Catalog) -> None:
        """Create the catalog or replace its declaration."""
        ...

    def revise(self, names: Collection[str]) -> None:
        """Note that searches may find something else from now on, though no product has a new version.

        Call it last in a transaction: it holds off whoever notes the same of these catalogs.
        """
        ...

    def all(self) -> list[tuple[Catalog, int]]:
        """Every catalog with its number of products, by name."""
        ...
