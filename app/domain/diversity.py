"""What is shown of a ranking: not too many of one group, and nearly the same picture once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np

from app.domain.column import ABSENT
from app.domain.embeddings import Vectors
from app.domain.grouping import Keys
from app.domain.search import Ranked

NEARLY_THE_SAME = 0.998
"""The cosine from which two pictures are nearly the same: few are hidden that a person tells apart.

By a small encoder of 64 by 64 pixels, 300 fashion photos that were written again as JPEG of quality 85 or 50, or at
half or twice their size, had 0.998 and more with themselves in 99 of 100 cases; with two hundredths cut off each edge
0.974 to 0.998 and more.
Of 7,597 photos 17 had another one that near, most of them the same thing twice. From 0.98 on 635 of 1,500 had one:
another print on the same shirt.
"""

_BLOCK = 400
"""Places whose pictures are compared at a time: the whole ranking in most cases, and at most 0.6 MB of cosines."""

PicturesOf = Callable[[Sequence[int]], Vectors]
"""The pictures of the products at these places, a row each of norm 1, or of zeros where there is none."""


class Why(StrEnum):
    """What keeps a product of a ranking from being shown."""

    GROUPED = "grouped"
    DUPLICATE = "duplicate"


class LeftOut(NamedTuple):
    """Why a place of a ranking is not shown, and the one shown before it: the first of its group, or its like."""

    why: Why
    behind: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The places of a ranking that are `shown`, in their order, and what keeps out each other that was looked at."""

    shown: Sequence[int]
    left_out: Mapping[int, LeftOut]


class Behind(NamedTuple):
    """Why a product is not shown, and the one that is shown before it."""

    why: Why
    product_id: str


@dataclass(frozen=True)
class Diversity:
    """What is `shown` of a ranking, best first, the sizes of the groups of these, and what each other is behind.

    It is the `whole` ranking, unless as many are shown as pages hold.
    """

    shown: Sequence[Ranked]
    sizes: Sequence[int]
    left_out: Mapping[str, Behind]
    whole: bool = True

    @cached_property
    def duplicates(self) -> Counter[str]:
        """How many were left out for a picture that is nearly that of a product that is shown."""
        return Counter(one.product_id for one in self.left_out.values() if one.why is Why.DUPLICATE)


def choose(keys: Keys, limit: int, pictures_of: PicturesOf | None = None, *, most: int | None = None) -> Choice:
    """Go down a ranking, whose products have these keys of groups, and show what may be shown beside what is already.

    It ends once `most` are shown.

    What is not shown takes no place in its group, and is nobody's like: so what is chosen of the beginning of a
    ranking does not depend on the rest.
    """
    shown: list[int] = []
    left_out: dict[int, LeftOut] = {}
    groups: dict[int, list[int]] = defaultdict(list)
    alike = None if pictures_of is None else _Alike(pictures_of)
    for start in range(0, len(keys), _BLOCK):
        block = list(enumerate(keys[start : start + _BLOCK].tolist(), start))
        if alike is not None:
            alike.look_at([place for place, key in block if key == ABSENT or len(groups[key]) < limit])
        for place, key in block:
            if len(shown) == most:
                return Choice(shown, left_out)
            group = [] if key == ABSENT else groups[key]
            if len(group) >= limit:
                left_out[place] = LeftOut(Why.GROUPED, group[0])
            elif alike is not None and place in alike.first:
                left_out[place] = LeftOut(Why.DUPLICATE, alike.first[place])
            else:
                shown.append(place)
                group.append(place)
                if alike is not None:
                    alike.show(place)
    return Choice(shown, left_out)


class _Alike:
    """Knows of the places it looks at the `first` that is shown with nearly the same picture."""

    def __init__(self, pictures_of: PicturesOf) -> None:
        self.first: dict[int, int] = {}
        self._pictures_of = pictures_of
        self._shown: list[int] = []
        self._pictures: list[Vectors] = []

    def look_at(self, places: Sequence[int]) -> None:
        """Compare the pictures of some places with each other and with those that are shown."""
        pictures = self._pictures_of(places)
        self._rows = {place: row for row, place in enumerate(places)}
        self._places, self._looked_at = places, pictures
        self._near = pictures @ pictures.T >= NEARLY_THE_SAME
        if self._shown:
            near = pictures @ np.stack(self._pictures).T >= NEARLY_THE_SAME
            for row in np.flatnonzero(near.any(axis=1)).tolist():
                self.first[places[row]] = self._shown[int(near[row].argmax())]

    def show(self, place: int) -> None:
        """Show one of the places that are looked at."""
        row = self._rows[place]
        self._shown.append(place)
        self._pictures.append(self._looked_at[row])
        for other in np.flatnonzero(self._near[row]).tolist():
            self.first.setdefault(self._places[other], place)
