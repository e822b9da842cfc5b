"""Products and the pictures of their versions, as rows."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    update,
)

from app.adapters.postgres.filter_clause import filter_clause
from app.adapters.postgres.pictures import PICTURE_COLUMNS, picture_row
from app.adapters.postgres.statements import insert, portions
from app.adapters.postgres.tables import images, products, uploads
from app.domain.filters import Filter
from app.domain.products import Product
from app.domain.uploads import Newest, Picture, UploadState
from app.ports.products import Accepted, StoredProduct

_SHOWN = (
    products.c.product_id,
    products.c.version,
    products.c.upload_id,
    products.c.title,
    products.c.description,
    products.c.attributes,
    uploads.c.state,
)
_NO_VERSION = {"version": 0, "upload_id": "", "digest": "", "deleted": True, "title": "", "description": ""}


class ProductRows:
    """`Products` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._unborn: set[tuple[str, str]] = set()

    def lock(self, catalog: str, product_ids: Sequence[str]) -> dict[str, Newest]:
        """What is newest of each product, held against other writers until this transaction ends."""
        wanted = sorted(set(product_ids))  # one order for everybody: no two writers wait for each other
        stubs = [
            {"catalog": catalog, "product_id": wanted_id, "attributes": {}, **_NO_VERSION} for wanted_id in wanted
        ]
        self._connection.execute(insert(self._connection, products).on_conflict_do_nothing(), stubs)
        found: dict[str, Newest] = {}
        for some in portions(wanted):
            for row in self._connection.execute(_newest(catalog, some)):
                found[row.product_id] = Newest(row.version, row.digest, row.upload_id, row.deleted, bool(row.settled))
        self._unborn |= {(catalog, product_id) for product_id, newest in found.items() if newest.version == 0}
        return found

    def save(self, catalog: str, accepted: Sequence[Accepted]) -> None:
        """Make these versions the newest of their products; locked ones that never had a version leave nothing."""
        self._forget_unborn(catalog, {upload.product.product_id for upload in accepted})
        if not accepted:
            return
        statement = (
            update(products)
            .where(products.c.catalog == catalog, products.c.product_id == bindparam("the_id"))
            .values({name: bindparam(f"new_{name}") for name in (*_NO_VERSION, "attributes")})
        )
        self._connection.execute(statement, [_new_values(upload) for upload in accepted])
        rows = [
            picture_row(catalog, upload.product.product_id, upload.version, picture)
            for upload in accepted
            for picture in upload.pictures
        ]
        if rows:
            self._connection.execute(insert(self._connection, images), rows)

    def _forget_unborn(self, catalog: str, born: set[str]) -> None:
        unborn = sorted(product_id for of, product_id in self._unborn if of == catalog and product_id not in born)
        for some in portions(unborn):
            nothing = and_(products.c.catalog == catalog, products.c.product_id.in_(some), products.c.version == 0)
            self._connection.execute(delete(products).where(nothing))

    def get(self, catalog: str, product_ids: Sequence[str], where: Filter | None = None) -> dict[str, StoredProduct]:
        """The products of these ids that are not deleted and pass the filter."""
        found: dict[str, StoredProduct] = {}
        for some in portions(product_ids):
            statement = _BY_ID if where is None else _BY_ID.where(filter_clause(where, products.c.attributes))
            rows = self._connection.execute(statement, {"the_catalog": catalog, "the_ids": some}).all()
            found.update(_grouped(rows))
        return found

    def browse(
        self, catalog: str, where: Filter | None, *, limit: int, offset: int = 0
    ) -> tuple[int, list[StoredProduct]]:
        """How many products pass the filter, and one page of them by product_id."""
        passing = _passes(catalog, where)
        total = self._connection.execute(select(func.count()).select_from(products).where(passing)).scalar_one()
        page = (
            select(products.c.product_id).where(passing).order_by(products.c.product_id).limit(limit).offset(offset)
        )
        ids = self._connection.execute(page).scalars().all()
        found = self.get(catalog, ids)
        return total, [found[product_id] for product_id in ids]


def _newest(catalog: str, product_ids: Sequence[str]) -> Select[Any]:
    broken = exists().where(
        images.c.catalog == products.c.catalog,
        images.c.product_id == products.c.product_id,
        images.c.version == products.c.version,
        images.c.error_code.is_not(None),
    )
    dead = exists().where(uploads.c.id == products.c.upload_id, uploads.c.state == UploadState.DEAD)
    settled = case((products.c.version == 0, False), (broken, False), (dead, False), else_=True).label("settled")
    return (
        select(
            products.c.product_id,
            products.c.version,
            products.c.digest,
            products.c.upload_id,
            products.c.deleted,
            settled,
        )
        .where(products.c.catalog == catalog, products.c.product_id.in_(product_ids))
        .order_by(products.c.product_id)
        .with_for_update(of=products)
    )


def _new_values(upload: Accepted) -> dict[str, Any]:
    return {
        "the_id": upload.product.product_id,
        "new_version": upload.version,
        "new_upload_id": upload.upload_id,
        "new_digest": upload.content_digest,
        "new_deleted": upload.kind == "delete",
        "new_title": upload.product.title,
        "new_description": upload.product.description,
        "new_attributes": dict(upload.product.attributes),
    }


def _passes(catalog: str, where: Filter | None) -> ColumnElement[bool]:
    shown = and_(products.c.catalog == catalog, products.c.deleted.is_(False))
    return shown if where is None else and_(shown, filter_clause(where, products.c.attributes))


def _with_pictures(passing: ColumnElement[bool]) -> Select[Any]:
    same_version = and_(
        images.c.catalog == products.c.catalog,
        images.c.product_id == products.c.product_id,
        images.c.version == products.c.version,
    )
    return (
        select(*_SHOWN, *PICTURE_COLUMNS)
        .join(uploads, uploads.c.id == products.c.upload_id)
        .outerjoin(images, same_version)
        .where(passing)
        .order_by(products.c.product_id, images.c.position)
    )


_BY_ID = _with_pictures(
    and_(
        products.c.catalog == bindparam("the_catalog"),
        products.c.deleted.is_(False),
        products.c.product_id.in_(bindparam("the_ids", expanding=True)),
    )
)
"""Built once: every query is hydrated with it, and building it takes as long as running it."""


def _grouped(rows: Iterable[Row[Any]]) -> dict[str, StoredProduct]:
    """Products from rows of `_SHOWN` and `PICTURE_COLUMNS`, those of one product side by side."""
    found: dict[str, StoredProduct] = {}
    for product_id, some in groupby(rows, key=itemgetter(0)):
        shown = list(some)
        _, version, upload_id, title, description, attributes, state = shown[0][: len(_SHOWN)]
        pictures = (row[len(_SHOWN) :] for row in shown)
        found[product_id] = StoredProduct(
            Product(product_id, title, description, attributes),
            version,
            upload_id,
            UploadState(state),
            tuple(Picture(*columns) for columns in pictures if columns[0] is not None),
        )
    return found
