"""Comparing index types: each is built of the same stored captions, searched, and dropped."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.best_products import BestProducts
from app.domain.builds import Build, IndexSpec
from app.domain.errors import Invalid
from app.domain.index_size import index_bytes
from app.domain.tuning import Ladder
from app.ports.database import Database
from app.ports.vectors import Stamp, VectorRow, VectorStore
from app.services.measure_searches import Meter, Target
from app.services.stored_vectors import PAGE, Rows, rows_with_vectors

COMPARED = 20_000
"""Captions at most: 40 MB of 512 dimensions, which a store indexes in some ten seconds."""

_LOOK_AGAIN_S = 0.1  # an index is built in seconds
_HOLD_EVERY_S = 1.0  # a lease lasts minutes, and an upload takes as long anyway
_PATIENCE_S = 600.0  # of that many vectors: a store that takes longer never ends


@dataclass(frozen=True, slots=True)
class Comparer:
    """Tries index types beside a build, with the questions of a meter."""

    database: Database
    store: VectorStore
    meter: Meter
    build: Build

    def compare(self, name: str, depth: int, recall: float) -> dict[str, Any]:
        """What an index type costs; one that this store cannot build is told and passed over."""
        with self.database.reading() as transaction:
            ids = transaction.holdings.sample(self.build.id, COMPARED)
        index = IndexSpec.of(name)
        dimension = self.build.encoder.dimension
        told = {"index": name, "rows": len(ids), "params": dict(index.build_params)}
        collection = self.build.trials[name]
        try:
            self.store.check(index, dimension=dimension)
            self.store.create(collection, dimension=dimension, index=index)
            exact = BestProducts(len(self.meter.questions.vectors), depth)
            seconds = self._filled(collection, ids, exact)
            return {
                **told,
                "rows": exact.products,
                "build_seconds": round(seconds, 2),
                "bytes": index_bytes(index, rows=exact.products, dimension=dimension),
                **self._searched(index, Target(collection, exact), recall),
            }
        except Invalid as error:
            return {**told, "passed_over": error.detail}
        except TimeoutError:
            return {**told, "passed_over": f"it was not indexed within {_PATIENCE_S:g} s"}
        finally:
            self.store.drop(collection)

    def _captions(self, ids: Sequence[str]) -> Iterator[Rows]:
        for start in range(0, len(ids), PAGE):
            self.meter.held.go_on()
            with self.database.reading() as transaction:
                rows, _ = rows_with_vectors(transaction, self.build, ids[start : start + PAGE])
            if rows is not None:
                yield rows

    def _filled(self, collection: str, ids: Sequence[str], exact: BestProducts) -> float:
        """Write the captions, and show them to the questions; returns the seconds until they were indexed."""
        seconds = 0.0
        for rows in self._captions(ids):
            products, scores = rows.best(self.meter.questions.vectors)
            exact.add([one.product_id for one in products], scores)
            written = [
                VectorRow(row.id, row.product_id, Stamp(1, 0), vector, {})
                for row, vector in zip(rows.planned, rows.vectors, strict=True)
            ]
            started = time.perf_counter()
            self.store.upsert(collection, written)
            seconds += time.perf_counter() - started
        started = time.perf_counter()
        self.store.settle(collection)
        self.store.seal(collection)
        away = self._wait_for(collection, self.store.unindexed)
        seconds += time.perf_counter() - started - away
        self._wait_for(collection, self.store.unserved)
        return seconds

    def _wait_for(self, collection: str, lacking: Callable[[str], int]) -> float:
        """Returns the seconds in which uploads were done meanwhile, and nobody looked."""
        away, last = 0.0, time.perf_counter()
        until = last + _PATIENCE_S
        while lacking(collection):
            now = time.perf_counter()
            if now > until + away:
                raise TimeoutError
            if now > last + _HOLD_EVERY_S:
                self.meter.held.go_on()
                last = time.perf_counter()
                away += last - now
            time.sleep(_LOOK_AGAIN_S)
        return away

    def _searched(self, index: IndexSpec, target: Target, recall: float) -> dict[str, Any]:
        if index.tunable is None:
            found, params = self.meter.recall(index, [target]), {}
        else:
            ladder = Ladder(recall)
            self.meter.climb(index, [target], ladder)
            index = index.searched_with(ladder.chosen)
            found, params = ladder.recalls[ladder.chosen], dict(index.search_params)
        (ms,) = self.meter.median_ms([index], [target])
        return {"search_params": params, "recall": found, "ms": round(ms, 2), "reached": found >= recall}


def drop_trials(store: VectorStore, build: Build) -> None:
    """Drop what a worker left that was killed while it compared."""
    for collection in build.trials.values():
        store.drop(collection)
