"""Builds in the database, and what each of them holds."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.domain.builds import Build, BuildState
from app.domain.products import Catalog


class Builds(Protocol):
    """Builds: an encoder, an index, and a state."""

    def add(self, build: Build) -> None:
        """Insert a build. Raises `Conflict` (`build_exists`) where its state allows only one and there is one."""
        ...

    def live(self, catalog: str) -> Build | None:
        """The build that queries read."""
        ...

    def searched(self, catalog: str) -> tuple[Catalog, Build] | None:
        """The catalog's declaration and the build that queries read, in one statement: every query begins with it."""
        ...

    def writable(self, catalogs: Sequence[str]) -> dict[str, list[Build]]:
        """The builds that every upload goes to, by catalog."""
        ...

    def all(self, catalog: str) -> list[Build]:
        """Every build of a catalog, newest first."""
        ...

    def set_state(self, build_id: str, state: BuildState) -> None:
        """Move a build to another state."""
        ...


class Holdings(Protocol):
    """What each build holds."""

    def hold(self, build_id: str, pictures: Mapping[str, int]) -> dict[str, int]:
        """Before rows are written: note by product_id how many picture rows a build may hold from now on.

        The note only grows here; returns what it was before. A worker that dies after writing therefore leaves
        no row that nobody knows of.
        """
        ...

    def held(self, build_id: str, products: Mapping[str, tuple[int, int]]) -> None:
        """After rows are written and superfluous ones deleted: by product_id the version and number of pictures.

        The note of pictures shrinks only where no older upload of the product may still be writing.
        """
        ...

    def dropped(self, build_id: str, product_ids: Sequence[str]) -> None:
        """After every row of these products was deleted: the build holds nothing of them.

        The note of pictures stays where an older upload of the product may still be writing.
        """
        ...

    def count(self, build_id: str) -> int:
        """How many products a build holds."""
        ...
