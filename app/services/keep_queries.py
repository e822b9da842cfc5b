"""The queries that are kept of a catalog: looked at, judged, forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.errors import Invalid
from app.domain.products import unknown_catalog
from app.domain.queries import MAX_JUDGED, OVERLAP, JudgedQuery, RecordedQuery
from app.domain.search import MAX_LIMIT
from app.ports.database import Database, Transaction

LISTED = 1_000
"""Recorded queries that are told of at once; a setting may keep more."""

MAX_GRADED = 100_000
"""Grades of a catalog together: a check reads all of them, three megabytes then."""


@dataclass(frozen=True, slots=True)
class KeptQueries:
    """The queries that were asked, the most frequent first, and the judged ones by their words.

    `unknown` are the judged products that are not in the catalog, by product_id: they may come yet.
    """

    recorded: Sequence[RecordedQuery]
    judged: Sequence[JudgedQuery]
    unknown: Sequence[str]


def kept_queries(database: Database, catalog: str) -> KeptQueries:
    """What is kept of a catalog. Raises `NotFound` (`unknown_catalog`)."""
    with database.reading() as transaction:
        _check_catalog(transaction, catalog)
        recorded = transaction.queries.recorded(catalog, most=LISTED, hits=MAX_LIMIT)
        judged = transaction.queries.judged(catalog)
        graded = sorted({product_id for one in judged for product_id in one.grades})
        standing = transaction.products.standing(catalog, graded)
    unknown = [name for name in graded if name not in standing or standing[name].deleted]
    return KeptQueries(recorded, judged, unknown)


def judge_queries(database: Database, catalog: str, judged: Sequence[JudgedQuery]) -> None:
    """Put judged queries in the place of those before.

    Raises `NotFound` (`unknown_catalog`) and `Invalid` (`too_many_queries`, `query_twice`).
    """
    if len(judged) > MAX_JUDGED:
        raise Invalid(f"a catalog has at most {MAX_JUDGED} judged queries", code="too_many_queries", field="queries")
    texts: set[str] = set()
    for one in judged:
        if one.text in texts:
            raise Invalid(
                f"{one.text!r} is judged twice: put its grades together", code="query_twice", field="queries"
            )
        texts.add(one.text)
    if sum(len(one.grades) for one in judged) > MAX_GRADED:
        raise Invalid(
            f"a catalog has at most {MAX_GRADED:,} judged products", code="too_many_queries", field="queries"
        )
    with database.writing() as transaction:
        _check_catalog(transaction, catalog)
        transaction.builds.hold_still(catalog)  # of two that judge at once, one comes after the other
        transaction.queries.judge(catalog, judged)


def forget_queries(database: Database, catalog: str) -> int:
    """Drop what shoppers asked, in reports of builds too; returns how many queries that were.

    What another process has drawn and not written down yet comes within seconds. Raises `NotFound`
    (`unknown_catalog`).
    """
    with database.writing() as transaction:
        _check_catalog(transaction, catalog)
        transaction.builds.hold_still(catalog)  # whoever records takes his turn
        for build in transaction.builds.all(catalog):
            if build.report and build.report.get("queries"):
                left = [one for one in build.report["queries"] if one["measure"] != OVERLAP]
                transaction.builds.set_report(build.id, {**build.report, "queries": left})
        return transaction.queries.forget(catalog)


def _check_catalog(transaction: Transaction, catalog: str) -> None:
    if transaction.catalogs.get(catalog) is None:
        raise unknown_catalog(catalog)
