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


def band_for(bands: Sequence[Band], share: float | None) -> Band | None:
    """The band that serves a search which `share` of the products pass; None is a filter of which nobody knows.

    Between two bands the stricter one serves, and a filter of which nobody knows the strictest of all with a filter.
    Returns None where nothing was measured that says anything of such a search.
    """
    if share == EVERYTHING:
        return next((one for one in bands if one.share == EVERYTHING), None)
    serving = [one for one in bands if one.share < EVERYTHING]
    if share is not None and serving:
        above = min((one for one in bands if one.share >= share), key=lambda one: one.share, default=None)
        below = max((one for one in bands if one.share <= share), key=lambda one: one.share, default=None)
        serving = [one for one in (above, below) if one is not None]
    return max(serving, key=lambda one: one.value, default=None)
