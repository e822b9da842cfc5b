"""Encoding contents that have no embedding: pictures are read and decoded in a pool, beside the model."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial

from app.domain.embeddings import EncoderSpec, Pixels
from app.domain.errors import BlobsUnavailable, ImageCorrupt, NotFound, VitrineError
from app.ports.blobs import Blobs
from app.ports.database import Database
from app.ports.encoders import Encoder
from app.services.encode_batches import Encoded, at_once, encode_in_batches
from app.services.encode_contents import Missing, without
from app.services.encoders import Encoders


@dataclass(frozen=True, slots=True)
class Begun:
    """Contents on their way to one encoder: pictures by content hash, captions by content hash."""

    encoder: Encoder
    pictures: Mapping[str, Future[Pixels]]
    captions: Mapping[str, str]

    @property
    def spec(self) -> EncoderSpec:
        """The encoder they are for."""
        return self.encoder.spec


@dataclass(frozen=True, slots=True)
class ContentEncoder:
    """Everything that encoding needs. `batch` is how many contents the model takes at a time."""

    database: Database
    blobs: Blobs
    encoders: Encoders
    pool: Executor
    batch: int

    def begin(self, some: Missing) -> Begun:
        """Start reading and decoding the pictures. Raises what `Encoders.of` raises."""
        encoder = self.encoders.of(some.spec)
        preparing = {name: self.pool.submit(self._prepare, encoder, name) for name in some.pictures}
        return Begun(encoder, preparing, some.captions)

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

    def finish(self, contents: Begun, after_each: Callable[[], object] = at_once) -> Encoded:
        """Run the model on what has no embedding by now; `after_each` is called after each of its batches.

        Among the errors are `ImageCorrupt`, `BlobsUnavailable` for a picture that is away for the moment, and what
        the model failed on; raises `BlobsUnavailable` where no picture can be had.
        """
        spec = contents.spec
        with self.database.reading() as transaction:
            # Asked again: the batch ahead may have encoded some of these in the meantime.
            known = transaction.embeddings.known(spec.fingerprint, [*contents.pictures, *contents.captions])
        pixels, unreadable = self._decoded(without(contents.pictures, known))
        in_batches = partial(encode_in_batches, batch=self.batch, dimension=spec.dimension, after_each=after_each)
        pictures = in_batches(contents.encoder.encode_images, pixels)
        # Texts of one length side by side: a batch is padded to its longest.
        captions = dict(sorted(without(contents.captions, known).items(), key=lambda item: len(item[1])))
        texts = in_batches(contents.encoder.encode_texts, captions)
        errors = {**unreadable, **pictures.errors, **texts.errors}
        return Encoded({**pictures.vectors, **texts.vectors}, errors)

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
