"""The bands of selectivity of a catalog: which filters stand for them, and what a build needs in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.best_products import BestProducts
from app.domain.builds import Build
from app.domain.filters import Filter, parse_filter
from app.domain.likely_filters import likely_filters
from app.domain.passing import passes
from app.domain.products import Schema
from app.domain.tuning import Ladder
from app.ports.database import Database
from app.services.measure_searches import Meter, Target
from app.services.search_legs import DEPTH, ROWS_PER_CANDIDATE
from app.services.stored_vectors import Rows, stored_rows

SHARES = (0.5, 0.05, 0.005)
"""What filters of shops pass: a department, a brand in it, a size and a colour of that."""

FEWEST = 30
"""Products that pass: of fewer, all are looked at sooner than an index is asked."""

_SAMPLED = 2_000  # products whose attributes filters are made of: a share of .5 % are ten of them

Told = dict[str, Any]


def chosen_filters(database: Database, build: Build) -> tuple[list[tuple[float, Told]], list[Told]]:
    """The shares that filters on the catalog's attributes can stand for, each with one; and those that none can."""
    with database.reading() as transaction:
        ids = transaction.holdings.sample(build.id, _SAMPLED)
        sampled = [one.attributes for one in transaction.products.shown(build.catalog, ids).values()]
    stated = likely_filters(_schema(database, build), sampled, SHARES)
    reason = "no filter on the catalog's attributes passes about as many"
    left_out = [{"share": share, "reason": reason} for share in SHARES if share not in stated]
    return list(stated.items()), left_out


def _schema(database: Database, build: Build) -> Schema:
    with database.reading() as transaction:
        catalog = transaction.catalogs.get(build.catalog)
    return catalog.attributes if catalog else {}


@dataclass(frozen=True, slots=True)
class BandMeter:
    """Measures what a build needs in one band after the other."""

    database: Database
    build: Build
    meter: Meter

    def measured(self, share: float, stated: Mapping[str, Any] | None, recall: float) -> tuple[str, Told]:
        """`bands` and what was found under a filter, or `left_out` and why; `share` is what the filter stands for."""
        where = None if stated is None else parse_filter(stated, _schema(self.database, self.build))
        everything, captions, pictures = self._exact(where)
        if where is not None and captions.products < FEWEST:
            reason = f"{captions.products} products pass {stated}: so few are better looked at one by one"
            return "left_out", {"share": share, "reason": reason}
        targets, over_fetch = [Target(self.build.texts, captions, where)], ROWS_PER_CANDIDATE
        if pictures.products:
            over_fetch = self.meter.over_fetch(self.build.index, Target(self.build.images, pictures, where))
            targets.append(Target(self.build.images, pictures, where, over_fetch))
        ladder = Ladder(recall)
        self.meter.climb(self.build.index, targets, ladder)
        return "bands", {
            "share": round(captions.products / max(everything, 1), 6),
            "filter": stated,
            "products": captions.products,
            "over_fetch": over_fetch,
            **self._chosen(targets, ladder),
        }

    def _exact(self, where: Filter | None) -> tuple[int, BestProducts, BestProducts]:
        """How many products there are, and the exact answers of captions and of pictures."""
        asked = len(self.meter.questions.vectors)
        everything, best = 0, (BestProducts(asked, DEPTH), BestProducts(asked, DEPTH))
        for page in stored_rows(self.database, self.build):
            self.meter.held.go_on()
            everything += len(page[0].planned) if page[0] else 0
            for rows, exact in zip(page, best, strict=True):
                if rows is not None:
                    self._show(rows, exact, where)
        return everything, *best

    def _show(self, rows: Rows, exact: BestProducts, where: Filter | None) -> None:
        products, scores = rows.best(self.meter.questions.vectors)
        passing = [place for place, one in enumerate(products) if where is None or passes(where, one.attributes)]
        exact.add([products[place].product_id for place in passing], scores[:, np.array(passing, dtype=np.intp)])

    def _chosen(self, targets: list[Target], ladder: Ladder) -> Told:
        index, chosen = self.build.index, ladder.chosen
        values = sorted(ladder.recalls)
        took = self.meter.median_ms([index.searched_with(value) for value in values], targets)
        points = {
            value: {"value": value, "recall": round(ladder.recalls[value], 4), "ms": round(ms, 2)}
            for value, ms in zip(values, took, strict=True)
        }
        return {
            "search_params": dict(index.searched_with(chosen).search_params),
            "recall": points[chosen]["recall"],
            "ms": points[chosen]["ms"],
            "reached": ladder.reached,
            "points": list(points.values()),
        }
