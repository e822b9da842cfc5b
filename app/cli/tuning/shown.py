"""What a person sees of tuning."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from app.cli.screen import plain, written
from app.cli.tuning.changes import change_lines, kept, passing, taken


def band_table(told: dict[str, Any]) -> Table:
    """The bands, and what searches take in each."""
    rows = [
        (
            written(band["filter"]) if band["filter"] else "none",
            f"{band['share']:.1%}",
            band["products"],
            band["search_params"],
            band["over_fetch"],
            f"{band['recall']:.3f}",
            f"{band['ms']:.1f}",
            ", ".join(filter(None, ("" if band["reached"] else "OUT OF REACH", band.get("reason")))),
        )
        for band in told["bands"]
    ]
    return _noted(("filter", "passes", "products", "search with", "over-fetch", "recall", "ms"), rows)


def _noted(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table whose last cells are notes: they have a column where there is any."""
    noted = any(row[-1] for row in rows)
    table = Table(*columns, *(["note"] if noted else []))
    for row in rows:
        table.add_row(*(plain(cell) for cell in (row if noted else row[:-1])))
    return table


def tables(told: dict[str, Any]) -> Iterator[Table | str]:
    """What was measured, and what the columns are."""
    if told["bands"]:
        yield band_table(told)
        yield (
            "passes: the share of all products that the filter lets through; search with: how much of the index is "
            "looked at"
        )
        yield (
            "over-fetch: how many pictures a search asks for to get one product, for a product may have several; "
            "fewer is cheaper"
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
    columns = ("index", "made with", "captions", "built in", "memory", "search with", "recall", "ms")
    return _noted(columns, [_compared(one, told) for one in told["compared"]])


def _compared(one: dict[str, Any], told: dict[str, Any]) -> tuple[Any, ...]:
    named = f"{one['index']}{_as_the_build(one, told)}", one["params"] or "-"
    if "passed_over" in one:
        return *named, *[""] * 6, f"passed over: {one['passed_over']}"
    return (
        *named,
        one["rows"],
        f"{one['build_seconds']:.1f} s",
        f"{one['bytes'] / 1e6:.1f} MB",
        one["search_params"] or "exact",
        f"{one['recall']:.3f}",
        f"{one['ms']:.1f}",
        "" if one["reached"] else "OUT OF REACH",
    )


def _as_the_build(one: dict[str, Any], told: dict[str, Any]) -> str:
    """What is said of the type that the build has itself, with the same parameters or with others."""
    if one["index"] != told["index"]:
        return ""
    own = {name: told["params"][name] for name in one["params"]}
    return ", as this build" if own == one["params"] else f", which this build has with {written(own)}"


def searched(told: dict[str, Any]) -> str:
    """What queries of a tuned build search with."""
    usual, filtered = (taken(told["searched"][one]) for one in ("unfiltered", "filtered"))
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
    for one, words in kept(told.get("tuned", {}).get("changes", [])):
        yield f"tuned: {passing(one['share'])}", words


def so_far(tuning: dict[str, Any]) -> str:
    """How far a build is tuned: what was found last, and how many parts are left."""
    if tuning["parts_left"] is None:
        return "choosing filters to measure with, among the attributes of the products"
    left = f"{tuning['parts_left']} to be measured yet"
    bands = [*tuning["bands"], *(one for one in tuning["left_out"] if "filter" in one)]
    if bands:
        last = min(bands, key=lambda band: float(band["share"]))  # the broadest is measured first
        if "recall" not in last:
            return f"{_left_out(last)}; {left}"
        return f"{passing(last['share'])}: {taken(last)} find {last['recall']:.3f} of the best products; {left}"
    if tuning["compared"]:
        last = tuning["compared"][-1]
        found = f"passed over: {last['passed_over']}" if "passed_over" in last else f"recall {last['recall']:.3f}"
        return f"{last['index']}: {found}; {left}"
    return left


def verdict(told: dict[str, Any], stores: str) -> Iterator[str]:
    """What was not measured, what is stored, and how to change over to an index type that was compared.

    `stores` is the command that stores what was found where that is not.
    """
    yield from _stored(told, stores)
    if any("passed_over" not in one for one in told["compared"]):
        catalog = "" if told["catalog"] == "default" else f" --catalog {told['catalog']}"
        yield (
            f"Nothing is changed: `vitrine builds start --index TYPE{catalog}` begins a build with one of these "
            "beside the live one."
        )


def _stored(told: dict[str, Any], stores: str) -> Iterator[str]:
    for one in told["left_out"]:
        yield _left_out(one)
    if not told["bands"]:
        yield f"Nothing is tuned: {told['nothing']}."
        return
    if told["stored"]:
        yield f"Stored with build {told['build']}, for the next query on: {_used(told)}"
        yield "Changed by that:"
    else:
        yield f"Not stored: build {told['build']} is searched as before."
        yield f"Searches would take {_used(told)}"
        yield f"`{stores}` measures anew and stores. By what was found now it would change:"
    yield from (f"  {line}" for line in change_lines(told["changes"]))
    yield from _out_of_reach(told)


def _left_out(one: dict[str, Any]) -> str:
    stated = f" ({written(one['filter'])})" if one.get("filter") else ""
    return f"left out: {passing(one['share'])}{stated}: {one['reason']}"


def _used(told: dict[str, Any]) -> str:
    bands = [*told["bands"], *(one["now"] for one, _ in kept(told["changes"]))]
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
