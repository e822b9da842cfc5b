"""Logs: one event a line, on stderr. Names are dotted and stable; values stand in fields, never in the name."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from app.config import Settings

_QUIET = (
    "httpx",
    "httpcore",
    "celery",
    "amqp",
    "alembic",
    "uvicorn.access",
    "botocore",
    "urllib3",
)


def _without_colours(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Uvicorn says everything a second time, in colours."""
    event.pop("color_message", None)
    return event


def configure_logging(settings: Settings) -> None:
    """Send every logger of this process through one formatter."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        last: list[Any] = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    else:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    # The hub's client reads this when it is imported, later, and would tell of every retry twice.
    os.environ.setdefault("HF_HUB_VERBOSITY", "critical")
    # And transformers warns of what its own library wrote into a model's config.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # These log a traceback for every failure that we translate and tell of ourselves.
    for name in ("grpc", "pymilvus", "milvus_lite", "faiss"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It warns that memory:// has no host, every time.
    logging.getLogger("kombu").setLevel(logging.ERROR)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
