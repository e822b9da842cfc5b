"""The attributes of catalogs, kept in this process as columns, and brought up to date by every query that reads them.

A database works out which of 100,000 products pass a filter, and what they hold, by reading them all; from columns
that takes about a millisecond.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from app.domain.column import Column, Mask
from app.domain.columns import Columns, Rows
from app.domain.facets import Facet, facet
from app.domain.filters import Filter
from app.domain.products import Schema
from app.ports.database import Transaction
from app.ports.products import Changes


class Shared:
    """The columns of one catalog, for one thread at a time, and up to where they are read; '' before they are."""

    def __init__(self, mark: str = "") -> None:
        self.lock = threading.Lock()
        self.columns = Columns()
        self.mark = mark


@dataclass(frozen=True, slots=True)
class Selection:
    """`count` products of a catalog, of the `everything` that it had at one moment; `columns` are of that moment."""

    shared: Shared
    mask: Mask
    count: int
    everything: int
    columns: Mapping[str, Column] = field(default_factory=dict)

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
        mask = chosen & self.mask
        return Selection(self.shared, mask, int(mask.sum()), self.everything, self.columns)

    def holds(self, product_ids: Sequence[str]) -> Mask:
        """Which of these are among them, shape (ids,)."""
        rows = self._rows(product_ids)
        return (rows >= 0) & self.mask[rows] if len(self.mask) else np.zeros(len(rows), dtype=np.bool_)

    def facets(self, schema: Schema) -> dict[str, Facet]:
        """How many of them hold each value of some attributes, of those whose columns were asked for."""
        rows = np.flatnonzero(self.mask)
        return {name: facet(self.columns.get(name), rows, declared) for name, declared in schema.items()}

    def _rows(self, product_ids: Sequence[str]) -> Rows:
        """The rows of products, and -1 for those that came since."""
        with self.shared.lock:
            rows = self.shared.columns.rows_of(product_ids)
        return np.where(rows < len(self.mask), rows, -1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The products of a catalog as a transaction saw them, or as they are since. `digest` is of their versions."""

    shared: Shared
    digest: int

    def passing(self, where: Filter | None, columns: Sequence[str] = ()) -> Selection:
        """Those that are not deleted, and pass the filter, with the `columns` of that moment."""
        with self.shared.lock:
            everything = self.shared.columns.passing(None)
            mask = everything if where is None else self.shared.columns.passing(where)
            kept = self.shared.columns.copies(columns)
        return Selection(self.shared, mask, int(mask.sum()), int(everything.sum()), kept)


class _Kept:
    def __init__(self) -> None:
        self.reading = threading.Lock()
        """Held by who reads a whole catalog: others wait for it and do not read it too."""
        self.shared = Shared()

    def begin(self, changes: Changes) -> None:
        """Begin anew with a whole catalog. Who read changes of the columns before lets go of them."""
        shared = Shared(changes.mark)
        shared.columns.put(changes.products)
        self.shared = shared

    def take(self, changes: Changes, shared: Shared, since: str) -> Snapshot | None:
        """Take changes in; what is there with them. None where these columns are no longer the ones that are kept."""
        with shared.lock:
            if self.shared is not shared:
                return None
            if changes.products:
                shared.columns.put(changes.products)
            if shared.mark == since:  # or somebody was quicker, and from there nothing is left out either
                shared.mark = "" if changes.products and shared.columns.wasteful else changes.mark
            return Snapshot(shared, shared.columns.digest)


class Known(NamedTuple):
    """What is known of a catalog before it is looked at again; `mark` is up to where, None before it was read."""

    kept: _Kept
    shared: Shared
    mark: str | None

    def with_changes(self, changes: Changes | None) -> Snapshot | None:
        """The catalog with what has changed since the mark; None where it has to be looked at anew."""
        if changes is None or changes.whole or self.mark is None:
            return None
        return self.kept.take(changes, self.shared, self.mark)


class CatalogColumns:
    """The columns of every catalog that was asked for. Safe for threads."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def known(self, catalog: str) -> Known:
        """What is known of a catalog; of one that may not exist nothing is kept."""
        kept = self._kept.get(catalog) or _Kept()
        shared = kept.shared
        return Known(kept, shared, shared.mark or None)

    def snapshot(self, transaction: Transaction, catalog: str) -> Snapshot:
        """A catalog as the transaction sees it: reads what has changed since the last time, or all of it at first."""
        if catalog not in self._kept:
            self._kept.setdefault(catalog, _Kept())
        while True:
            known = self.known(catalog)
            changes = transaction.products.changed(catalog, known.mark) if known.mark else None
            if changes is None or changes.whole:
                with known.kept.reading:
                    if known == self.known(catalog):
                        known.kept.begin(transaction.products.changed(catalog, None))
            elif (snapshot := known.with_changes(changes)) is not None:
                return snapshot
