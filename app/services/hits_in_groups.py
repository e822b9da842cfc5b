"""Telling of each hit how large its group is."""

from collections.abc import Sequence

from app.domain.answers import Hit, ShownProduct
from app.domain.grouping import Grouping, InGroup
from app.services.catalog_columns import Selection
from app.services.catalog_groups import sizes_of


def in_group(grouping: Grouping | None, product: ShownProduct, size: int) -> InGroup | None:
    """The group of a product, by the value it has now; None without one."""
    value = None if grouping is None else product.attributes.get(grouping.by)
    return None if value is None else InGroup(value, size)


def hits_in_groups(grouping: Grouping | None, passing: Selection, hits: Sequence[Hit]) -> list[Hit]:
    """Hits with their groups, whose sizes are counted among what passes."""
    if grouping is None:
        return list(hits)
    sizes = sizes_of(passing, grouping.by, [hit.product.product_id for hit in hits])
    return [hit._replace(group=in_group(grouping, hit.product, size)) for hit, size in zip(hits, sizes, strict=True)]
