"""What a person sees of tuning."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from app.cli.screen import plain, written
from app.cli.tuning.changes import change_lines, passing, taken


def band_table(told: dict[str, Any]) -> Table:
    """The bands, and what searches take in each."""
    table = Table("filter", "passes", "products", "search with", "over-fetch", "recall", "ms", "")
    for band in told["bands"]:
        cells = (
            written(band["filter"]) if band["filter"] else "none",
            f"{band['share']:.1%}",
            band["products"],
            band["search_params"],
            band["over_fetch"],
            f"{band['recall']:.3f}",
            f"{band['ms']:.1f}",
            ", ".join(filter(None, ("" if band["reached"] else "OUT OF REACH", band.get("reason")))),
        )
        table.add_row(*(plain(cell) for cell in cells))
    return table


def tables(told: dict[str, Any]) -> Iterator[Table | str]:
    """What was measured, and what the columns are."""
    if told["bands"]:
        yield band_table(told)
        yield (
            "passes: the share of all products that the filter lets through; search with: how much of the index is "
            "looked at; over-fetch: pictures asked for to get one product"
        )
    if told["compared"]:
        yield compared_table(told)
        yield (
            "captions: how many texts of products were tried; built in: until all were indexed; memory: what the "
            "index would take, computed"
        )
    if told["bands"] or told["compared"]:
        yield (
            f"recall: the share of the {told['depth']} best products that a search finds; ms: what a search takes in "
            "the store, the median"
        )


def compared_table(told: dict[str, Any]) -> Table:
    """The index types that were compared."""
    table = Table("index", "captions", "built in", "memory", "search with", "recall", "ms", "")
    for one in told["compared"]:
        if "passed_over" in one:
            table.add_row(plain(one["index"]), *[""] * 6, plain(f"passed over: {one['passed_over']}"))
            continue
        cells = (
            one["index"],
            one["rows"],
            f"{one['build_seconds']:.1f} s",
            f"{one['bytes'] / 1e6:.1f} MB",
            one["search_params"] or "exact",
            f"{one['recall']:.3f}",
            f"{one['ms']:.1f}",
            "" if one["reached"] else "OUT OF REACH",
        )
        table.add_row(*(plain(cell) for cell in cells))
    return table


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
        yield f"tuned: {passing(band['share'])}", found


def so_far(tuning: dict[str, Any]) -> str:
    """How far a build is tuned: what was found last, and how many parts are left."""
    if tuning["parts_left"] is None:
        return "choosing filters to measure with, among the attributes of the products"
    left = f"{tuning['parts_left']} to be measured yet"
    if tuning["bands"]:
        last = tuning["bands"][-1]
        return f"{passing(last['share'])}: {taken(last)} find {last['recall']:.3f} of the best products; {left}"
    if tuning["compared"]:
        last = tuning["compared"][-1]
        found = f"passed over: {last['passed_over']}" if "passed_over" in last else f"recall {last['recall']:.3f}"
        return f"{last['index']}: {found}; {left}"
    return left


def verdict(told: dict[str, Any], stores: str) -> Iterator[str]:
    """What was not measured, and what is stored; `stores` is the command that stores it where it is not."""
    for one in told["left_out"]:
        yield f"left out: a filter that passes {one['share']:.1%}: {one['reason']}"
    if not told["bands"]:
        yield f"Nothing is tuned: {told['nothing']}."
        return
    if told["stored"]:
        yield f"Stored with build {told['build']}, for the next query on: {_used(told['bands'])}"
        yield "Changed by that:"
    else:
        yield f"Not stored: build {told['build']} is searched as before."
        yield f"Searches would take {_used(told['bands'])}"
        yield f"`{stores}` measures anew and stores. By what was found now it would change:"
    yield from (f"  {line}" for line in change_lines(told["changes"]))
    yield from _out_of_reach(told)


def _used(bands: list[dict[str, Any]]) -> str:
    strictest = max(bands, key=_value)
    most = {**strictest, "over_fetch": max(band["over_fetch"] for band in bands)}
    return f"{taken(bands[0])} without a filter, " + (
        f"{taken(most)} with one." if bands[1:] else "and with one no less, nor less than it was started with."
    )


def _out_of_reach(told: dict[str, Any]) -> Iterator[str]:
    short = [one for one in told["bands"] if not one["reached"]]
    if short:
        where = ", ".join(f"{written(one['filter'] or 'no filter')} ({one['products']:,} products)" for one in short)
        yield (
            f"A recall of {told['recall']:g} is out of reach with {where}: the least that comes within 0.01 of the "
            "best is taken. Another index may reach more: `vitrine builds start --index HNSW --param M=32`."
        )


def _value(band: dict[str, Any]) -> int:
    return int(next(iter(band["search_params"].values())))
