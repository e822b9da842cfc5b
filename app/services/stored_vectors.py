"""The vectors of a catalog as they are stored, a page of products at a time, and queries among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import Build
from app.domain.embeddings import Vectors
from app.domain.errors import Unavailable
from app.domain.uploads import UploadState
from app.ports.database import Database, Transaction
from app.services.build_rows import PlannedRow, product_of, rows_of
from app.services.encode_contents import chosen_for_captions
from app.services.product_pages import pages_of
from app.services.sample_build import Sample, sample_of

PAGE = 1_000
"""Products that are looked at at a time: 4 MB of 512 dimensions with a picture each, and of scores as much."""

QUERIES = 100
"""Of each kind: with a hundred products asked of each, a recall is told to within 1 %."""

IN_FLIGHT = "in_flight"


@dataclass(frozen=True, slots=True)
class Questions:
    """Vectors to ask with, shape (queries, dimension): those of `captions` captions, and of pictures after them."""

    vectors: Vectors
    captions: int

    def worst(self, recalls: NDArray[np.float64]) -> float:
        """The recall of the kind that is answered worse: both are what shoppers ask, of captions and of pictures.

        Raises `Unavailable` (`in_flight`) where most of a kind have none to tell, which is NaN.
        """
        kinds = [some for some in (recalls[: self.captions], recalls[self.captions :]) if len(some)]
        judged = [some[~np.isnan(some)] for some in kinds]
        if any(2 * len(known) < len(some) for known, some in zip(judged, kinds, strict=True)):
            raise in_flight()
        return min(float(some.mean()) for some in judged)


def in_flight() -> Unavailable:
    """The failure of a measurement while most of a catalog is uploaded: what is exact is not known meanwhile."""
    return Unavailable(
        "most products of the catalog are on their way into the index: it is measured once they are there",
        code=IN_FLIGHT,
    )


def questions_of(database: Database, build: Build) -> Questions:
    """What is asked to measure a build: captions and pictures of products spread over all that it holds."""
    with database.reading() as transaction:
        sample = sample_of(transaction, build, transaction.holdings.sample(build.id, QUERIES))
    captions, pictures = _distinct(sample.captions), _distinct(sample.pictures[_one_of_each(sample)])
    return Questions(np.concatenate([captions, pictures]), len(captions))


def _one_of_each(sample: Sample) -> NDArray[np.intp]:
    """A picture of each product that has any: of the one the first, of the next the second."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(sample.picture_rows):
        places.setdefault(product_of(row), []).append(place)
    return np.array([some[turn % len(some)] for turn, some in enumerate(places.values())], dtype=np.intp)


def _distinct(vectors: Vectors) -> Vectors:
    """Each of them once: what is asked twice counts for no more."""
    places = {vector.tobytes(): place for place, vector in enumerate(vectors)}
    return vectors[list(places.values())]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one collection, those of a product together: row i of `vectors` is of `planned[i]`."""

    planned: Sequence[PlannedRow]
    vectors: Vectors

    def best(self, queries: Vectors) -> tuple[Sequence[PlannedRow], Vectors]:
        """A row of each product, and the score of each query with the best of its rows, shape (queries, products)."""
        owners = [row.product_id for row in self.planned]
        firsts = [place for place, owner in enumerate(owners) if not place or owner != owners[place - 1]]
        scores = np.maximum.reduceat(queries @ self.vectors.T, firsts, axis=1)
        return [self.planned[place] for place in firsts], scores


def stored_rows(database: Database, build: Build) -> Iterator[tuple[Rows | None, Rows | None]]:
    """The rows of captions and of pictures that a build should hold, by product_id; None where there are none."""
    with database.reading() as transaction:
        pages = pages_of(transaction, build.catalog, PAGE)
    for page in pages:
        with database.reading() as transaction:
            standing = transaction.products.standing_between(build.catalog, page.after, page.up_to)
            ids = sorted(name for name, one in standing.items() if one.state is UploadState.INDEXED)
            rows = rows_with_vectors(transaction, build, ids)
        yield rows


def rows_with_vectors(
    transaction: Transaction, build: Build, product_ids: Sequence[str]
) -> tuple[Rows | None, Rows | None]:
    """The rows of captions and of pictures of these products, without those whose embedding is not stored."""
    planned = planned_rows(transaction, build.catalog, product_ids)
    captions = [row for row in planned if not row.is_picture]
    pictures = [row for row in planned if row.is_picture]
    return with_vectors(transaction, build, captions), with_vectors(transaction, build, pictures)


def planned_rows(transaction: Transaction, catalog: str, product_ids: Sequence[str]) -> list[PlannedRow]:
    """The rows that the newest versions of these products become."""
    chosen = chosen_for_captions(transaction, catalog)
    versions = transaction.products.versions(catalog, product_ids)
    return [row for one in versions for row in rows_of(one, chosen) or ()]


def with_vectors(transaction: Transaction, build: Build, planned: Sequence[PlannedRow]) -> Rows | None:
    """Those of the rows whose embedding is stored; None where there is none."""
    hashes = sorted({row.content_hash for row in planned})
    vectors = transaction.embeddings.get(build.encoder.fingerprint, hashes)
    known = [row for row in planned if row.content_hash in vectors]
    return Rows(known, np.stack([vectors[row.content_hash] for row in known])) if known else None
