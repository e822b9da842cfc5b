"""What each build holds, as rows: noted before it is written, and again once it is certain."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, bindparam, case, delete, exists, func, not_, or_, select

from app.adapters.postgres.build_tables import build_products, builds
from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import products, uploads
from app.domain.uploads import Stage, UploadState
from app.ports.builds import Comparison

_HELD = and_(build_products.c.build_id == bindparam("the_build"), one_of(build_products.c.product_id, "ids"))
_OVERTAKEN = (
    select(uploads.c.product_id)
    .join(builds, and_(builds.c.catalog == uploads.c.catalog, builds.c.id == bindparam("the_build")))
    .where(one_of(uploads.c.product_id, "ids"), uploads.c.touched.is_(True), uploads.c.state == Stage.INDEX.takes)
)
"""Products of which another upload is unfinished that a worker may be writing, or have died while writing."""


class HoldingRows:
    """`Holdings` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, build_id: str, pictures: Mapping[str, int]) -> dict[str, int]:
        """Note how many picture rows the build may hold of each product; returns what it was before."""
        if not pictures:
            return {}
        before = dict.fromkeys(pictures, 0)
        statement = select(build_products.c.product_id, build_products.c.pictures).where(_HELD)
        rows = self._connection.execute(statement, {"the_build": build_id, "ids": list(pictures)}).all()
        before.update((product_id, count) for product_id, count in rows)
        grown = [
            {"build_id": build_id, "product_id": product_id, "version": 0, "pictures": count}
            for product_id, count in sorted(pictures.items())
            if count > before[product_id] or not before[product_id]
        ]
        self._note(grown, version=False, shrinks=False)
        return before

    def held(self, build_id: str, products: Mapping[str, tuple[int, int]]) -> None:
        """Note by product_id the version and the number of pictures the build holds for certain."""
        overtaken = self._overtaken(build_id, list(products))
        rows = [
            {"build_id": build_id, "product_id": product_id, "version": version, "pictures": pictures}
            for product_id, (version, pictures) in sorted(products.items())
        ]
        self._note([row for row in rows if row["product_id"] not in overtaken], version=True, shrinks=True)
        self._note([row for row in rows if row["product_id"] in overtaken], version=True, shrinks=False)

    def dropped(self, build_id: str, product_ids: Sequence[str]) -> None:
        """The build holds nothing of these products any more."""
        overtaken = self._overtaken(build_id, product_ids)
        rows = [{"build_id": build_id, "product_id": one, "version": 0, "pictures": 0} for one in sorted(overtaken)]
        self._note(rows, version=True, shrinks=False)
        gone = sorted(set(product_ids) - overtaken)
        if gone:
            self._connection.execute(delete(build_products).where(_HELD), {"the_build": build_id, "ids": gone})

    def _overtaken(self, build_id: str, product_ids: Sequence[str]) -> set[str]:
        if not product_ids:
            return set()
        return set(self._connection.scalars(_OVERTAKEN, {"the_build": build_id, "ids": product_ids}))

    def _note(self, rows: Sequence[Mapping[str, object]], *, version: bool, shrinks: bool) -> None:
        if not rows:
            return
        statement = insert(self._connection, build_products)
        stated, there = statement.excluded, build_products.c
        grown = case((stated.pictures > there.pictures, stated.pictures), else_=there.pictures)
        noted = {"pictures": stated.pictures if shrinks else grown}
        if version:
            noted["version"] = stated.version
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["build_id", "product_id"], set_=noted), rows
        )

    def count(self, build_id: str) -> int:
        """How many products a build holds."""
        statement = select(func.count()).where(build_products.c.build_id == build_id, build_products.c.version > 0)
        return self._connection.execute(statement).scalar_one()

    def compare(self, build_id: str) -> Comparison:
        """What a build holds for certain, compared with the products that it should hold."""
        of_build = builds.c.id == build_id
        held = and_(
            build_products.c.build_id == build_id,
            build_products.c.product_id == products.c.product_id,
            build_products.c.version == products.c.version,
        )
        should = (
            select(func.count(), func.count(build_products.c.product_id))
            .select_from(products)
            .join(builds, and_(of_build, builds.c.catalog == products.c.catalog))
            .join(uploads, and_(uploads.c.id == products.c.upload_id, uploads.c.state == UploadState.INDEXED))
            .outerjoin(build_products, held)
            .where(products.c.deleted.is_(False))
        )
        expected, found = self._connection.execute(should).one()
        # What is deleted and not indexed yet is still on its way out.
        there = exists().where(
            products.c.catalog == builds.c.catalog,
            products.c.product_id == build_products.c.product_id,
            uploads.c.id == products.c.upload_id,
            or_(products.c.deleted.is_(False), uploads.c.state != UploadState.INDEXED),
        )
        extra = (
            select(func.count())
            .select_from(build_products)
            .join(builds, and_(of_build, builds.c.id == build_products.c.build_id))
            .where(build_products.c.version > 0, not_(there))
        )
        return Comparison(found, expected - found, self._connection.execute(extra).scalar_one())

    def sample(self, build_id: str, size: int) -> list[str]:
        """The ids of some products that a build holds, spread over all of them."""
        number = func.row_number().over(order_by=build_products.c.product_id)
        counted = (
            select(build_products.c.product_id, number.label("number"), func.count().over().label("total"))
            .join(builds, builds.c.id == build_products.c.build_id)
            .join(
                products,
                and_(
                    products.c.catalog == builds.c.catalog,
                    products.c.product_id == build_products.c.product_id,
                    products.c.version == build_products.c.version,  # others are on their way
                ),
            )
            .join(uploads, and_(uploads.c.id == products.c.upload_id, uploads.c.state == UploadState.INDEXED))
            .where(build_products.c.build_id == build_id)
            .subquery()
        )
        spread = counted.c.number * size % counted.c.total < size  # of as many or fewer all, of more every so-manieth
        return list(self._connection.scalars(select(counted.c.product_id).where(spread).order_by(counted.c.number)))

    def clear(self, build_id: str) -> None:
        """The build holds nothing any more."""
        self._connection.execute(delete(build_products).where(build_products.c.build_id == build_id))
