"""Trying a dead upload once more, from the beginning."""

import logging

from app.domain.errors import BrokerUnavailable, Conflict, NotFound
from app.domain.uploads import Stage
from app.ports.database import Database
from app.ports.jobs import Jobs

log = logging.getLogger(__name__)


def retry(database: Database, jobs: Jobs, upload_id: str) -> None:
    """Revive a dead upload and wake its first stage.

    Raises `NotFound` (`unknown_upload`), and `Conflict` (`not_retryable`) where it is not dead or a newer one came.
    """
    with database.writing() as transaction:
        found = transaction.uploads.get([upload_id]).get(upload_id)
        if found is None:
            raise NotFound(f"there is no upload {upload_id}", code="unknown_upload", field="upload_id")
        if not transaction.uploads.retry(upload_id):
            raise Conflict(
                f"upload {upload_id} is {found.state.value}, and only a dead one that is the newest of its product "
                "is tried again: wait for one that is unfinished, or state the product anew",
                code="not_retryable",
                field="upload_id",
            )
    try:
        jobs.wake(Stage.INTAKE)
    except BrokerUnavailable as error:  # the sweep finds it
        log.warning("jobs.wake_failed", extra={"detail": error.detail})
