"""Rows on their way to Milvus: checked, each id once, in calls of bounded size; and what comes back of them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from app.adapters.milvus.schema import MAX_ID_BYTES
from app.domain.embeddings import Vectors, flawed_rows
from app.domain.errors import BadVector, Invalid
from app.domain.product_words import MAX_WORDS_BYTES
from app.ports.vectors import Stamp, VectorRow

CALL_BYTES = 32 * 2**20  # half of what a server takes in one message
CALL_IDS = 1_000  # ids of one delete or lookup: 140 kB of expression
_ATTRIBUTE_BYTES = 65_536  # the most JSON of a row
_ID = re.compile(rf"[A-Za-z0-9._:#-]{{1,{MAX_ID_BYTES}}}")


def stamps_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Stamp]:
    """The stamps of rows that were read, by id."""
    return {row["id"]: Stamp(row["version"], row["digest"]) for row in rows}


def check_vectors(vectors: Vectors, dimension: int) -> Vectors:
    """The vectors, shape (n, dimension), as little-endian float32; raise `Invalid` (`dimension`) or `BadVector`."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise Invalid(f"the collection's vectors have {dimension} dimensions", code="dimension")
    if flawed_rows(vectors).any():
        raise BadVector("a vector is not finite, or its norm is not 1")
    return vectors.astype("<f4", copy=False)


def calls_of_ids(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids without repeats, in portions of one call."""
    once = list(dict.fromkeys(ids))
    for start in range(0, len(once), CALL_IDS):
        yield once[start : start + CALL_IDS]


def calls_of_rows(rows: Sequence[VectorRow], *, dimension: int) -> Iterator[list[VectorRow]]:
    """The rows, checked, in portions of one call; of two with one id the last.

    Everything is checked before the first portion: milvus-lite stores NaN, wrong norms and over-long ids.
    """
    latest = list({row.id: row for row in rows}.values())
    if not latest:
        return
    if not all(_ID.fullmatch(row.id) for row in latest):
        raise Invalid(f"a row's id must match {_ID.pattern}", code="bad_id")
    if any(row.vector.shape != (dimension,) for row in latest):
        raise Invalid(f"the collection's vectors have {dimension} dimensions", code="dimension")
    check_vectors(np.stack([row.vector for row in latest]), dimension)
    size = max(1, CALL_BYTES // (_ATTRIBUTE_BYTES + MAX_WORDS_BYTES + 4 * dimension))
    for start in range(0, len(latest), size):
        yield latest[start : start + size]
