"""The exact answers to questions in all the bands of a build, from one pass over the vectors that are stored."""

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from app.domain.best_products import BestProducts
from app.domain.builds import Build
from app.domain.filters import Filter
from app.domain.passing import passes
from app.ports.database import Database
from app.services.held_step import HeldStep
from app.services.search_legs import DEPTH
from app.services.stored_vectors import Questions, Rows, in_flight, stored_rows

_FRESH_S = 600.0
"""As old as an answer may be: of a shop that changes ten products a second these are 6,000, not many of a million."""


class Exact(NamedTuple):
    """The answers of captions and of pictures to questions in one band, out of `everything`: so many products."""

    questions: Questions
    everything: int
    captions: BestProducts
    pictures: BestProducts


class Scans:
    """The answers of the last pass of this process that nobody took yet: another process makes its own pass.

    In memory they are 16 bytes a product that passes, and 1 MB, in each band.
    """

    def __init__(self) -> None:
        self._last: tuple[str, float, dict[str, Exact]] | None = None

    def keep(self, build: Build, found: dict[str, Exact]) -> None:
        """Keep the answers of the bands that are to follow, in place of all others."""
        self._last = build.id, time.monotonic() + _FRESH_S, found

    def take(self, build: Build, band: str) -> Exact | None:
        """Those of one band, which nobody gets again."""
        last, self._last = self._last, None
        if last is None or last[0] != build.id or last[1] < time.monotonic():
            return None
        found = last[2].pop(band, None)
        self._last = last if last[2] else None
        return found


def exact_answers(
    database: Database, build: Build, questions: Questions, bands: Mapping[str, Filter | None], held: HeldStep
) -> dict[str, Exact]:
    """The exact answers in each band, which are named, of what is stored and not on its way.

    Raises `Unavailable` (`in_flight`) where more is on its way than the build holds as it should.
    """
    with database.reading() as transaction:
        if 2 * transaction.holdings.compare(build.id).held < transaction.holdings.count(build.id):
            raise in_flight()
    asked, everything = len(questions.vectors), 0
    best = {name: (BestProducts(asked, DEPTH), BestProducts(asked, DEPTH)) for name in bands}
    for page in stored_rows(database, build):
        held.go_on()
        everything += len(page[0].planned) if page[0] else 0
        for kind, rows in enumerate(page):
            if rows is not None:
                _show(rows, questions, {name: (where, best[name][kind]) for name, where in bands.items()})
    return {name: Exact(questions, everything, *some) for name, some in best.items()}


def _show(rows: Rows, questions: Questions, bands: Mapping[str, tuple[Filter | None, BestProducts]]) -> None:
    products, scores = rows.best(questions.vectors)
    for where, best in bands.values():
        passing = [place for place, one in enumerate(products) if where is None or passes(where, one.attributes)]
        best.add([products[place].product_id for place in passing], scores[:, np.array(passing, dtype=np.intp)])
