"""A catalog of any size, as the pipeline leaves it in the database: products, pictures, uploads, embeddings.

Encoding a hundred thousand pictures takes hours, and nothing that is measured on this catalog encodes any: its
vectors are drawn, in clusters as an encoder's are. Its live build has empty collections until somebody fills them.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Table, insert

from app.adapters.postgres.build_tables import build_products
from app.adapters.postgres.tables import embeddings, images, products, uploads
from app.bootstrap import Application
from app.domain.builds import Build
from app.domain.embeddings import Vectors, text_hash
from app.domain.products import AttributeType, AttributeValue, Catalog, Product
from app.ports.vectors import VectorRow
from app.services.build_rows import rows_of

CATALOG = Catalog(
    "default",
    {"colour": AttributeType.KEYWORD, "price": AttributeType.NUMBER, "serial": AttributeType.NUMBER},
)
COLOURS = ("red", "green", "blue", "black", "white")

_AT_A_TIME = 2_000
_CLUSTERS = 1_000
_SPREAD = 0.7  # of a cluster, as long as its centre is: neighbours of one have cosines of about .67


def clustered(count: int, dimension: int, *, seed: int = 0) -> Vectors:
    """Unit vectors, shape (count, dimension), in clusters that are the same for every seed."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((_CLUSTERS, dimension), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = random.standard_normal((count, dimension), dtype=np.float32) * np.float32(_SPREAD / dimension**0.5)
    drawn = centres[random.integers(0, _CLUSTERS, count)] + noise
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def all_vectors(count: int, dimension: int) -> Vectors:
    """Those of the pictures and captions, in turn, of a catalog of so many products."""
    return np.concatenate([_drawn(numbers, dimension) for numbers in _portions(count)])


def _portions(count: int) -> Iterator[range]:
    for start in range(0, count, _AT_A_TIME):
        yield range(start, min(start + _AT_A_TIME, count))


def _drawn(numbers: range, dimension: int) -> Vectors:
    return clustered(2 * len(numbers), dimension, seed=1 + numbers.start)


def open_large(application: Application, count: int) -> Build:
    """Declare the catalog and write `count` products down, each with a picture; returns its live build."""
    application.open_catalog(CATALOG)
    with application.database.reading() as transaction:
        build = transaction.builds.writable([CATALOG.name])[CATALOG.name][0]
    for numbers in _portions(count):
        _write_down(application, build, numbers)
    return build


def _write_down(application: Application, build: Build, numbers: range) -> None:
    some = [_product(number) for number in numbers]
    vectors = iter(_drawn(numbers, build.encoder.dimension))
    rows: dict[Table, list[dict[str, Any]]] = {
        products: list(_product_rows(some)),
        uploads: list(_upload_rows(some)),
        images: [
            {**_key(one), "position": 0, "content_hash": _picture(one), "width": 9, "height": 9} for one in some
        ],
        embeddings: [
            {"fingerprint": build.encoder.fingerprint, "content_hash": name, "vector": next(vectors).tobytes()}
            for one in some
            for name in (_picture(one), text_hash(one.caption(CATALOG.caption)))
        ],
        build_products: [
            {"build_id": build.id, "product_id": one.product_id, "version": 1, "pictures": 1} for one in some
        ],
    }
    with application.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        for table, written in rows.items():
            connection.execute(insert(table), written)


def _product(number: int) -> Product:
    attributes: dict[str, AttributeValue] = {
        "colour": COLOURS[number % len(COLOURS)],
        "price": float(number % 1_000),
        "serial": number,
    }
    return Product(f"p{number:07}", f"Product {number} of many", "It is like no other.", attributes)


def _product_rows(some: Sequence[Product]) -> Iterator[dict[str, Any]]:
    for one in some:
        told = {"title": one.title, "description": one.description, "attributes": dict(one.attributes)}
        yield {**_key(one), **told, "upload_id": f"u-{one.product_id}", "digest": "", "deleted": False}


def _upload_rows(some: Sequence[Product]) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    moments = dict.fromkeys(("due_at", "accepted_at", "fetched_at", "encoded_at", "indexed_at"), now)
    for one in some:
        yield {
            **_key(one),
            "id": f"u-{one.product_id}",
            "kind": "upsert",
            "state": "indexed",
            "digest": "",
            **moments,
        }


def _key(one: Product) -> dict[str, Any]:
    return {"catalog": CATALOG.name, "product_id": one.product_id, "version": 1}


def _picture(one: Product) -> str:
    return text_hash(f"a picture of {one.product_id}")


def fill_live(application: Application, build: Build) -> None:
    """Write what the live build should hold into its collections, and wait until the store has indexed it."""
    after, more = "", True
    while more:
        with application.database.reading() as transaction:
            up_to = transaction.products.page_end(CATALOG.name, after, _AT_A_TIME)
            ids = sorted(transaction.products.standing_between(CATALOG.name, after, up_to))
            versions = transaction.products.versions(CATALOG.name, ids)
            planned = [row for one in versions for row in rows_of(one, CATALOG.caption) or ()]
            vectors = transaction.embeddings.get(build.encoder.fingerprint, [row.content_hash for row in planned])
        for pictures, collection in ((False, build.texts), (True, build.images)):
            rows = [
                VectorRow(row.id, row.product_id, row.stamp, vectors[row.content_hash], row.attributes)
                for row in planned
                if row.is_picture is pictures
            ]
            application.store.upsert(collection, rows)
            application.store.settle(collection)
        after, more = up_to, bool(up_to)
    for collection in (build.texts, build.images):
        application.store.seal(collection)
    for collection in (build.texts, build.images):
        while application.store.unindexed(collection) or application.store.unserved(collection):
            time.sleep(0.5)
    application.database.count_rows()  # as the next sweep would
