"""Comparing what a build's collections hold with the database, a range of products at a time, and repairing it.

The store cannot sum up what it holds, so each row comes over as its id and its stamp, which stands for the product's
version and its contents; the vectors do not. What differs is looked at once more before it counts: uploads go on.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from app.domain.builds import Build
from app.domain.drift import Drift
from app.domain.uploads import UploadState
from app.ports.database import Database, Transaction
from app.ports.products import Standing
from app.ports.vectors import Stamp, VectorStore
from app.services.bring_products import Bringing, bring, to_write
from app.services.build_rows import Place, PlannedRow, contents_of, encodable, rows_of
from app.services.build_writes import Writes
from app.services.encode_contents import chosen_for_captions
from app.services.lost_collections import none_if_lost
from app.services.make_collections import make_collections
from app.services.own_vectors import not_found

_BEYOND = "$"
"""Sorts after the `#` of a picture's row and before whatever may go on a product_id: a bound between products."""

SEARCHED = 500
"""Vectors of one search: with twice as many it is no faster, and takes 30 MB more."""


@dataclass(frozen=True, slots=True)
class Examined:
    """How many rows a range of products should have, and what is wrong with which."""

    rows: int
    drifted: Mapping[Place, Drift]


@dataclass(frozen=True, slots=True)
class _Expected:
    """The rows that there should be, and the version of each product they are of, by product_id.

    Nothing is known of the rows of the `unsure` products: they change.
    """

    rows: Mapping[Place, PlannedRow]
    versions: Mapping[str, int]
    unsure: Collection[str]


@dataclass(frozen=True, slots=True)
class DriftFinder:
    """Everything that finding and repairing drift needs. In `pool` the store is asked several things at a time.

    Rows are looked up by their own vectors too unless `searches` is false.
    """

    database: Database
    store: VectorStore
    pool: Executor
    searches: bool = True

    def bring_back(self, build: Build) -> None:
        """Make the collections of a build that takes uploads, where the store has lost them: all rows are missing."""
        with self.database.reading() as transaction:
            now = transaction.builds.get(build.id)
        if now is not None and now.takes_uploads:
            make_collections(self.store, build)

    def examine(self, build: Build, after: str, up_to: str) -> Examined:
        """What is wrong with the rows of the products beyond `after`, up to and with `up_to`; '' is no bound."""
        with self.database.reading() as transaction:
            standing = transaction.products.standing_between(build.catalog, after, up_to)
            expected = _expected(transaction, build, standing)
        bounds = [end and end + _BEYOND for end in (after, up_to)]

        found = self._read(build, lambda collection: self.store.stamps_between(collection, *bounds))
        return Examined(len(expected.rows), self._confirmed(build, self._drifted(build, expected, found)))

    def repair(self, build: Build, drifted: Mapping[Place, Drift]) -> int:
        """Write the newest versions once more, and delete what should not be there; returns how many are well now."""
        gone = [place for place, kind in drifted.items() if kind is Drift.ORPHANED]
        with self.database.reading() as transaction:
            standing = transaction.products.standing(build.catalog, _products_of(drifted))
        due = sorted(name for name, one in standing.items() if to_write(one, again=True))

        def begin(transaction: Transaction, _writes: Writes, _first: bool) -> bool:
            now = transaction.builds.get(build.id)
            return now is not None and now.takes_uploads

        bringing = Bringing(build, due, begin, lambda end: end.catalogs.revise([build.catalog]), gone)
        bring(self.database, self.store, bringing)
        return len(drifted) - len(self._confirmed(build, drifted))

    def _confirmed(self, build: Build, suspect: Collection[Place]) -> dict[Place, Drift]:
        """Which of these rows differ for certain: of the others the truth changed while the store was asked."""
        if not suspect:
            return {}
        products = _products_of(suspect)
        with self.database.reading() as transaction:
            before = _expected(transaction, build, transaction.products.standing(build.catalog, products))
        ids = {name: [place.id for place in suspect if place.collection == name] for name in build.collections}
        found = self._read(build, lambda collection: self.store.stamps(collection, ids[collection]))
        mine = {place: row for place, row in before.rows.items() if place in suspect}
        drifted = self._drifted(build, replace(before, rows=mine), found)
        with self.database.reading() as transaction:
            after = _expected(transaction, build, transaction.products.standing(build.catalog, products))
        return {
            place: kind
            for place, kind in drifted.items()
            if place.product_id not in after.unsure
            and before.versions.get(place.product_id) == after.versions.get(place.product_id)
        }

    def _read(self, build: Build, stamps: Callable[[str], dict[str, Stamp]]) -> dict[Place, Stamp]:
        """The stamps of both collections, read side by side: a strong read waits for the store's clock to tick."""

        def read(collection: str) -> dict[Place, Stamp]:
            rows = none_if_lost(lambda: stamps(collection))
            return {Place(collection, row_id): stamp for row_id, stamp in rows.items()}

        return {place: stamp for some in self.pool.map(read, build.collections) for place, stamp in some.items()}

    def _drifted(self, build: Build, expected: _Expected, found: Mapping[Place, Stamp]) -> dict[Place, Drift]:
        drifted = _differing(expected, found)
        if not self.searches:
            return drifted
        sound = {place: row for place, row in expected.rows.items() if place not in drifted}
        return drifted | dict.fromkeys(self._unsearchable(build, sound), Drift.UNSEARCHABLE)

    def _unsearchable(self, build: Build, rows: Mapping[Place, PlannedRow]) -> list[Place]:
        """The rows that are not found by their own vectors; one whose vector is not stored is passed over.

        They are looked for as thoroughly as for any search: writing them again mends no parameter.
        """
        index, _ = build.searched(filtered=True)

        def look(portion: tuple[str, Sequence[PlannedRow]]) -> list[Place]:
            collection, some = portion
            with self.database.reading() as transaction:
                hashes = sorted({row.content_hash for row in some})
                vectors = transaction.embeddings.get(build.encoder.fingerprint, hashes)
            known = [row for row in some if row.content_hash in vectors]
            if not known:
                return []
            stacked = np.stack([vectors[row.content_hash] for row in known])
            hidden = not_found(self.store, index, collection, [row.id for row in known], stacked)
            return [Place(collection, row_id) for row_id in hidden]

        return [place for lost in self.pool.map(look, _portions(build, rows)) for place in lost]


def _expected(transaction: Transaction, build: Build, standing: Mapping[str, Standing]) -> _Expected:
    chosen = chosen_for_captions(transaction, build.catalog)
    settled = [name for name, one in standing.items() if one.state is UploadState.INDEXED]
    versions = [
        one
        for one in transaction.products.versions(build.catalog, settled)
        if one.version == standing[one.product.product_id].version
    ]
    failed = {}
    if transaction.builds.count_failed(build.id):
        failed = transaction.builds.failed_contents(build.id, sorted(contents_of(versions, chosen)))
    rows: dict[Place, PlannedRow] = {}
    sure: dict[str, int] = {}
    for one in encodable(versions, chosen, failed):
        planned = rows_of(one, chosen)
        if planned is not None:
            sure[one.product.product_id] = one.version
            rows.update((row.place(build), row) for row in planned)
    return _Expected(rows, sure, standing.keys() - sure.keys())


def _differing(expected: _Expected, found: Mapping[Place, Stamp]) -> dict[Place, Drift]:
    drifted: dict[Place, Drift] = {}
    for place, row in expected.rows.items():
        stamp = found.get(place)
        if stamp is None:
            drifted[place] = Drift.MISSING
        elif stamp != row.stamp:
            drifted[place] = Drift.STALE
    for place in found:
        if place not in expected.rows and place.product_id not in expected.unsure:
            drifted[place] = Drift.ORPHANED
    return drifted


def _portions(build: Build, rows: Mapping[Place, PlannedRow]) -> Iterator[tuple[str, Sequence[PlannedRow]]]:
    """The rows of each collection, as many at a time as are looked up in one search."""
    for collection in build.collections:
        some = [row for place, row in rows.items() if place.collection == collection]
        for start in range(0, len(some), SEARCHED):
            yield collection, some[start : start + SEARCHED]


def _products_of(places: Collection[Place]) -> list[str]:
    return sorted({place.product_id for place in places})
