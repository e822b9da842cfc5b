"""Encoding: every picture and caption that has no embedding yet under the encoders of the catalog's builds.

Pictures of the next batch are read and decoded in a pool while the model runs this one.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.embeddings import text_hash
from app.domain.errors import BlobsUnavailable, ImageCorrupt, VitrineError
from app.domain.uploads import Claim, Picture
from app.ports.database import Database, Transaction
from app.ports.uploads import Failure
from app.services.content_encoder import Begun, ContentEncoder
from app.services.encode_contents import captions_of, missing
from app.services.run_stage import Outcome

log = logging.getLogger(__name__)

# Receipts are for uploaders: which picture is away, and what to do about it, is in the log, for the operator.
_AWAY = "a stored picture cannot be had at the moment: the upload waits, and goes on once it can"


@dataclass(frozen=True, slots=True)
class EncodeStage:
    """The work of the encode stage."""

    database: Database
    contents: ContentEncoder

    def begin(self, claims: Sequence[Claim]) -> Callable[[], Outcome]:
        """Find out what has no embedding yet and start decoding it."""
        with self.database.reading() as transaction:
            captions = captions_of(transaction, claims)
            needed = missing(transaction, claims, captions)
        work = [self.contents.begin(some) for some in needed]
        return lambda: self._finish(claims, captions, work)

    def _finish(self, claims: Sequence[Claim], captions: Mapping[str, str], work: Sequence[Begun]) -> Outcome:
        """Who moves on. A picture that cannot be read is marked; a content the model fails on ends its upload."""
        encoded = [(begun.spec.fingerprint, self.contents.finish(begun)) for begun in work]
        errors = {name: error for _, some in encoded for name, error in some.errors.items()}
        stopped = _stopped(claims, captions, errors)
        done = [claim for claim in claims if claim.upload_id not in stopped]
        away = {one: error for one, error in stopped.items() if isinstance(error, BlobsUnavailable)}
        failures = {one: Failure(why.code, why.detail) for one, why in stopped.items() if one not in away}
        blameless = {one: Failure(error.code, _AWAY) for one, error in away.items()}
        if away:
            log.warning("encode.pictures_away", extra={"uploads": {one: why.detail for one, why in away.items()}})

        def record(transaction: Transaction, moved: Collection[str]) -> None:
            for fingerprint, some in encoded:
                transaction.embeddings.add(fingerprint, some.vectors)
            for claim in done:
                unreadable = [_marked(p, errors[p.content_hash]) for p in claim.pictures if p.content_hash in errors]
                if unreadable and claim.upload_id in moved:
                    transaction.pictures.save(claim, unreadable)

        return Outcome(done, record, failures, blameless=blameless)


def _stopped(
    claims: Sequence[Claim], captions: Mapping[str, str], errors: Mapping[str, VitrineError]
) -> dict[str, VitrineError]:
    """By upload id, why an upload does not move on; what ends it for good before what it waits for."""
    stopped: dict[str, VitrineError] = {}
    for claim in claims:
        names = [picture.content_hash or "" for picture in claim.pictures] + [text_hash(captions[claim.upload_id])]
        found = [errors[name] for name in names if name in errors and not isinstance(errors[name], ImageCorrupt)]
        if found:
            stopped[claim.upload_id] = min(found, key=lambda error: isinstance(error, BlobsUnavailable))
    return stopped


def _marked(picture: Picture, error: VitrineError) -> Picture:
    return replace(picture, error_code=error.code, error_detail=error.detail)
