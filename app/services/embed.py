"""Vectors of texts and pictures for callers who compare by themselves, and the cosine of pairs."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.domain.embeddings import EncoderSpec, Pixels, Vectors
from app.domain.errors import FetchFailed, Invalid
from app.domain.products import check_text, unknown_catalog
from app.domain.search import MAX_TEXT
from app.ports.database import Database
from app.ports.encoders import Encoder
from app.ports.fetching import PictureFetcher
from app.ports.pictures import PictureChecker
from app.services.encode_batches import Encoded, encode_in_batches
from app.services.encoders import Encoders
from app.services.stated_pictures import checked_pixels

MAX_CONTENTS = 64  # two usual batches of the model: seconds on a CPU, for which queries wait
MAX_URLS = 8  # fetched side by side
FETCHING_S = 10.0  # for all pictures of a request, and as long as one may take: a thread of the API waits meanwhile


@dataclass(frozen=True, slots=True)
class Content:
    """A text, or else a picture: its content or its URL. `where` is the field of the request that states it."""

    where: str
    text: str | None = None
    picture: bytes | str | None = None


@dataclass(frozen=True, slots=True)
class Embedder:
    """Everything that embedding needs. `pool` fetches; `configured` names the encoder where no catalog is named."""

    database: Database
    encoders: Encoders
    checker: PictureChecker
    fetcher: PictureFetcher
    pool: Executor
    configured: str
    batch: int

    def embed(self, contents: Sequence[Content], catalog: str | None) -> tuple[EncoderSpec, Vectors]:
        """The vectors of contents, shape (n, dimension), in order, by the encoder of a catalog's live build.

        Raises `Invalid`, `NotFound` (`unknown_catalog`), what `PictureFetcher` and `PictureChecker` raise with the
        field, `EncoderError` and `Unavailable`.
        """
        _check(contents)
        encoder = self._encoder(catalog)
        texts = {one.where: one.text for one in contents if one.text is not None}
        pixels = self._prepared(encoder, {one.where: one.picture for one in contents if one.picture is not None})
        size = encoder.spec.dimension
        found = _all(encode_in_batches(encoder.encode_texts, texts, batch=self.batch, dimension=size))
        found |= _all(encode_in_batches(encoder.encode_images, pixels, batch=self.batch, dimension=size))
        return encoder.spec, np.stack([found[one.where] for one in contents])

    def similarity(
        self, pairs: Sequence[tuple[Content, Content]], catalog: str | None
    ) -> tuple[EncoderSpec, NDArray[np.float32]]:
        """The cosine of each pair, shape (n,), in [-1, 1]. Raises what `embed` does."""
        spec, vectors = self.embed([one for pair in pairs for one in pair], catalog)
        cosines: NDArray[np.float32] = np.clip((vectors[0::2] * vectors[1::2]).sum(axis=1), -1.0, 1.0)
        return spec, cosines

    def _encoder(self, catalog: str | None) -> Encoder:
        if catalog is None:
            return self.encoders.named(self.configured)
        with self.database.reading() as transaction:
            build = transaction.builds.live(catalog)
        if build is None:
            raise unknown_catalog(catalog)
        return self.encoders.of(build.encoder)

    def _prepared(self, encoder: Encoder, pictures: Mapping[str, bytes | str]) -> dict[str, Pixels]:
        """The pixels of pictures, by the field that states each."""
        prepare = partial(checked_pixels, encoder, self.checker, self.fetcher)
        until = time.monotonic() + FETCHING_S
        fetching = {
            where: self.pool.submit(prepare, picture, field=where)
            for where, picture in pictures.items()
            if isinstance(picture, str)
        }
        try:
            return {
                where: _fetched(fetching[where], where, until) if where in fetching else prepare(picture, field=where)
                for where, picture in pictures.items()
            }
        finally:
            for future in fetching.values():
                future.cancel()  # what is not begun yet, nobody waits for any more


def _fetched(fetching: Future[Pixels], where: str, until: float) -> Pixels:
    """What is fetched by `until`, on the monotonic clock. Raises what the fetch does, and `FetchFailed`."""
    try:
        return fetching.result(max(0.0, until - time.monotonic()))
    except TimeoutError as error:
        raise FetchFailed("the picture's server takes too long", field=where) from error


def _check(contents: Sequence[Content]) -> None:
    if not contents:
        raise Invalid("state at least one text or picture", code="no_contents")
    if len(contents) > MAX_CONTENTS:
        raise Invalid(f"a request has at most {MAX_CONTENTS} texts and pictures", code="too_many_contents")
    if sum(isinstance(one.picture, str) for one in contents) > MAX_URLS:
        raise Invalid(f"a request names at most {MAX_URLS} pictures by URL: send the others", code="too_many_urls")
    for one in contents:
        if one.text is not None:
            check_text(one.text, one.where, limit=MAX_TEXT)
            if not one.text.strip():
                raise Invalid(f"{one.where} must not be empty", code="empty_text", field=one.where)


def _all(encoded: Encoded) -> dict[str, NDArray[np.float32]]:
    """Every vector; the first that there is none of is raised."""
    for error in encoded.errors.values():
        raise error
    return dict(encoded.vectors)
