"""Catalogs in the database."""

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

    def all(self) -> list[tuple[Catalog, int]]:
        """Every catalog with its number of products, by name."""
        ...
