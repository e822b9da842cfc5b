"""Intake: fetches the pictures that uploads name by URL, checks them and stores them under their content hash.

A picture that cannot be had is marked, and its product goes on without it.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future

from app.domain.embeddings import picture_hash
from app.domain.errors import FetchFailed, Gone, Refused, VitrineError
from app.domain.uploads import MAX_ATTEMPTS, Claim, Picture
from app.ports.blobs import Blobs
from app.ports.database import Transaction
from app.ports.fetching import PictureFetcher
from app.ports.pictures import PictureChecker
from app.ports.uploads import Failure
from app.services.run_stage import Begin, Outcome


def intake(fetcher: PictureFetcher, checker: PictureChecker, blobs: Blobs, pool: Executor) -> Begin:
    """The work of the intake stage; `pool` fetches side by side."""

    def begin(claims: Sequence[Claim]) -> Callable[[], Outcome]:
        fetching = {
            claim.upload_id: [
                pool.submit(_fetch, fetcher, checker, blobs, picture, last_try=claim.attempts >= MAX_ATTEMPTS)
                for picture in claim.pictures
                if picture.content_hash is None and picture.url is not None
            ]
            for claim in claims
        }
        return lambda: _finish(claims, fetching)

    return begin


def _finish(claims: Sequence[Claim], fetching: dict[str, list[Future[Picture]]]) -> Outcome:
    done: list[Claim] = []
    fetched: list[tuple[Claim, list[Picture]]] = []
    waiting: dict[str, Failure] = {}
    for claim in claims:
        try:
            pictures = [future.result() for future in fetching[claim.upload_id]]
        except FetchFailed as error:  # given back: the next attempt comes after a delay
            waiting[claim.upload_id] = Failure(error.code, error.detail)
            continue
        done.append(claim)
        if pictures:
            fetched.append((claim, pictures))

    def record(transaction: Transaction, moved: Collection[str]) -> None:
        for claim, pictures in fetched:
            if claim.upload_id in moved:
                transaction.pictures.save(claim, pictures)

    return Outcome(done, record, waiting=waiting)


def _fetch(
    fetcher: PictureFetcher, checker: PictureChecker, blobs: Blobs, picture: Picture, *, last_try: bool
) -> Picture:
    """The picture with its hash and size, or with the error that keeps it out."""
    try:
        found = checker.check(fetcher.fetch(picture.url or ""))
        name = picture_hash(found.content)
        blobs.put(name, found.content, found.media_type)
        return Picture(picture.position, picture.url, name, found.width, found.height)
    except (Refused, Gone) as error:
        return _marked(picture, error)
    except FetchFailed as error:
        if last_try:  # one picture that never comes does not lose the product
            return _marked(picture, error)
        raise


def _marked(picture: Picture, error: VitrineError) -> Picture:
    return picture._replace(error_code=error.code, error_detail=error.detail)
