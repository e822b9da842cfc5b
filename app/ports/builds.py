"""Builds in the database, and what each of them holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from app.domain.build_steps import BuildEvent
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.products import Catalog
from app.ports.products import Changes
from app.ports.uploads import Failure


class Searched(NamedTuple):
    """A catalog's declaration, the build that queries read, and how often what they find was revised.

    `changes` are those of its products, where they were asked for.
    """

    catalog: Catalog
    build: Build
    revision: int
    changes: Changes | None


class Builds(Protocol):
    """Builds: an encoder, an index, and a state."""

    def add(self, build: Build) -> None:
        """Insert a build. Raises `Conflict` (`build_exists`) where its state allows only one and there is one."""
        ...

    def live(self, catalog: str) -> Build | None:
        """The build that queries read."""
        ...

    def searched(self, catalog: str, since: str | None = None) -> Searched | None:
        """What every query begins with, in one statement, with the products that changed `since` a mark."""
        ...

    def writable(self, catalogs: Sequence[str]) -> dict[str, list[Build]]:
        """The builds that take uploads, by catalog: every upload goes to all of them."""
        ...

    def taking(self) -> list[Build]:
        """The builds of every catalog that take uploads."""
        ...

    def get(self, build_id: str) -> Build | None:
        """One build."""
        ...

    def previous(self, catalog: str) -> Build | None:
        """The build that was live last and still takes uploads: what a rollback goes back to."""
        ...

    def all(self, catalog: str) -> list[Build]:
        """Every build of a catalog, newest first."""
        ...

    def hold_still(self, catalog: str) -> None:
        """Keep other writers from the builds of a catalog until this transaction ends."""
        ...

    def forget_dry_runs(self, catalog: str) -> None:
        """Delete the dry runs of a catalog of which no step is left to be done, with all that is told of them."""
        ...

    def set_state(self, build_id: str, state: BuildState, reason: Failure | None = None) -> None:
        """Move a build to another state; `reason` is why it ended. Since when it is live or retired is noted."""
        ...

    def take_uploads(self, build_id: str, takes: bool) -> None:
        """Say whether every upload goes to a build from now on."""
        ...

    def set_rate(self, build_id: str, rate: float | None) -> None:
        """Bound how many products a second a build is filled with; 0 pauses, None takes the bound away."""
        ...

    def set_report(self, build_id: str, report: Mapping[str, Any]) -> None:
        """Write down what the check of a build found."""
        ...

    def set_tuned(self, build_id: str, index: IndexSpec, tuned: Mapping[str, Any] | None) -> None:
        """Let queries search with the bands of this index from now on; `tuned` is what was measured, if any was."""
        ...

    def record(self, build_id: str, what: str, told: Mapping[str, Any]) -> None:
        """Write down that something happened to a build."""
        ...

    def events(self, build_id: str) -> list[BuildEvent]:
        """What happened to a build, oldest first."""
        ...

    def last_events(self, what: str) -> list[BuildEvent]:
        """When this last happened to each build that takes uploads; of one it never happened to, nothing."""
        ...

    def fail_contents(self, build_id: str, failures: Mapping[str, Failure]) -> None:
        """Note by content hash what the encoder of a build cannot encode; the build goes without."""
        ...

    def failed_contents(self, build_id: str, content_hashes: Sequence[str]) -> dict[str, Failure]:
        """Which of these contents the encoder of a build could not encode, by content hash."""
        ...

    def count_failed(self, build_id: str) -> int:
        """How many contents the encoder of a build could not encode."""
        ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """Products whose newest version is indexed and not deleted: how many a build holds, and how many it lacks.

    `extra` are those it holds and should not.
    """

    held: int
    missing: int
    extra: int


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

    def compare(self, build_id: str) -> Comparison:
        """What a build holds for certain, compared with the products that it should hold."""
        ...

    def sample(self, build_id: str, size: int) -> list[str]:
        """The ids of some products of which a build holds the newest version, spread over all of them."""
        ...

    def clear(self, build_id: str) -> None:
        """The build holds nothing any more."""
        ...
