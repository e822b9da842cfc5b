"""The newest versions of products, as whoever fills a build reads them: by ranges of ids, deleted ones too."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from app.adapters.postgres.pictures import pictures_of
from app.adapters.postgres.product_reads import THESE
from app.adapters.postgres.statements import has_one_writer
from app.adapters.postgres.tables import products, uploads
from app.domain.products import Product
from app.domain.uploads import ProductVersion, UploadState
from app.ports.products import Standing

_STANDING = select(products.c.product_id, products.c.version, products.c.deleted, uploads.c.state).join(
    uploads, uploads.c.id == products.c.upload_id
)
_HOLD_STILL = (
    select(products.c.product_id)
    .where(THESE)
    .order_by(products.c.product_id)  # one order for everybody: no two wait for each other
    .with_for_update(read=True)
)
_VERSIONS = select(
    products.c.product_id,
    products.c.version,
    products.c.deleted,
    products.c.title,
    products.c.description,
    products.c.attributes,
).where(THESE)


def page_ends(connection: Connection, catalog: str, size: int) -> list[tuple[str, int]]:
    """The last id of each page of `size` products that are not deleted, and how many it has."""
    number = func.row_number().over(order_by=products.c.product_id)
    counted = (
        select(products.c.product_id, number.label("number"), func.count().over().label("total"))
        .where(products.c.catalog == catalog, products.c.deleted.is_(False))
        .subquery()
    )
    is_last = (counted.c.number % size == 0) | (counted.c.number == counted.c.total)
    rows = connection.execute(
        select(counted.c.product_id, counted.c.number).where(is_last).order_by(counted.c.number)
    ).all()
    return [(row.product_id, (row.number - 1) % size + 1) for row in rows]


def page_end(connection: Connection, catalog: str, after: str, size: int) -> str:
    """The last id of the `size` products that follow an id; '' where no more follow."""
    statement = (
        select(products.c.product_id)
        .where(products.c.catalog == catalog, products.c.product_id > after)
        .order_by(products.c.product_id)
        .offset(size - 1)
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none() or ""


def standing_between(connection: Connection, catalog: str, after: str, up_to: str) -> dict[str, Standing]:
    """How the products of a range of ids stand."""
    bounds = [products.c.product_id > after] if after else []
    bounds += [products.c.product_id <= up_to] if up_to else []
    rows = connection.execute(_STANDING.where(products.c.catalog == catalog, *bounds)).all()
    return {row.product_id: Standing(row.version, row.deleted, UploadState(row.state)) for row in rows}


def standing_still(connection: Connection, catalog: str, ids: Sequence[str]) -> dict[str, Standing]:
    """How these products stand, held against newer versions until the transaction ends."""
    if ids and not has_one_writer(connection):
        connection.execute(_HOLD_STILL, {"the_catalog": catalog, "ids": list(ids)})
    return standing(connection, catalog, ids)


def standing(connection: Connection, catalog: str, ids: Sequence[str]) -> dict[str, Standing]:
    """How these products stand."""
    if not ids:
        return {}
    rows = connection.execute(_STANDING.where(THESE), {"the_catalog": catalog, "ids": list(ids)}).all()
    return {row.product_id: Standing(row.version, row.deleted, UploadState(row.state)) for row in rows}


def versions(connection: Connection, catalog: str, ids: Sequence[str]) -> list[ProductVersion]:
    """The newest versions of these products, deleted ones too."""
    if not ids:
        return []
    rows = connection.execute(_VERSIONS, {"the_catalog": catalog, "ids": list(ids)}).all()
    pictures = pictures_of(connection, [(catalog, row.product_id, row.version) for row in rows])
    return [
        ProductVersion(
            Product(row.product_id, row.title, row.description, row.attributes),
            row.version,
            row.deleted,
            tuple(pictures[catalog, row.product_id, row.version]),
        )
        for row in rows
    ]
