"""The gate: a build is compared with the database, with the exact answer, and with the live build it is to follow.

Everything is measured on stored vectors, so that no encoder is called: that of the live build has the same contents.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.build_steps import Step
from app.domain.builds import Build, BuildState
from app.ports.builds import Comparison
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.finish_step import finish_step
from app.services.sample_build import (
    DEPTH,
    Sample,
    found_by_own_vector,
    median_ms,
    picture_ranks,
    recall_of_index,
    sample_of,
)

log = logging.getLogger(__name__)

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
    smaller the share of captions may be that find their picture, and `slower` how many times as long a search takes.
    """

    found: float = 0.99
    recall: float = 0.95
    drop: float = 0.02
    slower: float = 2.0


@dataclass(frozen=True, slots=True)
class Checker:
    """Everything that the gate needs."""

    database: Database
    store: VectorStore
    budgets: Budgets

    def check(self, step: Step) -> None:
        """Write the report down; the build is ready then, whether it may go live or not."""
        build = step.build
        with self.database.reading() as transaction:
            compared = transaction.holdings.compare(build.id)
            failed = transaction.builds.count_failed(build.id)
            ids = transaction.holdings.sample(build.id, SAMPLE)
            sample = sample_of(transaction, build, ids)
            live = transaction.builds.live(build.catalog)
            before = sample_of(transaction, live, ids) if live else None
        checks = [*_counts(compared, failed), *self._alone(build, sample)]
        losers: list[dict[str, Any]] = []
        if live is not None and before is not None and len(before.product_ids):
            more, losers = self._beside(build, sample, live, before)
            checks += more
        report = {"passed": all(check["passed"] for check in checks), "checks": checks, "losers": losers}
        with self.database.writing() as transaction:
            if finish_step(transaction, step):
                transaction.builds.set_report(build.id, report)
                transaction.builds.set_state(build.id, BuildState.READY)
                transaction.builds.record(build.id, "ready", {"passed": report["passed"]})
                log.info("build.ready", extra={"build": build.id, "passed": report["passed"]})

    def _alone(self, build: Build, sample: Sample) -> list[dict[str, Any]]:
        found = found_by_own_vector(self.store, build, sample)
        recall = recall_of_index(self.database, self.store, build, sample.captions)
        return [
            _check("found by their own vector", found, least=self.budgets.found),
            _check(f"recall@{DEPTH} against exact", recall, least=self.budgets.recall),
        ]

    def _beside(
        self, build: Build, sample: Sample, live: Build, before: Sample
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The checks against the live build, and who loses by the change."""
        was, now = picture_ranks(self.store, live, before), picture_ranks(self.store, build, sample)
        checks = []
        if was and now:
            least = max(0.0, _share(was) - self.budgets.drop)
            checks.append(_check(f"captions that find their picture in {DEPTH}", _share(now), least=least))
        if len(sample.product_ids):
            live_ms, ms = median_ms(self.store, [(live, before.captions), (build, sample.captions)])
            most = max(live_ms * self.budgets.slower, live_ms + NEGLIGIBLE_MS)
            checks.append(_check("milliseconds of a search", ms, most=most))
        lost = sorted((rank, one) for one, rank in was.items() if rank is not None and now.get(one, 1) is None)
        return checks, [{"product_id": one, "before": rank, "now": None} for rank, one in lost[:LOSERS]]


def _share(ranks: Mapping[str, int | None]) -> float:
    return sum(rank is not None for rank in ranks.values()) / len(ranks)


def _counts(compared: Comparison, failed: int) -> list[dict[str, Any]]:
    return [
        _check("products missing", compared.missing, most=0),
        _check("products it should not have", compared.extra, most=0),
        _check("contents its encoder failed on", failed, most=0),
    ]


def _check(name: str, measured: float, *, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    passed = (least is None or measured >= least) and (most is None or measured <= most)
    bounds = {"at_least": least, "at_most": most}
    told = {key: round(value, 4) for key, value in bounds.items() if value is not None}
    return {"name": name, "measured": round(float(measured), 4), **told, "passed": bool(passed)}
