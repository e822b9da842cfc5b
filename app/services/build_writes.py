"""Writing versions of products to a build: the rows they become, written, made durable, and read back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import Build
from app.domain.product_words import words_of
from app.domain.products import Product, Schema
from app.domain.uploads import ProductVersion
from app.ports.database import Transaction
from app.ports.vectors import VectorRow, VectorStore
from app.services.build_rows import PlannedRow, contents_of, encodable, picture_row_id, product_of, rows_of
from app.services.encode_contents import declaration_of


@dataclass(slots=True)
class Writes:
    """What one build is to be told of some products: rows to write, and ids of rows that are to go."""

    build: Build
    texts: list[VectorRow] = field(default_factory=list)
    pictures: list[VectorRow] = field(default_factory=list)
    gone_texts: list[str] = field(default_factory=list)
    gone_pictures: list[str] = field(default_factory=list)
    unencoded: list[str] = field(default_factory=list)
    """The product_ids that lack an embedding; nothing is written of them."""


def plan_writes(transaction: Transaction, build: Build, versions: Sequence[ProductVersion]) -> Writes:
    """The rows that one version each of some products of the build's catalog becomes.

    Notes in the same transaction what the build may hold from now on.
    """
    catalog = declaration_of(transaction, build.catalog)
    chosen, schema = catalog.caption, catalog.attributes
    hashes = contents_of(versions, chosen)
    embeddings = transaction.embeddings.get(build.encoder.fingerprint, sorted(hashes))
    failed = transaction.builds.failed_contents(build.id, sorted(hashes - embeddings.keys()))
    versions = encodable(versions, chosen, failed)
    before = transaction.holdings.hold(build.id, {one.product.product_id: one.slots for one in versions})
    writes = Writes(build)
    for one in versions:
        product_id = one.product.product_id
        planned = rows_of(one, chosen)
        if planned is None or any(row.content_hash not in embeddings for row in planned):
            writes.unencoded.append(product_id)
            continue
        for row in planned:
            kind = writes.pictures if row.is_picture else writes.texts
            kind.append(stored_row(row, embeddings[row.content_hash], one.product, schema))
        if one.deleted:
            writes.gone_texts.append(product_id)
        kept = {row.id for row in planned}
        slots = max(before[product_id], one.slots)
        possible = (picture_row_id(product_id, position) for position in range(slots))
        writes.gone_pictures += [row_id for row_id in possible if row_id not in kept]
    return writes


def stored_row(row: PlannedRow, vector: NDArray[np.float32], product: Product, schema: Schema) -> VectorRow:
    """A row with its vector, and where it is that of the caption with the words of its product."""
    words = "" if row.is_picture else words_of(product, schema)
    return VectorRow(row.id, row.product_id, row.stamp, vector, row.attributes, words)


def write(store: VectorStore, writes: Writes) -> set[str]:
    """Write, make durable, read back: the ids of products that were not found as they were written."""
    images, texts = writes.build.images, writes.build.texts
    store.upsert(images, writes.pictures)
    store.delete(images, writes.gone_pictures)
    store.upsert(texts, writes.texts)
    store.delete(texts, writes.gone_texts)
    for collection in (images, texts):
        store.settle(collection)
    wrong = _differing(store, images, writes.pictures, writes.gone_pictures)
    return wrong | _differing(store, texts, writes.texts, writes.gone_texts)


def note_written(
    transaction: Transaction, writes: Writes, versions: Mapping[str, ProductVersion], certain: Collection[str]
) -> None:
    """Note what the build holds for certain of the `certain` products, and what it may hold of the others.

    `versions` are those that were planned, by product_id.
    """
    build_id = writes.build.id
    held = [row.product_id for row in writes.texts if row.product_id in certain]
    transaction.holdings.held(build_id, {name: (versions[name].version, versions[name].slots) for name in held})
    transaction.holdings.dropped(build_id, [name for name in writes.gone_texts if name in certain])
    # Whoever writes the others may have taken the note back that was made before they were written.
    possible = [row.product_id for row in writes.texts if row.product_id not in certain]
    transaction.holdings.hold(build_id, {name: versions[name].slots for name in possible})


def _differing(store: VectorStore, collection: str, rows: Sequence[VectorRow], gone: Sequence[str]) -> set[str]:
    found = store.stamps(collection, [row.id for row in rows] + list(gone), own=True)
    lost = {row.product_id for row in rows if found.get(row.id) != row.stamp}
    return lost | {product_of(row_id) for row_id in gone if row_id in found}
