"""Products with the pictures of their newest version, read in one statement."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
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
    found: dict[str, StoredProduct] = {}
    rows = _STORED_BY_ID.rows(connection, {"the_catalog": catalog, "ids": ids}) if ids else ()
    for (product_id, version, upload_id, title, description, attributes, state), pictures in _grouped(rows, _STORED):
        product = Product(product_id, title, description, attributes)
        found[product_id] = StoredProduct(product, version, upload_id, UploadState(state), pictures)
    return found


def shown_products(connection: Connection, catalog: str, ids: Sequence[str]) -> dict[str, ShownProduct]:
    """What answers show of the products of these ids that are not deleted."""
    rows = _SHOWN_BY_ID.rows(connection, {"the_catalog": catalog, "ids": ids}) if ids else ()
    return {
        product_id: ShownProduct(product_id, title, attributes, pictures)
        for (product_id, title, attributes), pictures in _grouped(rows, _SHOWN)
    }


def _grouped(rows: Any, columns: Sequence[Any]) -> Iterator[tuple[Any, tuple[Picture, ...]]]:
    """Rows of `columns` and those of pictures, by product: those of one product stand side by side."""
    width = len(columns)
    for _, some in groupby(rows, key=itemgetter(0)):
        same = list(some)
        yield same[0][:width], tuple(Picture(*row[width:]) for row in same if row[width] is not None)
