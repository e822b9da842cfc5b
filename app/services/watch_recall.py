"""Watching how much searches find: some that were asked are asked again, and held against the exact answer."""

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from prometheus_client import Gauge

from app.domain.best_products import BestProducts
from app.domain.builds import Build, BuildState
from app.domain.embeddings import Vectors
from app.domain.filters import Filter
from app.domain.reservoir import Reservoir
from app.domain.search import BY_VECTOR, Candidate, Leg, SearchQuery
from app.ports.database import Database
from app.services.asked_afresh import asked_afresh
from app.services.catalog_columns import CatalogColumns, Selection, Snapshot
from app.services.explain_hits import best_scores, rows_by_leg
from app.services.search_legs import Found, Legs, Plan
from app.services.searches_first import SearchesFirst
from app.services.stored_vectors import Rows, stored_rows

DEPTH = 10  # the first page of a grid, as everywhere
DRAWN = 8
"""Searches of each band that are asked again at a time: in an hour they are some dozens."""

MOST_OF_TIME = 0.02
"""The share of a process's time that watching takes: ten seconds of it are followed by eight minutes without."""

BANDS = (1.0, 0.5, 0.05, 0.005, 0.0)
"""The least share of products that passes in each band; without a filter all do."""

RECALL = Gauge(
    "vitrine_recall",
    "recall@10 of searches that were drawn from what was asked, when they were last held against the exact answer, "
    "by leg and by the least share of products that passed their filter",
    ["leg", "passing"],
)
WATCHED = Gauge("vitrine_recall_searches", "How many searches that was measured by", ["leg", "passing"])


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search as it was asked, by which vectors its legs were, and the band of the products it was among."""

    query: SearchQuery
    where: Filter | None
    vectors: Mapping[Leg, Vectors]
    band: float


@dataclass(frozen=True, slots=True)
class _Again:
    """The same asked again: what its legs brought, and the best of all products that were shown to it."""

    asked: _Asked
    passing: Selection
    answers: Mapping[Leg, Sequence[Candidate]]
    best: Mapping[Leg, BestProducts]

    def show(self, leg: Leg, rows: Rows) -> None:
        """Show it some stored rows."""
        if leg in self.best:
            planned, scores = best_scores(rows, self.asked.vectors[leg])
            product_ids = [row.product_id for row in planned]
            passing = self.passing.holds(product_ids)
            self.best[leg].add([product_ids[place] for place in np.flatnonzero(passing)], scores[None, passing])

    def recall(self, leg: Leg, slack: float) -> float:
        """The share of a leg's best products that it brought; NaN where most of them are not to be judged."""
        answer = {one.product_id: one.score for one in self.answers[leg][:DEPTH]}
        return float(self.best[leg].recall([answer], slack=slack)[0])


class RecallWatch:
    """Draws searches of one process, the same number of each band, and measures them. Safe to use from threads."""

    def __init__(self, database: Database, legs: Legs, columns: CatalogColumns, first: SearchesFirst) -> None:
        self._database = database
        self._legs = legs
        self._columns = columns
        self._first = first
        self._lock = threading.Lock()
        self._drawn: dict[tuple[str, float], Reservoir[_Asked]] = {}
        self._due = 0.0

    def note(self, plan: Plan, query: SearchQuery, found: Found) -> None:
        """Note that a search was answered: each of a band has the same chance to be asked again."""
        weights = {leg: weight for leg, weight in query.weights.items() if leg in BY_VECTOR and leg in found.legs}
        if not any(weights.values()):
            return
        share = plan.passing.count / max(plan.passing.everything, 1)
        band = next(least for least in BANDS if share >= least)
        # By its vectors: a picture is megabytes, and a shopper's.
        bare = replace(query, legs=weights, image=None, collapse_duplicates=False)
        asked = _Asked(bare, plan.where, found.vectors, band)
        with self._lock:
            self._drawn.setdefault((plan.build.id, band), Reservoir(DRAWN)).add(asked)

    def measure(self) -> None:
        """Measure what was drawn since the last time, if it is time again. Raises `Unavailable`."""
        started = time.monotonic()
        if started < self._due:
            return
        with self._lock:
            drawn, self._drawn = self._drawn, {}
        shares: dict[tuple[Leg, float], list[float]] = {}
        for build_id in {build_id for build_id, _ in drawn}:
            asked = [one for key, some in drawn.items() if key[0] == build_id for one in some.drawn]
            for leg, band, share in self._measured(build_id, asked):
                shares.setdefault((leg, band), []).append(share)
        for (leg, band), some in shares.items():
            RECALL.labels(leg.value, f"{band:g}").set(sum(some) / len(some))
            WATCHED.labels(leg.value, f"{band:g}").set(len(some))
        self._due = time.monotonic() + (time.monotonic() - started) / MOST_OF_TIME

    def _measured(self, build_id: str, asked: Sequence[_Asked]) -> Iterator[tuple[Leg, float, float]]:
        """By leg and band the recall of each search; of a build that is live no more none."""
        with self._database.reading() as transaction:
            build = transaction.builds.get(build_id)
            if build is None or build.state is not BuildState.LIVE:
                return
            snapshot = self._columns.snapshot(transaction, build.catalog)
        again = [self._again(build, snapshot, one) for one in asked]
        rest = self._first.rests()
        for page in stored_rows(self._database, build):
            for leg, rows in rows_by_leg(*page).items():
                for one in again:
                    one.show(leg, rows)
            rest()
        for one in again:
            for leg in one.answers:
                share = one.recall(leg, build.index.inexactness)
                if not math.isnan(share):
                    yield leg, one.asked.band, share

    def _again(self, build: Build, snapshot: Snapshot, asked: _Asked) -> _Again:
        passing = snapshot.passing(asked.where)
        vectors = {leg: asked_afresh(some) for leg, some in asked.vectors.items()}
        answers = self._legs.search(Plan(build, asked.where, passing), asked.query, vectors)
        return _Again(asked, passing, answers, {leg: BestProducts(1, DEPTH) for leg in answers})
