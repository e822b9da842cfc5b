"""What a person sees of tuning."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from app.cli.screen import plain, written
from app.domain.tuning import UNMEASURED


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
            ", ".join(filter(None, ("" if band["reached"] else "OUT OF REACH", band.get("reason")))),
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


def searched(told: dict[str, Any]) -> str:
    """What queries of a tuned build search with."""
    usual, filtered = (written(told["searched"][one]) for one in ("unfiltered", "filtered"))
    return f"{usual} without a filter, {filtered} with one, as tuning found"


def tuning_rows(told: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is told of tuning among everything that is told of a build."""
    if "tuning" in told:
        yield "tuning", so_far(told["tuning"])
    if "searched" in told:
        yield "searches use", searched(told)
    for band in told.get("tuned", {}).get("bands", ()):
        found = {**band["search_params"], "over-fetch": band["over_fetch"], "recall": band["recall"]}
        yield f"tuned: {band['share']:.1%} pass", found


def so_far(tuning: dict[str, Any]) -> str:
    """How far a build is tuned: what was found last, and how many parts are left."""
    if tuning["parts_left"] is None:
        return "what is to be measured is not chosen yet"
    left = f"parts left: {tuning['parts_left']}"
    if tuning["bands"]:
        last = tuning["bands"][-1]
        return f"{last['share']:.1%} pass: {_taken(last)}, recall {last['recall']:.3f}; {left}"
    if tuning["compared"]:
        last = tuning["compared"][-1]
        found = f"passed over: {last['passed_over']}" if "passed_over" in last else f"recall {last['recall']:.3f}"
        return f"{last['index']}: {found}; {left}"
    return left


def verdict(told: dict[str, Any]) -> Iterator[str]:
    """What was not measured, and what is stored."""
    for one in told["left_out"]:
        yield f"left out: a filter that passes {one['share']:.1%}: {one['reason']}"
    bands: list[dict[str, Any]] = told["bands"]
    if not bands:
        yield f"Nothing is tuned: {told.get('nothing', UNMEASURED)}."
        return
    strictest = max(bands, key=_value)
    most = {**strictest, "over_fetch": max(band["over_fetch"] for band in bands)}
    yield f"Stored with build {told['build']}, for the next query on: {_taken(bands[0])} without a filter, " + (
        f"{_taken(most)} with one." if bands[1:] else "and with one no less, nor less than it was started with."
    )
    short = [one for one in bands if not one["reached"]]
    if short:
        where = ", ".join(f"{written(one['filter'] or 'no filter')} ({one['products']:,} products)" for one in short)
        yield (
            f"A recall of {told['recall']:g} is out of reach with {where}: the least that comes within 0.01 of the "
            "best is stored. Another index may reach more: `vitrine builds start --index HNSW --param M=32`."
        )


def _value(band: dict[str, Any]) -> int:
    return int(next(iter(band["search_params"].values())))


def _taken(band: dict[str, Any]) -> str:
    return f"{written(band['search_params'])} and over-fetch {band['over_fetch']}"
