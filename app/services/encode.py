"""Encoding: every picture and caption that has no embedding yet under the encoders of the catalog's builds.

Pictures of the next batch are read and decoded in a pool while the model runs this one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import TypeVar

from app.domain.builds import Build
from app.domain.embeddings import EncoderSpec, Pixels, text_hash
from app.domain.errors import BlobsUnavailable, ImageCorrupt, NotFound, VitrineError
from app.domain.uploads import Claim, Picture, UploadKind
from app.ports.blobs import Blobs
from app.ports.database import Database, Transaction
from app.ports.encoders import Encoder
from app.ports.uploads import Failure
from app.services.encode_batches import Encoded, encode_in_batches
from app.services.encoders import Encoders
from app.services.run_stage import Outcome

V = TypeVar("V")


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
        names = sorted({claim.catalog for claim in claims})
        with self.database.reading() as transaction:
            builds = transaction.builds.writable(names)
            captions = _captions(transaction, claims)
            missing = [
                (spec, *_missing(transaction, spec, [c for c in claims if c.catalog in readers], captions))
                for spec, readers in _encoders_of(builds)
            ]
        work = [self._contents(self.encoders.of(spec), pictures, texts) for spec, pictures, texts in missing]
        return lambda: _outcome(claims, captions, [self._encode(contents) for contents in work])

    def _contents(self, encoder: Encoder, pictures: Iterable[str], texts: Mapping[str, str]) -> Contents:
        return Contents(encoder, {name: self.pool.submit(self._prepare, encoder, name) for name in pictures}, texts)

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

    def _encode(self, contents: Contents) -> tuple[str, Encoded]:
        spec = contents.encoder.spec
        with self.database.reading() as transaction:
            # Asked again: the batch ahead may have encoded some of these in the meantime.
            known = transaction.embeddings.known(spec.fingerprint, [*contents.pictures, *contents.captions])
        pixels, unreadable = _decoded(_without(contents.pictures, known))
        pictures = encode_in_batches(
            contents.encoder.encode_images, pixels, batch=self.batch, dimension=spec.dimension
        )
        # Texts of one length side by side: a batch is padded to its longest.
        captions = dict(sorted(_without(contents.captions, known).items(), key=lambda item: len(item[1])))
        texts = encode_in_batches(contents.encoder.encode_texts, captions, batch=self.batch, dimension=spec.dimension)
        errors = {**unreadable, **pictures.errors, **texts.errors}
        return spec.fingerprint, Encoded({**pictures.vectors, **texts.vectors}, errors)


def _encoders_of(builds: Mapping[str, Sequence[Build]]) -> list[tuple[EncoderSpec, set[str]]]:
    """Every encoder that is needed, with the catalogs whose builds need it."""
    found: dict[str, tuple[EncoderSpec, set[str]]] = {}
    for catalog, some in builds.items():
        for build in some:
            found.setdefault(build.encoder.fingerprint, (build.encoder, set()))[1].add(catalog)
    return list(found.values())


def _captions(transaction: Transaction, claims: Sequence[Claim]) -> dict[str, str]:
    """The caption of every claim, by upload id."""
    chosen: dict[str, tuple[str, ...]] = {}
    for name in {claim.catalog for claim in claims}:
        catalog = transaction.catalogs.get(name)
        chosen[name] = catalog.caption if catalog else ()
    return {claim.upload_id: claim.product.caption(chosen[claim.catalog]) for claim in claims}


def _missing(
    transaction: Transaction, spec: EncoderSpec, claims: Sequence[Claim], captions: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The pictures (by content hash) and captions (text by content hash) without an embedding under an encoder."""
    shown = [claim for claim in claims if claim.kind is not UploadKind.DELETE]
    pictures = {
        picture.content_hash
        for claim in shown
        for picture in claim.pictures
        if picture.content_hash and not picture.error_code
    }
    texts = {text_hash(captions[claim.upload_id]): captions[claim.upload_id] for claim in shown}
    known = transaction.embeddings.known(spec.fingerprint, [*pictures, *texts])
    return sorted(pictures - known), _without(texts, known)


def _without(items: Mapping[str, V], known: set[str]) -> dict[str, V]:
    return {name: item for name, item in items.items() if name not in known}


def _decoded(preparing: Mapping[str, Future[Pixels]]) -> tuple[dict[str, Pixels], dict[str, VitrineError]]:
    pixels: dict[str, Pixels] = {}
    unreadable: dict[str, VitrineError] = {}
    for name, future in preparing.items():
        try:
            pixels[name] = future.result()
        except ImageCorrupt as error:
            unreadable[name] = error
    return pixels, unreadable


def _outcome(claims: Sequence[Claim], captions: Mapping[str, str], work: Sequence[tuple[str, Encoded]]) -> Outcome:
    """Who moves on. A picture that cannot be read is marked; a content the model fails on ends its upload."""
    errors = {name: error for _, encoded in work for name, error in encoded.errors.items()}
    failures: dict[str, Failure] = {}
    marked: list[tuple[Claim, list[Picture]]] = []
    for claim in claims:
        names = [picture.content_hash or "" for picture in claim.pictures] + [text_hash(captions[claim.upload_id])]
        fatal = [errors[name] for name in names if name in errors and not isinstance(errors[name], ImageCorrupt)]
        if fatal:
            failures[claim.upload_id] = Failure(fatal[0].code, fatal[0].detail)
            continue
        unreadable = [p for p in claim.pictures if p.content_hash in errors]
        if unreadable:
            marked.append((claim, [_marked(picture, errors[picture.content_hash or ""]) for picture in unreadable]))

    def record(transaction: Transaction, moved: Collection[str]) -> None:
        for fingerprint, encoded in work:
            transaction.embeddings.add(fingerprint, encoded.vectors)
        for claim, pictures in marked:
            if claim.upload_id in moved:
                transaction.pictures.save(claim, pictures)

    return Outcome([claim for claim in claims if claim.upload_id not in failures], record, failures)


def _marked(picture: Picture, error: VitrineError) -> Picture:
    return replace(picture, error_code=error.code, error_detail=error.detail)
