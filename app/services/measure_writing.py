"""Measuring how long a store takes to write, into two collections that are dropped at once."""

import json
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import Build
from app.domain.estimates import Written
from app.domain.uploads import ProductVersion
from app.ports.database import Database, Transaction
from app.ports.vectors import VectorRow, VectorStore
from app.services.bring_products import to_write
from app.services.build_rows import contents_of, rows_of
from app.services.build_writes import Writes, stored_row, write
from app.services.encode_contents import declaration_of
from app.services.make_collections import make_collection

SAMPLE = 1_100
"""Products that are written: milvus-lite indexes a collection whenever 1,024 rows have come, which costs as much as
writing them."""


def measure_writing(database: Database, store: VectorStore, build: Build, go_on: Callable[[], object]) -> Written:
    """Read and write some products as a page of the build is, beside it.

    `go_on` is called between calls of the store, of which a server takes seconds for each.
    """
    beside = build.rehearsal
    collections = (beside.images, beside.texts)
    try:
        for collection in collections:
            store.drop(collection)  # which a worker that was killed has left
            go_on()
            make_collection(store, beside, collection)
            go_on()
        began = time.perf_counter()
        with database.reading() as transaction:
            up_to = transaction.products.page_end(build.catalog, "", SAMPLE)
            page = transaction.products.standing_between(build.catalog, "", up_to)
            due = sorted(name for name, one in page.items() if to_write(one, again=False))
            versions = transaction.products.versions(build.catalog, due)
            writes = _writes(transaction, beside, versions)
        rows = [*writes.pictures, *writes.texts]
        write(store, writes)
        written = time.perf_counter()
        for collection in collections:
            go_on()
            store.seal(collection)
        sealed = time.perf_counter()
        go_on()
    finally:
        for collection in collections:
            store.drop(collection)
    row_bytes = sum(map(_bytes_beside, rows)) / len(rows) if rows else 0.0
    return Written(len(rows), written - began, sealed - written, row_bytes)


def _writes(transaction: Transaction, beside: Build, versions: list[ProductVersion]) -> Writes:
    catalog = declaration_of(transaction, beside.catalog)
    chosen, schema = catalog.caption, catalog.attributes
    hashes = contents_of(versions, chosen)
    embeddings = transaction.embeddings.get(beside.encoder.fingerprint, sorted(hashes))
    chance = np.random.default_rng(0)
    writes = Writes(beside)
    for one in versions:
        for row in rows_of(one, chosen) or ():
            vector = embeddings.get(row.content_hash)
            # A store takes as long for any vector: of another encoder next to nothing is stored yet.
            vector = _drawn(chance, beside.encoder.dimension) if vector is None else vector
            kind = writes.pictures if row.is_picture else writes.texts
            kind.append(stored_row(row, vector, one.product, schema))
    return writes


def _drawn(chance: np.random.Generator, dimension: int) -> NDArray[np.float32]:
    vector = chance.standard_normal(dimension, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def _bytes_beside(row: VectorRow) -> int:
    """What a row has beside its vector: two ids, two numbers of 8 bytes, attributes, and words."""
    return len(row.id) + len(row.product_id) + 16 + len(json.dumps(row.attributes)) + len(row.words.encode())
