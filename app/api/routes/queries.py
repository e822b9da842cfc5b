"""Queries that are kept of a catalog, to be asked of a build before it goes live."""

from fastapi import APIRouter
from fastapi.responses import Response

from app.api.dependencies import CHECKED, App, CatalogName
from app.api.documents import answer
from app.api.openapi import problems
from app.api.schemas.queries import (
    ForgottenDocument,
    JudgedDocument,
    JudgedIn,
    QueriesDocument,
    RecordedDocument,
)
from app.bootstrap import Application
from app.domain.queries import told_of
from app.services.keep_queries import forget_queries, judge_queries, kept_queries

NAMED = 5
"""Judged products that are not in the catalog and are told by name: enough to see which kind they are."""

router = APIRouter(prefix="/v1/catalogs/{catalog}", dependencies=CHECKED)


@router.get("/queries", response_model=QueriesDocument, responses=problems(404))
def get_queries(application: App, catalog: CatalogName) -> Response:
    """What shoppers asked, and what somebody has judged."""
    return _told(application, catalog)


@router.put("/queries/judged", response_model=QueriesDocument, responses=problems(404))
def put_judged(application: App, catalog: CatalogName, body: JudgedIn) -> Response:
    """Put judged queries in the place of those before; an empty list takes them away.

    Products that are not in the catalog are taken too, for they may come yet; the answer tells of them.
    """
    judge_queries(application.database, catalog, [one.judged() for one in body.queries])
    return _told(application, catalog)


@router.post("/queries:forget", response_model=ForgottenDocument, responses=problems(404))
def post_forget(application: App, catalog: CatalogName) -> Response:
    """Drop what shoppers asked; judged queries stay."""
    application.searcher.recorder.forget(catalog)
    return answer(ForgottenDocument(forgotten=forget_queries(application.database, catalog)))


def _told(application: Application, catalog: str) -> Response:
    kept = kept_queries(application.database, catalog)
    recorded: list[RecordedDocument] = [
        {"query": told_of(one.query), "asked": one.asked, "last_at": one.last_at.isoformat()} for one in kept.recorded
    ]
    judged: list[JudgedDocument] = [{"text": one.text, "products": one.grades} for one in kept.judged]
    told: QueriesDocument = {"recorded": recorded, "judged": judged}
    if kept.unknown:
        told["unknown"] = {"products": len(kept.unknown), "first": list(kept.unknown[:NAMED])}
    return answer(told)
