"""A sample of what a build holds, and what is found of it: by its own vectors, across kinds, against all."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import Build, IndexSpec
from app.domain.embeddings import Vectors, text_hash
from app.domain.uploads import ProductVersion
from app.ports.database import Database, Transaction
from app.ports.vectors import Neighbour, VectorStore
from app.services.asked_afresh import asked_afresh
from app.services.build_rows import picture_row_id, product_of
from app.services.encode_contents import chosen_for_captions
from app.services.own_vectors import DEPTH, not_found
from app.services.product_pages import pages_of

_ROWS = 50  # of pictures, so that ten products are among them though some have many
_PAGE = 2_000  # products whose vectors are compared at a time: 16 MB of 512 dimensions, with pictures
_AT_ONCE = 20  # queries of one call: who searches beside one of hundreds waits for it
_SAME = 1e-3  # cosines nearer than this are one to an index that keeps vectors in less than full precision


@dataclass(frozen=True, slots=True)
class Sample:
    """The vectors of some products under one encoder: row i of `captions` is product i's, row j of `pictures` that
    of the picture row `picture_rows[j]`. Shapes (products, dimension) and (pictures, dimension). `versions` are those
    of the products, by id."""

    versions: Mapping[str, int]
    product_ids: Sequence[str]
    captions: Vectors
    picture_rows: Sequence[str]
    pictures: Vectors

    @property
    def pictured(self) -> NDArray[np.intp]:
        """Which of the products have a picture among `pictures`."""
        owners = {row.partition("#")[0] for row in self.picture_rows}
        return np.flatnonzero([one in owners for one in self.product_ids])


def sample_of(transaction: Transaction, build: Build, product_ids: Sequence[str]) -> Sample:
    """The stored vectors of these products; those without one under the build's encoder are left out."""
    chosen = chosen_for_captions(transaction, build.catalog)
    versions = transaction.products.versions(build.catalog, product_ids)
    hashes = {one.product.product_id: text_hash(one.product.caption(chosen)) for one in versions if not one.deleted}
    pictures = {name: row for one in versions if not one.deleted for row, name in _pictures(one)}
    vectors = transaction.embeddings.get(build.encoder.fingerprint, sorted({*hashes.values(), *pictures}))
    known = [one for one, name in hashes.items() if name in vectors]
    seen = [name for name in pictures if name in vectors]
    nothing = np.empty((0, build.encoder.dimension), dtype=np.float32)
    return Sample(
        {one.product.product_id: one.version for one in versions},
        known,
        np.stack([vectors[hashes[one]] for one in known]) if known else nothing,
        [pictures[name] for name in seen],
        np.stack([vectors[name] for name in seen]) if seen else nothing,
    )


def _pictures(one: ProductVersion) -> Iterator[tuple[str, str]]:
    for picture in one.pictures:
        if picture.content_hash and not picture.error_code:
            yield picture_row_id(one.product.product_id, picture.position), picture.content_hash


def found_by_own_vector(
    database: Database, store: VectorStore, build: Build, sample: Sample, between: Callable[[], object]
) -> float:
    """The share of captions and pictures that are found by their vectors, however many are the same.

    What is not found because its product has changed since the sample was taken is not lost.
    """
    index, _ = build.searched()
    lost: list[str] = []
    for collection, ids, vectors in (
        (build.texts, sample.product_ids, sample.captions),
        (build.images, sample.picture_rows, sample.pictures),
    ):
        for some in _portions(len(ids)):
            lost += not_found(store, index, collection, ids[some], vectors[some])
            between()
    with database.reading() as transaction:
        now = transaction.products.standing(build.catalog, sorted(set(map(product_of, lost))))
    still = [one for one in map(product_of, lost) if one in now and now[one].version == sample.versions[one]]
    asked = len(sample.product_ids) + len(sample.picture_rows) - (len(lost) - len(still))
    return 1 - len(still) / asked if asked else 1.0


def picture_ranks(
    store: VectorStore, build: Build, sample: Sample, between: Callable[[], object]
) -> dict[str, int | None]:
    """By product, the rank from 1 of the product among those whose pictures its caption finds; None beyond ten."""
    asked = sample.pictured
    if not len(asked):
        return {}
    index, _ = build.searched()
    answers = _answers(store, build.images, sample.captions[asked], between, limit=_ROWS, index=index)
    ranks: dict[str, int | None] = {}
    for place, answer in zip(asked, answers, strict=True):
        own = sample.product_ids[place]
        first = list(dict.fromkeys(one.product_id for one in answer))[:DEPTH]
        ranks[own] = first.index(own) + 1 if own in first else None
    return ranks


def recall_of_index(
    database: Database, store: VectorStore, build: Build, queries: Vectors, between: Callable[[], object]
) -> float:
    """recall@10 of the text collection against the exact answer over every stored vector, read page by page.

    `between` is called after each page and each call.
    An answer counts by its score: of equal ones it does not matter which came.
    """
    if not len(queries):
        return 1.0
    best = np.full((len(queries), DEPTH), -np.inf, dtype=np.float32)
    compared = 0
    for captions in _all_captions(database, build):
        compared += len(captions)
        between()
        best = -np.sort(-np.concatenate([best, queries @ captions.T], axis=1), axis=1)[:, :DEPTH]
    depth = min(DEPTH, compared)
    if not depth:
        return 1.0
    index, _ = build.searched()
    answers = _answers(store, build.texts, queries, between, limit=depth, index=index)
    floor = best[:, depth - 1] - _SAME
    hits = sum(sum(one.score >= least for one in some) for least, some in zip(floor, answers, strict=True))
    return hits / (depth * len(queries))


def _portions(count: int) -> Iterator[slice]:
    return (slice(start, start + _AT_ONCE) for start in range(0, count, _AT_ONCE))


def _answers(
    store: VectorStore,
    collection: str,
    queries: Vectors,
    between: Callable[[], object],
    *,
    limit: int,
    index: IndexSpec,
) -> list[list[Neighbour]]:
    found: list[list[Neighbour]] = []
    for some in _portions(len(queries)):
        found += store.search(collection, asked_afresh(queries[some]), limit=limit, index=index)
        between()
    return found


def _all_captions(database: Database, build: Build) -> Iterator[Vectors]:
    with database.reading() as transaction:
        pages = pages_of(transaction, build.catalog, _PAGE)
    for page in pages:
        with database.reading() as transaction:
            ids = sorted(transaction.products.standing_between(build.catalog, page.after, page.up_to))
            captions = sample_of(transaction, build, ids).captions
        if len(captions):
            yield captions


def median_ms(store: VectorStore, builds: Sequence[tuple[Build, Vectors]], rounds: int = 20) -> list[float]:
    """How long one search of each build takes in the middle, asked in turn, in milliseconds."""
    took: list[list[float]] = [[] for _ in builds]
    for number in range(rounds):
        for laps, (build, queries) in zip(took, builds, strict=True):
            query, (index, _) = asked_afresh(queries[[number % len(queries)]]), build.searched()
            started = time.perf_counter()
            store.search(build.texts, query, limit=DEPTH, index=index)
            laps.append((time.perf_counter() - started) * 1e3)
    return [statistics.median(laps) for laps in took]
