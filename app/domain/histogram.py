"""Buckets of numbers and of moments: few, of one round width, without a gap, from the least to the greatest value."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from math import floor, log10

MOST = 12
"""Buckets at most: what a shop's slider shows."""

_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_LEAST_WIDTH = 1e-300  # below it doubles lose their digits
_FARTHEST = float(2**63 - 1024)  # the last double within int64
_FIRST_MONDAY = datetime(1, 1, 1)
_SPANS = (timedelta(minutes=1), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7))
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 600, 1_200, 12_000)


def number_edges(least: float, greatest: float) -> list[float]:
    """Where the buckets of all numbers from `least` to `greatest` begin, and beyond them where the last one ends.

    Both lie in the range of int64, which filters keep to; no end is given where it would lie beyond.
    """
    wide = max((greatest - least) / (MOST - 2) or max(abs(greatest), 1.0) / MOST, _LEAST_WIDTH)
    scale = Decimal(10) ** floor(log10(wide))
    width = next((step * scale for step in _STEPS if float(step * scale) >= wide), 10 * scale)
    first = floor(Decimal(least) / width)
    edges = [float(first * width)]
    while edges[-1] <= greatest:
        edges.append(float((first + len(edges)) * width))
    edges[0] = max(edges[0], -_FARTHEST)
    return [edge for edge in dict.fromkeys(edges) if edge <= _FARTHEST]  # doubles may be farther apart than the width


def moment_edges(least: str, greatest: str) -> list[str]:
    """The same for canonical datetimes, in steps of the calendar. No end is given beyond the last year there is."""
    first, last = _read(least), _read(greatest)
    for span in _SPANS:
        if (last - first) / span <= MOST - 2:
            return [_told(one) for one in _by_span(first, last, span)]
    months = next(one for one in _MONTHS if (_month(last) - _month(first)) / one <= MOST - 2)
    return [_told(one) for one in _by_months(first, last, months)]


def _by_span(first: datetime, last: datetime, span: timedelta) -> Iterator[datetime]:
    edge = _FIRST_MONDAY + (first - _FIRST_MONDAY) // span * span
    while edge <= last:
        yield edge
        if datetime.max - edge < span:
            return
        edge += span
    yield edge


def _by_months(first: datetime, last: datetime, months: int) -> Iterator[datetime]:
    month = _month(first) // months * months
    while month <= _month(last):
        yield _first_day(max(month, _month(datetime.min)))
        month += months
    if month <= _month(datetime.max):
        yield _first_day(month)


def _month(moment: datetime) -> int:
    return 12 * moment.year + moment.month - 1


def _first_day(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1)


def _read(canonical: str) -> datetime:
    return datetime.fromisoformat(canonical.removesuffix("Z"))


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds") + "Z"
