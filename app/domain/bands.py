"""Bands of selectivity: how a build is searched, by the share of its products that pass the filter."""

from collections.abc import Sequence
from dataclasses import dataclass

EVERYTHING = 1.0
"""The share that passes where there is no filter."""


@dataclass(frozen=True, slots=True)
class Band:
    """What `vitrine tune` found where `share` of the products pass, in (0, 1]; 1 is a search without a filter.

    `value` is the least search parameter (`ef`, `nprobe`) that reached the recall that was asked for, `over_fetch`
    how many pictures are asked for to get one product of them.
    """

    share: float
    value: int
    over_fetch: int


def band_for(bands: Sequence[Band], *, filtered: bool, usual: int) -> Band | None:
    """What serves a search, with a filter or without; None where nothing was measured.

    Nobody knows how many products pass a filter: it gets the most that any band needs, and where none was measured
    with a filter no less than the `usual` value either.
    """
    if not filtered:
        return next((one for one in bands if one.share == EVERYTHING), None)
    if not bands:
        return None
    least = min(one.share for one in bands)
    value = max(one.value for one in bands)
    return Band(least, value if least < EVERYTHING else max(value, usual), max(one.over_fetch for one in bands))
