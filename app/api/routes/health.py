"""Whether the service lives, whether it is ready and what is wrong, and its metrics."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.api.dependencies import App
from app.api.documents import answer
from app.domain.errors import VitrineError

router = APIRouter()


@router.get("/health/live")
def live() -> Response:
    """The process answers."""
    return answer({"status": "ok"})


@router.get("/health/ready")
def ready(application: App) -> Response:
    """Every part this process needs, and what is wrong with it."""
    parts = {
        "database": application.database.ping,
        "vectors": application.store.ping,
        "broker": application.jobs.ping,
        "pictures": application.blobs.ping,
        "encoder": application.check_encoders,
    }
    told = {name: _state(check) for name, check in parts.items()}
    well = all(part["status"] == "ok" for part in told.values())
    return answer({"status": "ok" if well else "unavailable", "parts": told}, 200 if well else 503)


@router.get("/metrics")
def metrics() -> Response:
    """Prometheus metrics."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _state(check: Callable[[], object]) -> dict[str, str]:
    try:
        check()
    except VitrineError as error:
        return {"status": "unavailable", "code": error.code, "detail": error.detail}
    return {"status": "ok"}
