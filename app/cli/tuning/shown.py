"""What a person sees of tuning."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from app.cli.screen import plain, written


def band_table(told: dict[str, Any]) -> Table:
    """The bands, and what searches take in each."""
    table = Table("passes", "filter", "products", "parameter", "over-fetch", "recall", "ms", "")
    for band in told["bands"]:
        cells = (
            f"{band['share']:.1%}",
            written(band["filter"]) if band["filter"] else "none",
            band["products"],
            band["search_params"],
            band["over_fetch"],
            f"{band['recall']:.3f}",
            f"{band['ms']:.1f}",
            "" if band["reached"] else "OUT OF REACH",
        )
        table.add_row(*(plain(cell) for cell in cells))
    return table


def compared_table(told: dict[str, Any]) -> Iterator[Table]:
    """The index types that were compared, if any."""
    if not told["compared"]:
        return
    table = Table("index", "captions", "built in", "memory (computed)", "parameter", "recall", "ms", "")
    for one in told["compared"]:
        if "passed_over" in one:
            table.add_row(plain(one["index"]), *[""] * 6, plain(f"passed over: {one['passed_over']}"))
            continue
        cells = (
            one["index"],
            one["rows"],
            f"{one['build_seconds']:.1f} s",
            f"{one['bytes'] / 1e6:.1f} MB",
            one["search_params"] or "-",
            f"{one['recall']:.3f}",
            f"{one['ms']:.1f}",
            "" if one["reached"] else "OUT OF REACH",
        )
        table.add_row(*(plain(cell) for cell in cells))
    yield table


def verdict(told: dict[str, Any]) -> Iterator[str]:
    """What was not measured, and what is stored."""
    for one in told["left_out"]:
        yield f"left out: a filter that passes {one['share']:.1%}: {one['reason']}"
    if "nothing" in told:
        yield f"There is nothing to tune: {told['nothing']}."
        return
    bands = told["bands"]
    whole, filtered = bands[0], max(bands[1:], key=_value, default=None)
    yield f"Stored with build {told['build']}, for the next query on: {_taken(whole)} without a filter, " + (
        f"{_taken(filtered)} with one." if filtered else "and as it was started with one."
    )
    if not told["reached"]:
        yield (
            f"A recall of {told['recall']:g} is out of reach in some bands: the cheapest with the best recall are "
            "stored. Another index may reach more: `vitrine builds start --index HNSW --param M=32`."
        )


def _value(band: dict[str, Any]) -> int:
    return int(next(iter(band["search_params"].values())))


def _taken(band: dict[str, Any]) -> str:
    return f"{written(band['search_params'])} and over-fetch {band['over_fetch']}"
