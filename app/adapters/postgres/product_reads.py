"""Products with the pictures of their newest version, read in one statement."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, select

from app.adapters.postgres.pictures import PICTURE_COLUMNS
from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.statements import one_of
from app.adapters.postgres.tables import images, products, uploads
from app.domain.answers import ShownProduct
from app.domain.products import Product
from app.domain.uploads import Picture, UploadState
from app.ports.products import StoredProduct

_STORED = (
    products.c.product_id,
    products.c.version,
    products.c.upload_id,
    products.c.title,
    products.c.description,
    products.c.attributes,
    uploads.c.state,
)
_SHOWN = (products.c.product_id, products.c.title, products.c.attributes)

THESE = and_(products.c.catalog == bindparam("the_catalog"), one_of(products.c.product_id, "ids"))
"""The products of `the_catalog` with one of the `ids`."""

SAME_VERSION = and_(
    images.c.catalog == products.c.catalog,
    images.c.product_id == products.c.product_id,
    images.c.version == products.c.version,
)
"""Pictures of the newest version of a product."""


def _with_pictures(*columns: Any) -> Select[Any]:
    return (
        select(*columns, *PICTURE_COLUMNS)
        .outerjoin(images, SAME_VERSION)
        .where(THESE, products.c.deleted.is_(False))
        .order_by(products.c.product_id, images.c.position)
    )


_STORED_BY_ID = Prepared(_with_pictures(*_STORED).join(uploads, uploads.c.id == products.c.upload_id))
_SHOWN_BY_ID = Prepared(_with_pictures(*_SHOWN))


def stored_products(connection: Connection, catalog: str, ids: Sequence[str]) -> dict[str, StoredProduct]:
    """The products of these ids that are not deleted."""
    rows = _STORED_BY_ID.rows(connection, {"the_catalog": catalog, "ids": ids}) if ids else ()
    found: dict[str, StoredProduct] = {}
    for (product_id, version, upload_id, title, description, attributes, state), pictures in _by_product(
        rows, _STORED
    ):
        product = Product(product_id, title, description, attributes)
        found[product_id] = StoredProduct(product, version, upload_id, UploadState(state), tuple(pictures))
    return found


def shown_products(connection: Connection, catalog: str, ids: Sequence[str]) -> dict[str, ShownProduct]:
    """What answers show of the products of these ids that are not deleted."""
    rows = _SHOWN_BY_ID.rows(connection, {"the_catalog": catalog, "ids": ids}) if ids else ()
    return {
        product_id: ShownProduct(product_id, title, attributes, tuple(pictures))
        for (product_id, title, attributes), pictures in _by_product(rows, _SHOWN)
    }


def _by_product(
    rows: Sequence[Sequence[Any]], columns: Sequence[Any]
) -> Iterable[tuple[Sequence[Any], list[Picture]]]:
    """Rows of `columns` and those of pictures, by product, which the first column names."""
    width = len(columns)
    found: dict[str, tuple[Sequence[Any], list[Picture]]] = {}
    for row in rows:
        known = found.get(row[0])
        if known is None:
            known = found[row[0]] = (row[:width], [])
        if row[width] is not None:
            known[1].append(Picture(*row[width:]))
    return found.values()
