"""What tuning changes, band by band."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from app.domain.bands import EVERYTHING, Band
from app.domain.builds import IndexSpec

_ALIKE = 10**0.5
"""Shares that are less than so many times each other stand for one band: those measured lie ten times apart."""


def changes(
    before: IndexSpec, now: IndexSpec, *, over_fetch: int, kept: Collection[float] = ()
) -> list[dict[str, Any]]:
    """The bands of an index before and after it was tuned or put back, as JSON, the broadest first.

    An index without bands has in each the parameters that it was made with, and the usual `over_fetch`. None stands
    for a band that was not measured where others were; those of shares that are `kept` were not measured again.
    """
    return [
        {
            "share": share,
            "before": _taken(before, old, over_fetch),
            "now": _taken(now, new, over_fetch),
            **({"kept": True} if share in kept else {}),
        }
        for share, old, new in sorted(_pairs(before.bands, now.bands), key=lambda pair: -pair[0])
    ]


def kept(before: Sequence[Band], measured: Sequence[Band], left_out: Sequence[float]) -> dict[float, Band]:
    """By share, the bands from before that stand for one that was left out this time; they are called by it now."""
    gone = [old for _, old, new in _pairs(before, measured) if old is not None and new is None]
    return {share: replace(old, share=share) for share in left_out for old in gone if _alike(old.share, share)}


def _pairs(before: Sequence[Band], now: Sequence[Band]) -> Iterator[tuple[float, Band | None, Band | None]]:
    gone = list(before)
    for band in now:
        old = next((one for one in gone if _alike(one.share, band.share)), None)
        if old is not None:
            gone.remove(old)
        yield band.share, old, band
    for band in gone:
        yield band.share, band, None


def _alike(one: float, other: float) -> bool:
    if EVERYTHING in (one, other):
        return one == other
    return max(one, other) < _ALIKE * min(one, other)


def _taken(index: IndexSpec, band: Band | None, usual: int) -> dict[str, Any] | None:
    if band is not None:
        return {"search_params": dict(index.searched_with(band.value).search_params), "over_fetch": band.over_fetch}
    return None if index.bands else {"search_params": dict(index.search_params), "over_fetch": usual}
