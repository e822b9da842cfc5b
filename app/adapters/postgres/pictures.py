"""The pictures of products' versions, as rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, select

from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import images, products
from app.domain.uploads import Claim, Picture, Upload

PICTURE_COLUMNS = (
    images.c.position,
    images.c.url,
    images.c.content_hash,
    images.c.width,
    images.c.height,
    images.c.error_code,
    images.c.error_detail,
)
_OF_PRODUCTS = (
    select(images.c.product_id, images.c.version, *PICTURE_COLUMNS)
    .where(images.c.catalog == bindparam("the_catalog"), one_of(images.c.product_id, "ids"))
    .order_by(images.c.product_id, images.c.version, images.c.position)
)
_OUTCOME = ("content_hash", "width", "height", "error_code", "error_detail")


class PictureRows:
    """`Pictures` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def shown(self, catalog: str, content_hash: str) -> bool:
        """Whether a product of this catalog that is not deleted has this picture in its newest version."""
        having = exists().where(
            images.c.catalog == catalog,
            images.c.content_hash == content_hash,
            products.c.catalog == images.c.catalog,
            products.c.product_id == images.c.product_id,
            products.c.version == images.c.version,
            products.c.deleted.is_(False),
        )
        return bool(self._connection.execute(select(having)).scalar())

    def save(self, claim: Claim, pictures: Sequence[Picture]) -> None:
        """Write down what became of some of a version's pictures."""
        if not pictures:
            return
        statement = insert(self._connection, images)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["catalog", "product_id", "version", "position"],
                set_={name: statement.excluded[name] for name in _OUTCOME},
            ),
            [picture_row(claim.catalog, claim.product.product_id, claim.version, picture) for picture in pictures],
        )

    def slots(self, catalog: str, product_ids: Sequence[str]) -> dict[str, int]:
        """One more than the highest position a picture of each product ever had."""
        statement = (
            select(images.c.product_id, func.max(images.c.position) + 1)
            .where(images.c.catalog == catalog, one_of(images.c.product_id, "ids"))
            .group_by(images.c.product_id)
        )
        rows = self._connection.execute(statement, {"ids": list(product_ids)}).all()
        return {row[0]: row[1] for row in rows}

    def in_error(self, uploads: Sequence[Upload]) -> dict[str, tuple[Picture, ...]]:
        """By upload id, the pictures that these versions go without."""
        found = pictures_of(
            self._connection,
            [(one.catalog, one.product_id, one.version) for one in uploads],
            images.c.error_code.is_not(None),
        )
        marked = {one.id: tuple(found[one.catalog, one.product_id, one.version]) for one in uploads}
        return {upload_id: pictures for upload_id, pictures in marked.items() if pictures}


def picture_row(catalog: str, product_id: str, version: int, picture: Picture) -> dict[str, Any]:
    """One row of `images`."""
    return {
        "catalog": catalog,
        "product_id": product_id,
        "version": version,
        "position": picture.position,
        "url": picture.url,
        "content_hash": picture.content_hash,
        "width": picture.width,
        "height": picture.height,
        "error_code": picture.error_code,
        "error_detail": picture.error_detail,
    }


def pictures_of(
    connection: Connection, versions: Iterable[tuple[str, str, int]], which: ColumnElement[bool] | None = None
) -> dict[tuple[str, str, int], list[Picture]]:
    """The pictures of (catalog, product_id, version), in order: all, or those for which `which` holds."""
    wanted = set(versions)
    found: dict[tuple[str, str, int], list[Picture]] = {key: [] for key in wanted}
    for catalog in sorted({key[0] for key in wanted}):
        ids = {key[1] for key in wanted if key[0] == catalog}
        statement = _OF_PRODUCTS if which is None else _OF_PRODUCTS.where(which)
        rows = connection.execute(statement, {"the_catalog": catalog, "ids": list(ids)}).all()
        for product_id, version, *columns in rows:
            if (catalog, product_id, version) in found:
                found[catalog, product_id, version].append(Picture(*columns))
    return found
