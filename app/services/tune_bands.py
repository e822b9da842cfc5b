"""The bands of selectivity of a catalog: which filters stand for them, and what a build needs in each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.builds import Build, IndexSpec
from app.domain.errors import Unavailable
from app.domain.filters import Filter, parse_filter
from app.domain.likely_filters import likely_filters
from app.domain.products import Schema
from app.domain.tuning import Ladder
from app.ports.database import Database
from app.services.encode_contents import declaration_of
from app.services.exact_answers import Exact, Scans, exact_answers
from app.services.measure_searches import Meter, Target
from app.services.search_legs import ROWS_PER_CANDIDATE
from app.services.stored_vectors import IN_FLIGHT

SHARES = (0.5, 0.05, 0.005)
"""What filters of shops pass: a department, a brand in it, a size and a colour of that."""

GROWN = 10_000
"""Rows of a collection from which on less than the build was started with is taken."""

_SMALL = (
    f"of fewer than {GROWN:,} rows most are compared whatever the parameter is: it stays at what the build was "
    "started with"
)

_SAMPLED = 2_000  # products whose attributes filters are made of: a share of .5 % are ten of them

Told = dict[str, Any]
Asked = tuple[float, Mapping[str, Any] | None]
"""The share that a band is chosen for, and the filter that stands for it, as JSON."""


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
        return declaration_of(transaction, build.catalog).attributes


@dataclass(frozen=True, slots=True)
class BandMeter:
    """Measures what a build needs in one band after the other."""

    database: Database
    build: Build
    meter: Meter
    scans: Scans

    def measured(self, bands: Sequence[Asked], recall: float) -> tuple[str, Told]:
        """`bands` and what was found in the first of these, or `left_out` and why; the others are to follow.

        Raises `Unavailable` (`in_flight`) while most products of the catalog are being uploaded.
        """
        (share, stated), least = bands[0], self._least()
        exact = self._exact(bands)
        if not exact.captions.products:
            return "left_out", {"share": share, "filter": stated, "reason": "no product passes it"}
        try:
            found = self._found(exact, self._filter(stated), Ladder(recall), least)
        except Unavailable as error:
            if stated is None or error.code != IN_FLIGHT:
                raise
            reason = "most that passes it is on its way into the index"
            return "left_out", {"share": share, "filter": stated, "reason": reason}
        passing = round(exact.captions.products / max(exact.everything, 1), 6)
        return "bands", {"share": passing, "filter": stated, "products": exact.captions.products, **found}

    def _found(self, exact: Exact, where: Filter | None, ladder: Ladder, least: int) -> Told:
        meter, index = replace(self.meter, questions=exact.questions), self.build.index
        targets, over_fetch = [Target(self.build.texts, exact.captions, where)], ROWS_PER_CANDIDATE
        if exact.pictures.products:
            over_fetch = meter.over_fetch(index, Target(self.build.images, exact.pictures, where))
            targets.append(Target(self.build.images, exact.pictures, where, over_fetch))
        meter.climb(index, targets, ladder, least=least)
        reason = {"reason": _SMALL} if ladder.reached and ladder.chosen == least else {}
        return {"over_fetch": over_fetch, **_chosen(meter, index, targets, ladder), **reason}

    def _least(self) -> int:
        """What the build was started with, while a collection is small; 0 for no bound.

        What is in segments too small to be indexed is compared whole. There any value finds everything, and the one
        that is stored stays while the catalog grows.
        """
        index = self.build.index
        if min(self.meter.store.count(one) or GROWN for one in self.build.collections) >= GROWN:
            return 0
        (started_with,) = index.search_params.values()
        return min(started_with, index.build_params.get("nlist", started_with))

    def _exact(self, bands: Sequence[Asked]) -> Exact:
        """The exact answers in the first band; all are answered at once."""
        found = self.scans.take(self.build, _name(bands[0]))
        if found is None:
            wheres = {_name(one): self._filter(one[1]) for one in bands}
            every = exact_answers(self.database, self.build, self.meter.questions, wheres, self.meter.held)
            found = every.pop(_name(bands[0]))
            self.scans.keep(self.build, every)
        return found

    def _filter(self, stated: Mapping[str, Any] | None) -> Filter | None:
        return None if stated is None else parse_filter(stated, _schema(self.database, self.build))


def _name(band: Asked) -> str:
    return json.dumps(list(band), sort_keys=True)


def _chosen(meter: Meter, index: IndexSpec, targets: Sequence[Target], ladder: Ladder) -> Told:
    chosen = ladder.chosen
    values = sorted(ladder.recalls)
    took = meter.median_ms([index.searched_with(value) for value in values], targets)
    points = {
        value: {"value": value, "recall": ladder.recalls[value], "ms": round(ms, 2)}
        for value, ms in zip(values, took, strict=True)
    }
    return {
        "search_params": dict(index.searched_with(chosen).search_params),
        "recall": points[chosen]["recall"],
        "ms": points[chosen]["ms"],
        "reached": ladder.reached,
        "points": list(points.values()),
    }
