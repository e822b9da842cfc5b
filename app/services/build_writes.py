"""Writing versions of products to a build: the rows they become, written, made durable, and read back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import Build
from app.domain.embeddings import text_hash
from app.domain.uploads import Picture, ProductVersion
from app.ports.database import Transaction
from app.ports.uploads import Failure
from app.ports.vectors import VectorRow, VectorStore
from app.services.encode_contents import chosen_for_captions

Embeddings = Mapping[str, NDArray[np.float32]]


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
    chosen = chosen_for_captions(transaction, build.catalog)
    hashes = contents_of(versions, chosen)
    embeddings = transaction.embeddings.get(build.encoder.fingerprint, sorted(hashes))
    failed = transaction.builds.failed_contents(build.id, sorted(hashes - embeddings.keys()))
    versions = encodable(versions, chosen, failed)
    before = transaction.holdings.hold(build.id, {one.product.product_id: one.slots for one in versions})
    writes = Writes(build)
    for one in versions:
        product_id = one.product.product_id
        kept: set[str] = set()
        if one.deleted:
            writes.gone_texts.append(product_id)
        else:
            rows = _picture_rows(one, embeddings)
            caption = embeddings.get(text_hash(one.product.caption(chosen)))
            if rows is None or caption is None:
                writes.unencoded.append(product_id)
                continue
            writes.texts.append(_row(one, product_id, caption))
            writes.pictures += rows
            kept = {row.id for row in rows}
        slots = max(before[product_id], one.slots)
        possible = (picture_row_id(product_id, position) for position in range(slots))
        writes.gone_pictures += [row_id for row_id in possible if row_id not in kept]
    return writes


def contents_of(versions: Sequence[ProductVersion], chosen: Sequence[str]) -> set[str]:
    """The content hashes of the captions and pictures that an index is to hold."""
    shown = [one for one in versions if not one.deleted]
    pictures = {picture.content_hash for one in shown for picture in one.pictures if picture.content_hash}
    return pictures | {text_hash(one.product.caption(chosen)) for one in shown}


def encodable(
    versions: Sequence[ProductVersion], chosen: Sequence[str], failed: Mapping[str, Failure]
) -> Sequence[ProductVersion]:
    """The versions as a build can hold them whose encoder has `failed` on some contents, by content hash.

    It goes without such a picture, and without a product whose caption is one.
    """
    if not failed:
        return versions
    return [
        replace(
            one,
            deleted=one.deleted or text_hash(one.product.caption(chosen)) in failed,
            pictures=tuple(_marked(picture, failed) for picture in one.pictures),
        )
        for one in versions
    ]


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


def picture_row_id(product_id: str, position: int) -> str:
    """The id of a picture's row: `#` cannot stand in a product_id."""
    return f"{product_id}#{position}"


def position_of(row_id: str) -> int:
    """The position of the picture a row stands for."""
    return int(row_id.rpartition("#")[2])


def _product_of(row_id: str) -> str:
    return row_id.partition("#")[0]


def _differing(store: VectorStore, collection: str, rows: Sequence[VectorRow], gone: Sequence[str]) -> set[str]:
    found = store.versions(collection, [row.id for row in rows] + list(gone))
    lost = {row.product_id for row in rows if found.get(row.id) != row.version}
    return lost | {_product_of(row_id) for row_id in gone if row_id in found}


def _marked(picture: Picture, failed: Mapping[str, Failure]) -> Picture:
    error = failed.get(picture.content_hash or "")
    return picture if error is None else replace(picture, error_code=error.code, error_detail=error.detail)


def _picture_rows(one: ProductVersion, embeddings: Embeddings) -> list[VectorRow] | None:
    """A row for each picture, the same picture twice counted once; None where an embedding is missing."""
    rows: dict[str, VectorRow] = {}
    for picture in one.pictures:
        name = picture.content_hash
        if picture.error_code or name in rows:
            continue
        if name is None or name not in embeddings:  # not fetched yet, or not encoded
            return None
        rows[name] = _row(one, picture_row_id(one.product.product_id, picture.position), embeddings[name])
    return list(rows.values())


def _row(one: ProductVersion, row_id: str, vector: NDArray[np.float32]) -> VectorRow:
    return VectorRow(row_id, one.product.product_id, one.version, vector, one.product.attributes)
