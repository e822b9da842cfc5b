"""Waking stages through Celery: by name, on the stage's queue; the tasks themselves stand in `workers`."""

import logging
import math
import time
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.domain.build_steps import BUILDING
from app.domain.errors import BrokerUnavailable
from app.domain.uploads import Stage

log = logging.getLogger(__name__)

TASK_MODULES = (
    "workers.tasks.intake",
    "workers.tasks.encode",
    "workers.tasks.index",
    "workers.tasks.builds",
    "workers.tasks.maintenance",
)
MAINTENANCE_QUEUE = "maintenance"
SWEEP_EVERY_S = 15  # how long an upload whose message was lost waits at most; the sweep itself is one count

# Of the tasks of uploads.
SOFT_LIMIT_S = 600  # a stage stops taking batches at a soft stop; a batch takes seconds
HARD_LIMIT_S = 900  # beyond the soft limit, so that a task can end by itself first
# Beyond the hard limit. The message of a build may come again while its task is at work, to another process: that
# finds the step taken, as long as its lease is kept, and does what else is due.
VISIBILITY_TIMEOUT_S = 1_800
# Of the tasks of builds. Where one hangs, the lease gives its step to another worker; this gives its process back,
# which did no step of a build meanwhile (in a prefork pool: no other can end a task). A part of tuning a million
# products may take longer than an upload's limits, and one that is ended is begun again: six hours are many times
# that. There is no soft limit, for between two steps a task ends by itself.
BUILD_LIMIT_S = 6 * 3_600
_OF_UPLOADS = {"soft_time_limit": SOFT_LIMIT_S, "time_limit": HARD_LIMIT_S}
_LIMITS = {
    "vitrine.sweep": _OF_UPLOADS,
    **{f"vitrine.{stage}": _OF_UPLOADS for stage in Stage},
    **{f"vitrine.build_{stage}": {"time_limit": BUILD_LIMIT_S} for stage in BUILDING},
}
AWAY_S = 5.0  # a broker that failed is asked again after this time: shorter than a sweep, so that it costs nothing

_FAILURES = (OperationalError, RedisError, OSError)


class VitrineCelery(Celery):  # type: ignore[misc] # Celery publishes no types
    """Celery, with the application its tasks work for."""

    application: Any = None


def make_celery(broker_url: str) -> VitrineCelery:
    """A Celery application for this broker; connects to nothing yet."""
    celery = VitrineCelery("vitrine", broker=broker_url, include=list(TASK_MODULES))
    celery.conf.update(
        # A message goes once its task has ended, or the child that ran it was killed. Where the whole worker was,
        # it comes again after the visibility timeout; nobody waits for that, the sweep wakes what is due long before.
        task_acks_late=True,
        worker_prefetch_multiplier=1,  # a message is a hint: hoarding them helps nobody
        task_ignore_result=True,  # the row says what became of it
        task_serializer="json",
        accept_content=["json"],
        task_annotations=_LIMITS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a worker outlives any outage of the broker
        worker_hijack_root_logger=False,
        task_routes={
            **{f"vitrine.{stage}": {"queue": stage.value} for stage in Stage},
            **{f"vitrine.build_{stage}": {"queue": stage.value} for stage in BUILDING},
            "vitrine.sweep": {"queue": MAINTENANCE_QUEUE},
        },
        beat_schedule={"sweep": {"task": "vitrine.sweep", "schedule": float(SWEEP_EVERY_S)}},
        # The schedule has nothing worth keeping between starts, so it needs no file.
        beat_scheduler="celery.beat:Scheduler",
        broker_transport_options=_transport_options(broker_url),
    )
    return celery


def _transport_options(broker_url: str) -> dict[str, Any]:
    if broker_url.startswith("memory://"):
        return {"polling_interval": 0.01}  # otherwise it idles a second at a time
    return {
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        # A publisher that cannot reach the broker says so at once; the sweeper makes up for it.
        "max_retries": 0,
    }


class CeleryJobs:
    """`Jobs` of the port. Safe to call from several threads."""

    def __init__(self, celery: VitrineCelery) -> None:
        self._celery = celery
        self._away_until = -math.inf

    def wake(self, stage: Stage) -> None:
        """Send one message, without waiting for anybody to take it.

        A broker that hangs holds up one call, and for a while no other: whoever uploads must not wait for it.
        """
        self._send(f"vitrine.{stage}")

    def wake_builds(self, stage: Stage) -> None:
        """Send one message to the workers of a stage that there may be a step of a build to do."""
        self._send(f"vitrine.build_{stage}")

    def _send(self, task: str) -> None:
        if time.monotonic() < self._away_until:
            raise BrokerUnavailable("the broker did not answer just now")
        try:
            self._celery.send_task(task, retry=False)
        except _FAILURES as error:
            self._away_until = time.monotonic() + AWAY_S
            raise _unavailable(error) from error

    def ping(self) -> None:
        """Return if the broker answers."""
        try:
            with self._celery.connection_for_write(connect_timeout=5) as connection:
                connection.ensure_connection(max_retries=0, timeout=5)
        except _FAILURES as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> BrokerUnavailable:
    # The driver's words name hosts: they are for the log, not for whoever asked.
    log.warning("broker.unavailable", extra={"detail": str(error)})
    return BrokerUnavailable("the broker does not answer")
