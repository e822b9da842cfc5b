"""Encoding: every picture and caption that has no embedding yet under the encoders of the catalog's builds.

Pictures of the next batch are read and decoded in a pool while the model runs this one.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from app.domain.builds import Build, BuildState
from app.domain.embeddings import EncoderSpec, text_hash
from app.domain.errors import BlobsUnavailable, ImageCorrupt, VitrineError
from app.domain.uploads import Claim, Picture
from app.ports.database import Database, Transaction
from app.ports.uploads import Failure
from app.services.build_faults import BuildFaults
from app.services.content_encoder import Begun, ContentEncoder
from app.services.encode_batches import Encoded
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
            builds = transaction.builds.writable(sorted({claim.catalog for claim in claims}))
            captions = captions_of(transaction, claims)
            needed = missing(transaction, claims, captions, builds)
        batch, faults = Batch(claims, captions, builds), BuildFaults(claims[0].attempts)
        work: list[Begun] = []
        for some in needed:
            with faults.of(batch.encoded_by(some.spec)):
                work.append(self.contents.begin(some))
        return lambda: self._finish(batch, work, faults)

    def _finish(self, batch: "Batch", work: Sequence[Begun], faults: BuildFaults) -> Outcome:
        """Who moves on. A picture that cannot be read is marked; what the live build's model fails on is dead.

        What only the model of another build fails on ends no upload: that build goes without it.
        """
        encoded: dict[str, Encoded] = {}
        for begun in work:
            with faults.of(batch.encoded_by(begun.spec)):
                encoded[begun.spec.fingerprint] = self.contents.finish(begun)
        errors = {fingerprint: some.errors for fingerprint, some in encoded.items()}
        stopped = batch.stopped(errors)
        done = [claim for claim in batch.claims if claim.upload_id not in stopped]
        away = {one: error for one, error in stopped.items() if isinstance(error, BlobsUnavailable)}
        failures = {one: Failure(why.code, why.detail) for one, why in stopped.items() if one not in away}
        blameless = {one: Failure(error.code, _AWAY) for one, error in away.items()}
        if away:
            log.warning("encode.pictures_away", extra={"uploads": {one: why.detail for one, why in away.items()}})

        def record(transaction: Transaction, moved: Collection[str]) -> None:
            faults.record(transaction)
            for fingerprint, some in encoded.items():
                transaction.embeddings.add(fingerprint, some.vectors)
            for build_id, failed in batch.gone_without(errors, done).items():
                transaction.builds.fail_contents(build_id, failed)
            corrupt = {n: e for some in errors.values() for n, e in some.items() if isinstance(e, ImageCorrupt)}
            for claim in done:
                unreadable = [
                    _marked(p, corrupt[p.content_hash]) for p in claim.pictures if p.content_hash in corrupt
                ]
                if unreadable and claim.upload_id in moved:
                    transaction.pictures.save(claim, unreadable)

        return Outcome(done, record, failures, blameless=blameless)


Errors = Mapping[str, Mapping[str, VitrineError]]
"""Why contents have no embedding: by fingerprint, and then by content hash."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Claims, the caption of each by upload id, and the builds they go to by catalog."""

    claims: Sequence[Claim]
    captions: Mapping[str, str]
    builds: Mapping[str, Sequence[Build]]

    def encoded_by(self, spec: EncoderSpec) -> list[Build]:
        """The builds that have this encoder."""
        builds = [build for some in self.builds.values() for build in some]
        return [build for build in builds if build.encoder.fingerprint == spec.fingerprint]

    def stopped(self, errors: Errors) -> dict[str, VitrineError]:
        """By upload id, why an upload does not move on; what ends it for good before what it waits for."""
        stopped: dict[str, VitrineError] = {}
        for claim in self.claims:
            found = [
                error
                for build in self.builds[claim.catalog]
                for error in self._met(claim, errors.get(build.encoder.fingerprint, {})).values()
                if build.state is BuildState.LIVE or isinstance(error, BlobsUnavailable)
            ]
            if found:
                stopped[claim.upload_id] = min(found, key=lambda error: isinstance(error, BlobsUnavailable))
        return stopped

    def gone_without(self, errors: Errors, done: Sequence[Claim]) -> dict[str, dict[str, Failure]]:
        """By build, the contents of uploads that move on which its encoder fails on; never the live one."""
        return {
            build.id: {
                name: Failure(error.code, error.detail)
                for claim in done
                if claim.catalog == build.catalog
                for name, error in self._met(claim, errors.get(build.encoder.fingerprint, {})).items()
                if not isinstance(error, BlobsUnavailable)
            }
            for some in self.builds.values()
            for build in some
            if build.state is not BuildState.LIVE
        }

    def _met(self, claim: Claim, errors: Mapping[str, VitrineError]) -> dict[str, VitrineError]:
        """The errors among the contents of a claim, but for pictures that cannot be read."""
        names = [picture.content_hash or "" for picture in claim.pictures]
        names.append(text_hash(self.captions[claim.upload_id]))
        found = {name: errors[name] for name in names if name in errors}
        return {name: error for name, error in found.items() if not isinstance(error, ImageCorrupt)}


def _marked(picture: Picture, error: VitrineError) -> Picture:
    return picture._replace(error_code=error.code, error_detail=error.detail)
