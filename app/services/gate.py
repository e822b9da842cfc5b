"""The gate: a build is compared with the database, with the exact answer, and with the live build it is to follow.

Everything is measured on stored vectors, so that no encoder is called: that of the live build has the same contents.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.builds import Build
from app.domain.drift import Drift, Reconciled
from app.domain.queries import NDCG, OVERLAP
from app.domain.verdicts import INDEX_RECALL, Verdict, check
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.find_drift import DriftFinder
from app.services.own_vectors import DEPTH
from app.services.reconcile import PAGE
from app.services.replay_queries import Replay, Replayer
from app.services.sample_build import (
    Sample,
    found_by_own_vector,
    median_ms,
    picture_ranks,
    recall_of_index,
    sample_of,
)

SAMPLE = 500
"""Products that are looked at: a share of them is told to within 2 %."""

LOSERS = 10
"""Products that a report names because they were found by their caption before, and are no longer."""

NEGLIGIBLE_MS = 5.0
"""A search that takes so much longer is no slower: a busy machine gives more than that to chance."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """What a build may cost.

    `found` and `recall` are the least shares found by their own vectors, and of the exact ten; `drop` is how much
    smaller the share of captions may be that find their picture, and the nDCG and recall of judged queries; `slower`
    how many times as long a search takes; `overlap` the least share that answers to recorded queries have in common.
    """

    found: float = 0.99
    recall: float = 0.95
    drop: float = 0.02
    slower: float = 2.0
    overlap: float = 0.0


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything that judging a build needs. `finder` compares rows, and searches for none of them."""

    database: Database
    store: VectorStore
    finder: DriftFinder
    replayer: Replayer
    budgets: Budgets

    def judge(self, build: Build, live: Build | None, between: Callable[[], object]) -> Verdict:
        """Judge a build beside the live one, if there is one; `between` is called again and again."""
        verdict = Verdict([*self._counts(build), *self._rows(build, between)])
        with self.database.reading() as transaction:
            ids = transaction.holdings.sample(build.id, SAMPLE)
            sample = sample_of(transaction, build, ids)
            before = sample_of(transaction, live, ids) if live else None
        between()
        verdict += Verdict(list(self._alone(build, sample, between)))
        if live is not None and before is not None and len(before.product_ids):
            between()
            verdict += self._beside(build, sample, live, before, between)
            verdict += self._replayed(build, live, between)
        return verdict

    def _counts(self, build: Build) -> Iterator[dict[str, Any]]:
        with self.database.reading() as transaction:
            compared = transaction.holdings.compare(build.id)
            failed = transaction.builds.count_failed(build.id)
        yield check("products missing", compared.missing, most=0)
        yield check("products it should not have", compared.extra, most=0)
        yield check("contents its encoder failed on", failed, most=0)

    def _rows(self, build: Build, between: Callable[[], object]) -> Iterator[dict[str, Any]]:
        """Every row that the store has, by its key and by what it is of."""
        found, after = Reconciled(), ""
        while True:
            with self.database.reading() as transaction:
                up_to = transaction.products.page_end(build.catalog, after, PAGE)
            examined = self.finder.examine(build, after, up_to)
            found = found.with_more(examined.rows, examined.drifted.values(), 0)
            after = up_to
            between()
            if not after:
                break
        for kind in (Drift.MISSING, Drift.ORPHANED, Drift.STALE):
            yield check(f"rows {kind.value} in the store", found.drifted[kind], most=0, of=found.rows)

    def _alone(self, build: Build, sample: Sample, between: Callable[[], object]) -> Iterator[dict[str, Any]]:
        found = found_by_own_vector(self.database, self.store, build, sample, between)
        yield check("found by their own vector", found, least=self.budgets.found)
        recall = recall_of_index(self.database, self.store, build, sample.captions, between)
        yield check(INDEX_RECALL, recall, least=self.budgets.recall)

    def _beside(
        self, build: Build, sample: Sample, live: Build, before: Sample, between: Callable[[], object]
    ) -> Verdict:
        """Captions find their pictures, and how long that takes."""
        was = picture_ranks(self.store, live, before, between)
        now = picture_ranks(self.store, build, sample, between)
        checks = []
        if was and now:
            least = max(0.0, _share(was) - self.budgets.drop)
            name = f"captions that find their picture in {DEPTH}"
            checks.append(check(name, _share(now), least=least, live=_share(was), of=len(now)))
        if len(sample.product_ids):
            live_ms, ms = median_ms(self.store, [(live, before.captions), (build, sample.captions)])
            most = max(live_ms * self.budgets.slower, live_ms + NEGLIGIBLE_MS)
            checks.append(check("milliseconds of a search", ms, most=most, live=live_ms))
        lost = sorted((rank, one) for one, rank in was.items() if rank is not None and now.get(one, 1) is None)
        return Verdict(checks, [{"product_id": one, "before": rank, "now": None} for rank, one in lost[:LOSERS]])

    def _replayed(self, build: Build, live: Build, between: Callable[[], object]) -> Verdict:
        """What was asked before, and what somebody has judged."""
        found = self.replayer.replay(build, live, between)
        return self._judged(build, found) + self._overlap(build, found)

    def _overlap(self, build: Build, found: Replay) -> Verdict:
        """Where a budget bounds it and no query could be asked, nothing is known to be alike."""
        recorded = found.recorded
        if not recorded and not (found.recorded_unasked and self.budgets.overlap):
            return Verdict([])
        asked = sum(one.weight for one in recorded)
        alike = sum(one.weight * one.overlap for one in recorded) / asked if asked else 0.0
        name = f"{OVERLAP} of recorded queries"
        looked = check(name, alike, least=self.budgets.overlap, of=len(recorded))
        least_alike = [(one, 1.0, one.overlap) for one in recorded]
        return Verdict([looked], queries=self.replayer.losers(build.catalog, OVERLAP, least_alike))

    def _judged(self, build: Build, found: Replay) -> Verdict:
        judged = found.judged
        checks = []
        if found.judged_unasked:
            of = len(judged) + found.judged_unasked
            checks.append(check("judged queries that could not be asked", found.judged_unasked, most=0, of=of))
        if judged:
            checks.append(self._no_drop(f"{NDCG} of judged queries", [one.ndcg for one in judged]))
            checks.append(self._no_drop(f"recall@{DEPTH} of judged queries", [one.recall for one in judged]))
        by_ndcg = [(one, *one.ndcg) for one in judged]
        return Verdict(checks, queries=self.replayer.losers(build.catalog, NDCG, by_ndcg))

    def _no_drop(self, name: str, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
        before, now = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
        return check(name, now, least=max(0.0, before - self.budgets.drop), live=before, of=len(pairs))


def _share(ranks: Mapping[str, int | None]) -> float:
    return sum(rank is not None for rank in ranks.values()) / len(ranks)
