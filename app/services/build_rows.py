"""The rows that versions of products become in a build, whatever its encoder makes of their contents."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.domain.builds import Build
from app.domain.embeddings import text_hash
from app.domain.products import AttributeValue
from app.domain.uploads import Picture, ProductVersion
from app.ports.uploads import Failure
from app.ports.vectors import Stamp


class Place(NamedTuple):
    """Where a row of a build lies."""

    collection: str
    id: str

    @property
    def product_id(self) -> str:
        """The product that a row of this id is of."""
        return product_of(self.id)


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row that a build is to have: the caption of a product, or a picture of it."""

    id: str
    product_id: str
    content_hash: str
    stamp: Stamp
    attributes: Mapping[str, AttributeValue]

    @property
    def is_picture(self) -> bool:
        """Whether it belongs to the collection of pictures."""
        return self.id != self.product_id

    def place(self, build: Build) -> Place:
        """Where it is to lie."""
        return Place(build.images if self.is_picture else build.texts, self.id)


def rows_of(one: ProductVersion, chosen: Sequence[str]) -> list[PlannedRow] | None:
    """The caption's row and one for each picture, the same picture twice counted once; none of what is deleted.

    `chosen` are the attributes that captions have. None where a picture has not been fetched yet.
    """
    if one.deleted:
        return []
    product = one.product
    contents = {text_hash(product.caption(chosen)): product.product_id}
    for picture in one.pictures:
        if picture.error_code:
            continue
        if picture.content_hash is None:
            return None
        contents.setdefault(picture.content_hash, picture_row_id(product.product_id, picture.position))
    told = json.dumps(product.attributes, sort_keys=True)
    return [
        PlannedRow(row_id, product.product_id, name, _stamp(one.version, name, told), product.attributes)
        for name, row_id in contents.items()
    ]


def _stamp(version: int, content_hash: str, attributes: str) -> Stamp:
    """A database that was set back gives versions out again: the digest tells the same number apart."""
    told = hashlib.blake2b(f"{version} {content_hash} {attributes}".encode(), digest_size=8).digest()
    return Stamp(version, int.from_bytes(told, "big", signed=True))


def picture_row_id(product_id: str, position: int) -> str:
    """The id of a picture's row: `#` cannot stand in a product_id."""
    return f"{product_id}#{position}"


def position_of(row_id: str) -> int:
    """The position of the picture a row stands for."""
    return int(row_id.rpartition("#")[2])


def product_of(row_id: str) -> str:
    """The product_id of a row's id."""
    return row_id.partition("#")[0]


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


def _marked(picture: Picture, failed: Mapping[str, Failure]) -> Picture:
    error = failed.get(picture.content_hash or "")
    return picture if error is None else picture._replace(error_code=error.code, error_detail=error.detail)
