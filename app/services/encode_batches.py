"""Batches through a model: halved where the device has no memory left, and no bad vector let through."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.domain.embeddings import Vectors, flawed_rows
from app.domain.errors import BadVector, EncoderOutOfMemory, VitrineError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Embeddings by content hash, and why the other contents have none."""

    vectors: Mapping[str, NDArray[np.float32]]
    errors: Mapping[str, VitrineError]


def at_once() -> None:
    """Between two batches nothing is done."""


def encode_in_batches(
    encode: Callable[[Sequence[T]], Vectors],
    contents: Mapping[str, T],
    *,
    batch: int,
    dimension: int,
    after_each: Callable[[], object] = at_once,
) -> Encoded:
    """Encode `contents` (by content hash), `batch` at a time; one that cannot be encoded costs no other."""
    vectors: dict[str, NDArray[np.float32]] = {}
    errors: dict[str, VitrineError] = {}
    names = list(contents)
    for start in range(0, len(names), batch):
        some = names[start : start + batch]
        for name, result in zip(some, _encode_or_halve(encode, [contents[n] for n in some], dimension), strict=True):
            if isinstance(result, VitrineError):
                errors[name] = result
            else:
                vectors[name] = result
        after_each()
    return Encoded(vectors, errors)


def _encode_or_halve(
    encode: Callable[[Sequence[T]], Vectors], items: Sequence[T], dimension: int
) -> list[NDArray[np.float32] | VitrineError]:
    try:
        return _checked(encode(items), len(items), dimension)
    except EncoderOutOfMemory as error:
        exhausted: VitrineError = EncoderOutOfMemory(error.detail)
    # Outside the `except`: there the traceback would hold the tensors that have to go first.
    if len(items) == 1:
        return [exhausted]
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    return [result for half in halves for result in _encode_or_halve(encode, half, dimension)]


def _checked(vectors: Vectors, count: int, dimension: int) -> list[NDArray[np.float32] | VitrineError]:
    if vectors.shape != (count, dimension):
        wrong = BadVector(f"the encoder gave shape {vectors.shape}, not {(count, dimension)}")
        return [wrong] * count
    flawed = flawed_rows(vectors)
    bad = BadVector("the encoder gave a vector that is not finite or whose norm is not 1")
    return [bad if flawed[row] else vectors[row] for row in range(count)]
