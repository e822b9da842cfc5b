"""Checking a build before it may go live: is everything in it, and is it found?"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.build_steps import Step
from app.domain.builds import Build, BuildState
from app.domain.embeddings import text_hash
from app.ports.builds import Comparison
from app.ports.database import Database
from app.ports.vectors import VectorStore
from app.services.finish_step import finish_step

log = logging.getLogger(__name__)

SAMPLE = 200  # products whose own vectors are searched: of a build that hides 2 % one is missed with p < .02
DEPTH = 10  # how far down its own vector's ranking a row may stand: the same picture may be many products'
SAME = 1 - 1e-3  # the cosine of vectors that differ by rounding, or by the index's quantisation of what is stored


@dataclass(frozen=True, slots=True)
class Checker:
    """Compares a build with the database, and a sample of it with what it finds."""

    database: Database
    store: VectorStore

    def check(self, step: Step) -> None:
        """Write the report down; the build is ready then, whether it may go live or not."""
        build = step.build
        with self.database.reading() as transaction:
            compared = transaction.holdings.compare(build.id)
            failed = len(transaction.builds.failed_contents(build.id))
        checks = [*_counts(compared, failed), self._found(build)]
        report = {"passed": all(check["passed"] for check in checks), "checks": checks}
        with self.database.writing() as transaction:
            if finish_step(transaction, step):
                transaction.builds.set_report(build.id, report)
                transaction.builds.set_state(build.id, BuildState.READY)
                transaction.builds.record(build.id, "ready", {"passed": report["passed"]})
                log.info("build.ready", extra={"build": build.id, "passed": report["passed"]})

    def _found(self, build: Build) -> dict[str, Any]:
        """How many of a sample of products are found by the vector of their own caption."""
        with self.database.reading() as transaction:
            ids = transaction.holdings.sample(build.id, SAMPLE)
            catalog = transaction.catalogs.get(build.catalog)
            chosen = catalog.caption if catalog else ()
            versions = transaction.products.versions(build.catalog, ids)
            names = {one.product.product_id: text_hash(one.product.caption(chosen)) for one in versions}
            vectors = transaction.embeddings.get(build.encoder.fingerprint, sorted(set(names.values())))
        asked = [product_id for product_id, name in names.items() if name in vectors]
        if not asked:
            return _check("found by their own vector", 1.0, least=1.0)
        queries = np.stack([vectors[names[product_id]] for product_id in asked])
        answers = self.store.search(build.texts, queries, limit=DEPTH, index=build.index)
        found = sum(
            any(one.product_id == product_id for one in some) or (len(some) == DEPTH and some[-1].score >= SAME)
            for product_id, some in zip(asked, answers, strict=True)
        )
        return _check("found by their own vector", found / len(asked), least=1.0)


def _counts(compared: Comparison, failed: int) -> list[dict[str, Any]]:
    return [
        _check("products missing", compared.missing, most=0),
        _check("products it should not have", compared.extra, most=0),
        _check("contents its encoder failed on", failed, most=0),
    ]


def _check(name: str, measured: float, *, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    passed = (least is None or measured >= least) and (most is None or measured <= most)
    bound = {"at_least": least} if least is not None else {"at_most": most}
    return {"name": name, "measured": measured, **bound, "passed": passed}
