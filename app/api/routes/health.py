"""Whether the service lives, whether it is ready and what is wrong, and its metrics."""

import logging
from collections.abc import Callable
from functools import partial

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from app.api.dependencies import App
from app.api.documents import answer
from app.api.schemas.documents import HealthDocument
from app.bootstrap import Application
from app.domain.drift import Reconciled
from app.domain.errors import DatabaseUnavailable, VitrineError
from app.services.reconcile import RECONCILED
from app.services.search_breaker import BreakerState

log = logging.getLogger(__name__)

router = APIRouter()

UPLOADS = Gauge("vitrine_uploads", "Uploads by state, of every catalog", ["state"])
DRIFT = Gauge("vitrine_drift_rows", "Rows that differed when builds were last reconciled, by kind", ["kind"])
DRIFT_LEFT = Gauge("vitrine_drift_left_rows", "Those of them that could not be repaired")
BREAKER = Gauge("vitrine_search_breaker", "1 for the state of the circuit breaker round Milvus's searches", ["state"])
RECONCILED_AT = Gauge("vitrine_reconciled_timestamp_seconds", "When the build was reconciled that waits longest")


@router.get("/health/live", response_model=HealthDocument)
def live() -> Response:
    """The process answers."""
    return answer(HealthDocument(status="ok"))


@router.get("/health/ready", response_model=HealthDocument, responses={503: {"model": HealthDocument}})
def ready(application: App) -> Response:
    """Every part this process needs, and what is wrong with it."""
    told = parts_of(application)
    well = all(part["status"] == "ok" for part in told.values())
    return answer(HealthDocument(status="ok" if well else "unavailable", parts=told), 200 if well else 503)


def parts_of(application: Application) -> dict[str, dict[str, str]]:
    """How every part is that this process needs, by name."""
    parts: dict[str, Callable[[], object]] = {
        "database": application.database.ping,
        "vectors": partial(_check_vectors, application),
        "broker": application.jobs.ping,
        "pictures": application.blobs.ping,
        "encoder": application.check_encoders,
    }
    if application.worker is not None:
        parts["worker"] = application.worker.ping
    return {name: _state(name, check) for name, check in parts.items()}


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(application: App) -> Response:
    """Prometheus metrics; uploads and what drifted are counted as they are asked for."""
    now = application.breaker.state
    for state in BreakerState:
        BREAKER.labels(state.value).set(state is now)
    with application.database.reading() as transaction:
        for reached, count in transaction.uploads.counts().items():
            UPLOADS.labels(reached.value).set(count)
        last = transaction.builds.last_events(RECONCILED)
    together = sum((Reconciled.read(event.told) for event in last), start=Reconciled())
    for kind, count in together.drifted.items():
        DRIFT.labels(kind.value).set(count)
    DRIFT_LEFT.set(together.left)
    RECONCILED_AT.set(min((event.at.timestamp() for event in last), default=0.0))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _check_vectors(application: Application) -> None:
    """Whether the store answers and has every live build. Raises `StoreUnavailable` (`index_lost`).

    While it fails every search, that is told at once.
    """
    application.breaker.check()
    try:
        with application.database.reading() as transaction:
            found = [transaction.builds.live(catalog.name) for catalog, _ in transaction.catalogs.all()]
    except DatabaseUnavailable:
        found = []  # which is told of the database; the store may still be well
    application.store.ping([name for build in found if build for name in build.collections])


def _state(part: str, check: Callable[[], object]) -> dict[str, str]:
    try:
        check()
    except VitrineError as error:
        log.warning("health.unavailable", extra={"part": part, "code": error.code, "detail": error.detail})
        return {"status": "unavailable", "code": error.code, "detail": error.shown}
    return {"status": "ok"}
