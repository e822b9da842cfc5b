"""Products and the pictures of their versions, as rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    update,
)

from app.adapters.postgres import product_versions
from app.adapters.postgres.filter_clause import filter_clause
from app.adapters.postgres.pictures import picture_row
from app.adapters.postgres.product_changes import changed_products
from app.adapters.postgres.product_reads import SAME_VERSION, THESE, shown_products, stored_products
from app.adapters.postgres.statements import insert
from app.adapters.postgres.tables import images, products, uploads
from app.domain.answers import ShownProduct
from app.domain.filters import Filter
from app.domain.uploads import Newest, ProductVersion, UploadState
from app.ports.products import Accepted, Changes, Standing, StoredProduct

_NO_VERSION = {"version": 0, "upload_id": "", "digest": "", "deleted": True, "title": "", "description": ""}

_BROKEN = exists().where(SAME_VERSION, images.c.error_code.is_not(None))
_DEAD = exists().where(uploads.c.id == products.c.upload_id, uploads.c.state == UploadState.DEAD)
_SETTLED = case((products.c.version == 0, False), (_BROKEN, False), (_DEAD, False), else_=True)
_NEWEST = (
    select(
        products.c.product_id,
        products.c.version,
        products.c.digest,
        products.c.upload_id,
        products.c.deleted,
        _SETTLED.label("settled"),
    )
    .where(THESE)
    .order_by(products.c.product_id)
    .with_for_update(of=products)
)


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
        for row in self._connection.execute(_NEWEST, {"the_catalog": catalog, "ids": wanted}).all():
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
        if unborn:
            self._connection.execute(
                delete(products).where(THESE, products.c.version == 0), {"the_catalog": catalog, "ids": unborn}
            )

    def get(self, catalog: str, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """The products of these ids that are not deleted."""
        return stored_products(self._connection, catalog, product_ids)

    def shown(self, catalog: str, product_ids: Sequence[str]) -> dict[str, ShownProduct]:
        """What answers show of the products of these ids that are not deleted."""
        return shown_products(self._connection, catalog, product_ids)

    def page_ends(self, catalog: str, size: int) -> list[tuple[str, int]]:
        """The last id of each page of products that are not deleted, and how many it has."""
        return product_versions.page_ends(self._connection, catalog, size)

    def standing_between(self, catalog: str, after: str, up_to: str) -> dict[str, Standing]:
        """How the products of a range of ids stand, deleted ones too."""
        return product_versions.standing_between(self._connection, catalog, after, up_to)

    def page_end(self, catalog: str, after: str, size: int) -> str:
        """The last id of the `size` products that follow an id; '' where no more follow."""
        return product_versions.page_end(self._connection, catalog, after, size)

    def standing_still(self, catalog: str, product_ids: Sequence[str]) -> dict[str, Standing]:
        """How these products stand, held against newer versions until the transaction ends."""
        return product_versions.standing_still(self._connection, catalog, product_ids)

    def standing(self, catalog: str, product_ids: Sequence[str]) -> dict[str, Standing]:
        """How these products stand."""
        return product_versions.standing(self._connection, catalog, product_ids)

    def versions(self, catalog: str, product_ids: Sequence[str]) -> list[ProductVersion]:
        """The newest versions of these products, deleted ones too."""
        return product_versions.versions(self._connection, catalog, product_ids)

    def changed(self, catalog: str, since: str | None) -> Changes:
        """What has changed since a mark, or everything."""
        return changed_products(self._connection, catalog, since)

    def count(self, catalog: str, where: Filter | None = None, *, up_to: str = "") -> int:
        """How many products pass the filter, of those up to an id."""
        passing = _passes(catalog, where)
        if up_to:
            passing = and_(passing, products.c.product_id <= up_to)
        return self._connection.execute(select(func.count()).select_from(products).where(passing)).scalar_one()


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
