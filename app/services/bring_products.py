"""Bringing products into a build, while uploads go on.

Every upload that is taken up after a build was opened goes to the build too; what is brought was there before. Both
may write one product at once, so whoever brings looks at the truth once more after writing: what was overtaken
meanwhile is written again in its newest version, until nothing was.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from app.domain.builds import Build
from app.domain.errors import StoreUnavailable
from app.domain.uploads import ProductVersion, Stage, UploadState
from app.ports.database import Database, Transaction
from app.ports.products import Standing
from app.ports.vectors import VectorStore
from app.services.build_rows import Place, product_of
from app.services.build_writes import Writes, note_written, plan_writes, write

ROUNDS = 20
"""How often products are written again for what has overtaken them: one that changes faster is tried again later."""


@dataclass(frozen=True, slots=True)
class Bringing:
    """Products to bring into a build, by product_id; and rows that are to go unless a product has them.

    `begin` is called in the transaction that plans a round of writes, with whether it is the first, and stops it
    with False. `end` is called in the one that notes the last of them.
    """

    build: Build
    due: Sequence[str]
    begin: Callable[[Transaction, Writes, bool], bool]
    end: Callable[[Transaction], None]
    gone: Collection[Place] = ()


def bring(database: Database, store: VectorStore, bringing: Bringing) -> None:
    """Write the newest version of each product, and note what the build holds for certain.

    Raises `StoreUnavailable` (`overtaken`) where products change faster than they are written.
    """
    build, due, gone = bringing.build, bringing.due, bringing.gone
    written: dict[str, int] = {}
    for number in range(ROUNDS):
        with database.writing() as transaction:
            planned = _plan(transaction, build, due, gone)
            if not bringing.begin(transaction, planned.writes, number == 0):
                return
        wrong = write(store, planned.writes)
        written |= planned.written
        with database.writing() as transaction:
            transaction.builds.hold_still(build.catalog)
            now = transaction.products.standing_still(build.catalog, sorted(written))
            due = _due_again(transaction, planned, written, now, wrong)
            if not due:
                bringing.end(transaction)
                return
        gone = [place for place in gone if place.product_id in due]
    raise StoreUnavailable(f"products changed {ROUNDS} times while they were written", code="overtaken")


@dataclass(frozen=True, slots=True)
class _Planned:
    """What one round writes, and the versions it stands for, by product_id."""

    writes: Writes
    versions: Mapping[str, ProductVersion]

    @property
    def written(self) -> dict[str, int]:
        """The version of each product that is written; 0 of one that there is not."""
        gone = map(product_of, [*self.writes.gone_texts, *self.writes.gone_pictures])
        return dict.fromkeys(gone, 0) | {name: one.version for name, one in self.versions.items()}


def _plan(transaction: Transaction, build: Build, due: Sequence[str], gone: Collection[Place]) -> _Planned:
    versions = transaction.products.versions(build.catalog, due)
    writes = plan_writes(transaction, build, versions)
    kept = {(build.texts, row.id) for row in writes.texts} | {(build.images, row.id) for row in writes.pictures}
    for place in gone:
        if place not in kept and place.product_id not in writes.unencoded:
            kind = writes.gone_texts if place.collection == build.texts else writes.gone_pictures
            kind.append(place.id)
    left = {one.product.product_id: one for one in versions if one.product.product_id not in writes.unencoded}
    return _Planned(writes, left)


def _due_again(
    transaction: Transaction,
    planned: _Planned,
    written: Mapping[str, int],
    now: Mapping[str, Standing],
    wrong: set[str],
) -> list[str]:
    """Note what is certain; returns what has to be written again."""
    certain = {name for name, one in planned.versions.items() if now[name].version == one.version} - wrong
    note_written(transaction, planned.writes, planned.versions, certain)
    overtaken = {
        name
        for name, version in written.items()
        if name in now and now[name].version != version and to_write(now[name], again=True)
    }
    return sorted(overtaken | (wrong & written.keys()))


def to_write(standing: Standing, *, again: bool) -> bool:
    """Whether a product is to be brought, or to be brought again.

    What is still on its way goes to the build with its upload. Where it may have been written before, that may have
    been on top of the upload: one that may have reached the build is written once more.
    """
    reached = standing.state is UploadState.INDEXED
    if again:
        return reached or standing.state is Stage.INDEX.takes
    return reached and not standing.deleted
