"""What tuning changes, band by band."""

from collections.abc import Iterator
from typing import Any

from app.domain.bands import EVERYTHING, Band
from app.domain.builds import IndexSpec

_ALIKE = 10**0.5
"""Shares that are less than so many times each other stand for one band: those measured lie ten times apart."""


def changes(before: IndexSpec, now: IndexSpec, *, over_fetch: int) -> list[dict[str, Any]]:
    """The bands of an index before and after it was tuned or put back, as JSON, the broadest first.

    An index without bands has in each the parameters that it was made with, and the usual `over_fetch`. None stands
    for a band that was not measured where others were.
    """
    return [
        {"share": share, "before": _taken(before, old, over_fetch), "now": _taken(now, new, over_fetch)}
        for share, old, new in sorted(_pairs(before, now), key=lambda pair: -pair[0])
    ]


def _pairs(before: IndexSpec, now: IndexSpec) -> Iterator[tuple[float, Band | None, Band | None]]:
    gone = list(before.bands)
    for band in now.bands:
        old = next((one for one in gone if _alike(one, band)), None)
        if old is not None:
            gone.remove(old)
        yield band.share, old, band
    for band in gone:
        yield band.share, band, None


def _alike(one: Band, other: Band) -> bool:
    if EVERYTHING in (one.share, other.share):
        return one.share == other.share
    return max(one.share, other.share) < _ALIKE * min(one.share, other.share)


def _taken(index: IndexSpec, band: Band | None, usual: int) -> dict[str, Any] | None:
    if band is not None:
        return {"search_params": dict(index.searched_with(band.value).search_params), "over_fetch": band.over_fetch}
    return None if index.bands else {"search_params": dict(index.search_params), "over_fetch": usual}
