"""Accepting uploads: check everything, then write everything down in one transaction, then wake a stage.

Pictures that come along are checked and stored here, so that a bad one is refused with the request and leaves nothing
behind. Pictures named by a URL are fetched by the intake stage.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from app.domain.embeddings import picture_hash
from app.domain.errors import BrokerUnavailable, VitrineError
from app.domain.products import Catalog, check_attributes, check_product, unknown_catalog
from app.domain.submissions import Submission
from app.domain.uploads import Picture, Stage, Upload, UploadKind
from app.domain.urls import UrlPolicy
from app.ports.blobs import Blob, Blobs
from app.ports.database import Database
from app.ports.jobs import Jobs
from app.ports.pictures import PictureChecker
from app.services.record_uploads import Checked, record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reception:
    """Everything that accepting needs. `pool` checks pictures side by side, in at most `slices` at a time."""

    database: Database
    checker: PictureChecker
    urls: UrlPolicy
    blobs: Blobs
    jobs: Jobs
    pool: Executor
    slices: int


def accept(reception: Reception, catalog_name: str, submissions: Sequence[Submission]) -> list[Upload | VitrineError]:
    """Accept what can be accepted: for each submission, in order, its receipt or why it was refused.

    Raises `NotFound` (`unknown_catalog`), and `Unavailable` where nothing was accepted at all.
    """
    with reception.database.reading() as transaction:
        catalog = transaction.catalogs.get(catalog_name)
    if catalog is None:
        raise unknown_catalog(catalog_name)
    checked = _check_all(reception, catalog, submissions)
    answers = record(reception.database, reception.blobs, catalog, checked)
    _wake(reception.jobs, answers)
    return answers


def _check_all(
    reception: Reception, catalog: Catalog, submissions: Sequence[Submission]
) -> list[Checked | VitrineError]:
    """Check side by side: a slice a thread, for most checks take less time than handing them over."""
    if len(submissions) <= 1:
        return [_check(reception, catalog, one) for one in submissions]
    size = -(-len(submissions) // reception.slices)
    slices = [submissions[start : start + size] for start in range(0, len(submissions), size)]
    checked = reception.pool.map(lambda some: [_check(reception, catalog, one) for one in some], slices)
    return [one for some in checked for one in some]


def _check(reception: Reception, catalog: Catalog, submission: Submission) -> Checked | VitrineError:
    try:
        if submission.kind is UploadKind.UPSERT:
            product = check_product(submission.product, catalog.attributes)
            return _check_pictures(reception, Checked(submission, product))
        stated = {name: value for name, value in (submission.changes or {}).items() if value is not None}
        taken = {name: None for name, value in (submission.changes or {}).items() if value is None}
        check_attributes(taken, catalog.attributes)
        changes = {**check_attributes(stated, catalog.attributes), **taken}
        return Checked(submission, submission.product, changes=changes)
    except VitrineError as error:
        return error


def _check_pictures(reception: Reception, checked: Checked) -> Checked:
    pictures: list[Picture] = []
    blobs: dict[str, Blob] = {}
    for position, stated in enumerate(checked.submission.pictures):
        try:
            if isinstance(stated, str):
                pictures.append(Picture(position, url=reception.urls.check_url(stated)))
                continue
            found = reception.checker.check(stated)
        except VitrineError as error:
            error.field = f"images[{position}]"
            raise
        name = picture_hash(found.content)
        blobs[name] = Blob(found.content, found.media_type)
        pictures.append(Picture(position, content_hash=name, width=found.width, height=found.height))
    return Checked(checked.submission, checked.product, tuple(pictures), blobs)


def _wake(jobs: Jobs, answers: Sequence[Upload | VitrineError]) -> None:
    """After the commit: the rows are the work, so a broker that does not answer costs time and nothing else."""
    waiting = {answer.state for answer in answers if isinstance(answer, Upload)}
    try:
        for stage in Stage:
            if stage.takes in waiting:
                jobs.wake(stage)
    except BrokerUnavailable as error:
        log.warning("jobs.wake_failed", extra={"detail": error.detail})
