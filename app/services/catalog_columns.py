"""The attributes of catalogs, kept in this process as columns, and brought up to date by every query that reads them.

A database works out which of 100,000 products pass a filter, and what they hold, by reading them all; from columns
both take less than a millisecond.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.column import Mask
from app.domain.columns import Columns, Rows
from app.domain.facets import Facet, facet
from app.domain.filters import Filter
from app.domain.products import AttributeType
from app.ports.database import Transaction
from app.ports.products import Changes


class Shared:
    """The columns of one catalog, for one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.columns = Columns()


@dataclass(frozen=True, slots=True)
class Selection:
    """`count` products of a catalog, of the `everything` that it had at one moment."""

    shared: Shared
    mask: Mask
    count: int
    everything: int

    def product_ids(self) -> list[str]:
        """All of them."""
        with self.shared.lock:
            return self.shared.columns.ids_of(np.flatnonzero(self.mask).tolist())

    def page(self, after: str, limit: int) -> list[str]:
        """The first of them beyond an id, by product_id."""
        with self.shared.lock:
            return self.shared.columns.page(self.mask, after, limit)

    def among(self, product_ids: Sequence[str]) -> "Selection":
        """Those of them that are among these."""
        chosen = np.zeros_like(self.mask)
        rows = self._rows(product_ids)
        chosen[rows[rows >= 0]] = True
        return _selected(self.shared, chosen & self.mask, self.everything)

    def holds(self, product_ids: Sequence[str]) -> Mask:
        """Which of these are among them, shape (ids,)."""
        rows = self._rows(product_ids)
        return (rows >= 0) & self.mask[rows]

    def _rows(self, product_ids: Sequence[str]) -> Rows:
        """The rows of products, and -1 for those that came since."""
        with self.shared.lock:
            rows = self.shared.columns.rows_of(product_ids)
        return np.where(rows < len(self.mask), rows, -1)

    def facet(self, name: str, declared: AttributeType) -> Facet:
        """How many of them hold each value of an attribute."""
        with self.shared.lock:
            return facet(self.shared.columns, np.flatnonzero(self.mask), name, declared)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The products of a catalog as a transaction saw them, or as they are since."""

    shared: Shared

    def passing(self, where: Filter | None) -> Selection:
        """Those that are not deleted, and pass the filter."""
        with self.shared.lock:
            everything = self.shared.columns.passing(None)
            mask = everything if where is None else self.shared.columns.passing(where)
        return _selected(self.shared, mask, int(everything.sum()))


def _selected(shared: Shared, mask: Mask, everything: int) -> Selection:
    return Selection(shared, mask, int(mask.sum()), everything)


class _Kept:
    def __init__(self) -> None:
        self.first = threading.Lock()
        """Held by who reads a whole catalog: others wait for it and do not read it too."""
        self.taking = threading.Lock()
        self.shared = Shared()
        self.mark: int | None = None

    def take(self, changes: Changes) -> Shared:
        """Take changes in; the columns that have them."""
        with self.taking:
            if changes.whole:
                self.shared, self.mark = Shared(), changes.mark
            shared = self.shared
            with shared.lock:
                if changes.products:
                    shared.columns.put(changes.products)
                    if shared.columns.wasteful:
                        self.mark = None
            if self.mark is not None:
                self.mark = max(self.mark, changes.mark)
            return shared


class CatalogColumns:
    """The columns of every catalog that was asked for. Some hundred bytes a product, and safe for threads."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def snapshot(self, transaction: Transaction, catalog: str) -> Snapshot:
        """A catalog as the transaction sees it: reads what has changed since the last time, or all of it at first."""
        kept = self._kept.setdefault(catalog, _Kept())
        if kept.mark is None:
            with kept.first:
                if kept.mark is None:
                    kept.take(transaction.products.changed(catalog, None))
        return Snapshot(kept.take(transaction.products.changed(catalog, kept.mark)))
