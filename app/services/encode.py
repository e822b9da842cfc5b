"""Encoding: every picture and caption that has no embedding yet under the encoders of the catalog's builds.

Pictures of the next batch are read and decoded in a pool while the model runs this one.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from app.domain.embeddings import Pixels, text_hash
from app.domain.errors import BlobsUnavailable, ImageCorrupt, NotFound, VitrineError
from app.domain.uploads import Claim, Picture
from app.ports.blobs import Blobs
from app.ports.database import Database, Transaction
from app.ports.encoders import Encoder
from app.ports.uploads import Failure
from app.services.encode_batches import Encoded, encode_in_batches
from app.services.encode_contents import Missing, captions_of, missing, without
from app.services.encoders import Encoders
from app.services.run_stage import Outcome

log = logging.getLogger(__name__)

# Receipts are for uploaders: which picture is away, and what to do about it, is in the log, for the operator.
_AWAY = "a stored picture cannot be had at the moment: the upload waits, and goes on once it can"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a batch of claims holds for one encoder: pictures by content hash, captions by content hash."""

    encoder: Encoder
    pictures: Mapping[str, Future[Pixels]]
    captions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EncodeStage:
    """The work of the encode stage. `batch` is how many contents the model takes at a time."""

    database: Database
    blobs: Blobs
    encoders: Encoders
    pool: Executor
    batch: int

    def begin(self, claims: Sequence[Claim]) -> Callable[[], Outcome]:
        """Find out what has no embedding yet and start decoding it."""
        with self.database.reading() as transaction:
            captions = captions_of(transaction, claims)
            needed = missing(transaction, claims, captions)
        work = [self._contents(self.encoders.of(some.spec), some) for some in needed]
        return lambda: self._finish(claims, captions, work)

    def _contents(self, encoder: Encoder, some: Missing) -> Contents:
        preparing = {name: self.pool.submit(self._prepare, encoder, name) for name in some.pictures}
        return Contents(encoder, preparing, some.captions)

    def _prepare(self, encoder: Encoder, name: str) -> Pixels:
        try:
            blob = self.blobs.get(name)
        except NotFound as error:
            # It was stored before its upload went on: another folder or bucket is read here, or this one lost it.
            raise BlobsUnavailable(
                f"picture {name} is not where pictures are stored: give this process the storage they were put in, "
                "or bring the picture back"
            ) from error
        return encoder.prepare(blob.content)

    def _finish(self, claims: Sequence[Claim], captions: Mapping[str, str], work: Sequence[Contents]) -> Outcome:
        """Who moves on. A picture that cannot be read is marked; a content the model fails on ends its upload."""
        encoded = [self._encode(contents) for contents in work]
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

    def _encode(self, contents: Contents) -> tuple[str, Encoded]:
        spec = contents.encoder.spec
        with self.database.reading() as transaction:
            # Asked again: the batch ahead may have encoded some of these in the meantime.
            known = transaction.embeddings.known(spec.fingerprint, [*contents.pictures, *contents.captions])
        pixels, unreadable = self._decoded(without(contents.pictures, known))
        pictures = encode_in_batches(
            contents.encoder.encode_images, pixels, batch=self.batch, dimension=spec.dimension
        )
        # Texts of one length side by side: a batch is padded to its longest.
        captions = dict(sorted(without(contents.captions, known).items(), key=lambda item: len(item[1])))
        texts = encode_in_batches(contents.encoder.encode_texts, captions, batch=self.batch, dimension=spec.dimension)
        errors = {**unreadable, **pictures.errors, **texts.errors}
        return spec.fingerprint, Encoded({**pictures.vectors, **texts.vectors}, errors)

    def _decoded(self, preparing: Mapping[str, Future[Pixels]]) -> tuple[dict[str, Pixels], dict[str, VitrineError]]:
        pixels: dict[str, Pixels] = {}
        unreadable: dict[str, VitrineError] = {}
        for name, future in preparing.items():
            try:
                pixels[name] = future.result()
            except ImageCorrupt as error:
                unreadable[name] = error
            except BlobsUnavailable as error:
                self.blobs.ping()  # where none can be had, the batch waits as a whole, and for no more time-outs
                unreadable[name] = error
        return pixels, unreadable


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
