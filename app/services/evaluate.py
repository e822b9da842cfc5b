"""How well an encoder finds a product's picture by its caption, and its caption by its picture."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from app.domain.embeddings import Pixels, Vectors, flawed_rows
from app.domain.errors import BadVector, ImageCorrupt, Invalid
from app.domain.recall import Recall, recall_both_ways
from app.ports.encoders import Encoder

_BATCH = 64  # contents given to the model at a time; more gains nothing on a CPU


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Recall both ways over the pairs whose picture could be decoded, and how many could not."""

    text_to_picture: Recall
    picture_to_text: Recall
    undecodable: int


def evaluate(
    encoder: Encoder, pairs: Iterable[tuple[str, bytes]], *, on_progress: Callable[[int], None]
) -> Evaluation:
    """Measure recall among pairs of caption and picture, all against all; equal captions are taken as one.

    The more pairs, the harder: recalls compare only where the number of pairs is the same. `on_progress` is told how
    many pairs are done. Raises `BadVector` where the encoder gives one, and `Invalid` (`nothing_to_measure`) where
    there is no pair whose picture can be decoded: no query is no recall, not one of 0.
    """
    captions: list[str] = []
    vectors = [_no_vectors(encoder)]
    undecodable = 0
    remaining = iter(pairs)
    while some := list(islice(remaining, _BATCH)):
        prepared = [(caption, _prepared(encoder, content)) for caption, content in some]
        decoded = [(caption, pixels) for caption, pixels in prepared if pixels is not None]
        captions += [caption for caption, _ in decoded]
        vectors.append(_checked(encoder.encode_images([pixels for _, pixels in decoded])))
        undecodable += len(some) - len(decoded)
        on_progress(len(captions) + undecodable)
    if not captions:
        raise Invalid(
            f"there is no pair to measure, and {undecodable} whose picture cannot be decoded",
            code="nothing_to_measure",
        )
    place = {caption: number for number, caption in enumerate(dict.fromkeys(captions))}
    text_of = np.array([place[caption] for caption in captions], dtype=np.int64)
    ways = recall_both_ways(_encode_texts(encoder, list(place)), np.concatenate(vectors), text_of)
    return Evaluation(*ways, undecodable)


def _prepared(encoder: Encoder, content: bytes) -> Pixels | None:
    try:
        return encoder.prepare(content)
    except ImageCorrupt:
        return None


def _encode_texts(encoder: Encoder, texts: list[str]) -> Vectors:
    batches = (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))
    return np.concatenate([_no_vectors(encoder), *(_checked(encoder.encode_texts(some)) for some in batches)])


def _no_vectors(encoder: Encoder) -> Vectors:
    return np.empty((0, encoder.spec.dimension), dtype=np.float32)


def _checked(vectors: Vectors) -> Vectors:
    if flawed_rows(vectors).any():
        raise BadVector("the encoder gave a vector whose norm is not 1")
    return vectors
