"""The next page of an answer: products as they are now, in the order they were found in."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.domain.answers import Hit, ShownProduct, Total
from app.domain.cursors import Cursor, Placed
from app.domain.filters import Filter
from app.domain.grouping import Grouping
from app.domain.passing import passes
from app.domain.uploads import Picture
from app.ports.database import Database
from app.services.catalog_columns import Selection
from app.services.catalog_groups import grouped
from app.services.hits_in_groups import hits_in_groups, in_group


def next_page(
    database: Database, cursor: Cursor, where: Filter | None, passing: Selection, limit: int
) -> tuple[list[Hit], Cursor]:
    """At most `limit` hits, and what follows them. Who browses is shown what is `passing` now."""
    if cursor.ranking is None:
        shown = passing if cursor.group is None else grouped(passing, cursor.group)
        total = Total(shown.count, exact=True, scope="catalog")
        hits, after = _browsed(database, cursor, where, shown, limit)
        return hits_in_groups(cursor.group, passing, hits), replace(cursor, total=total, after=after)
    hits, rest = _ranked(database, cursor, cursor.ranking, where, limit)
    return hits, replace(cursor, ranking=rest)


def _browsed(
    database: Database, cursor: Cursor, where: Filter | None, passing: Selection, limit: int
) -> tuple[list[Hit], str]:
    """The first `limit` beyond those shown before that are still there, and the last of them where others follow."""
    hits: list[Hit] = []
    after = cursor.after
    while page := passing.page(after, limit + 1):
        for product in still_there(database, cursor.catalog, page, where):
            if len(hits) == limit:
                return hits, hits[-1].product.product_id
            hits.append(Hit(product))
        after = page[-1]
    return hits, ""


def _ranked(
    database: Database, cursor: Cursor, ranking: Sequence[Placed], where: Filter | None, limit: int
) -> tuple[list[Hit], Sequence[Placed]]:
    """The first `limit` of the ranking that are still there and still pass the filter, and the rest from the next."""
    hits: list[Hit] = []
    for start in range(0, len(ranking), limit + 1):
        some = ranking[start : start + limit + 1]  # with one more: what follows is a page only if it has a hit
        ids = [one.product_id for one in some]
        shown = {one.product_id: one for one in still_there(database, cursor.catalog, ids, where)}
        for place, one in enumerate(some, start):
            if one.product_id not in shown:
                continue
            if len(hits) == limit:
                return hits, ranking[place:]
            hits.append(_hit(cursor.group, one, shown[one.product_id]))
    return hits, ()


def still_there(
    database: Database, catalog: str, product_ids: Sequence[str], where: Filter | None
) -> Iterator[ShownProduct]:
    """Those of the products that are not deleted and pass the filter now, in this order."""
    with database.reading() as transaction:
        shown = transaction.products.shown(catalog, product_ids)
    for product_id in product_ids:
        product = shown.get(product_id)
        if product is not None and (where is None or passes(where, product.attributes)):
            yield product


def _hit(grouping: Grouping | None, placed: Placed, product: ShownProduct) -> Hit:
    group = in_group(grouping, product, placed.group_size)
    matched = _matched(placed.position, product)
    return Hit(product, placed.score, matched, group=group, duplicates=placed.duplicates)


def _matched(position: int | None, product: ShownProduct) -> Picture | None:
    """The picture that the image leg found, if the newest version still has it."""
    usable = (one for one in product.pictures if one.content_hash and not one.error_code)
    return next((one for one in usable if one.position == position), None)
