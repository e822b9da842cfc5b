"""The groups of a catalog's products, by the columns that are kept of their attributes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.columns import Rows
from app.domain.grouping import Grouping, Keys, first_of_each, group_sizes, hits_of_groups
from app.services.catalog_columns import Selection


def keys_of(passing: Selection, by: str, product_ids: Sequence[str]) -> Keys:
    """The keys of products that are known, in this order."""
    with passing.shared.lock:
        columns = passing.shared.columns
        return columns.keys(by, columns.rows_of(product_ids))


def hits_of(passing: Selection, grouping: Grouping) -> int:
    """How many hits there are where only so many of each group are shown."""
    return hits_of_groups(_keys(passing, grouping.by, np.flatnonzero(passing.mask)), grouping.limit)


def grouped(passing: Selection, grouping: Grouping) -> Selection:
    """The first of each group in the order of ids."""
    with passing.shared.lock:
        rows = passing.shared.columns.ordered(passing.mask)
    first = rows[first_of_each(_keys(passing, grouping.by, rows), grouping.limit)]
    mask = np.zeros_like(passing.mask)
    mask[first] = True
    return Selection(passing.shared, mask, len(first), passing.everything)


def sizes_of(passing: Selection, by: str, product_ids: Sequence[str]) -> list[int]:
    """How many of those that pass are in the group of each of these products, which pass too."""
    rows = np.flatnonzero(passing.mask)
    sizes: NDArray[np.intp] = np.ones(len(passing.mask), dtype=np.intp)
    sizes[rows] = group_sizes(_keys(passing, by, rows))
    with passing.shared.lock:
        wanted = passing.shared.columns.rows_of(product_ids)
    found: list[int] = sizes[wanted].tolist()
    return found


def _keys(passing: Selection, by: str, rows: Rows) -> Keys:
    with passing.shared.lock:
        return passing.shared.columns.keys(by, rows)
