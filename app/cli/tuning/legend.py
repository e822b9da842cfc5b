"""What the words on the picture of a tuning say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.cli.builds.named import SHOWN
from app.cli.screen import written
from app.cli.tuning.ink import COLOURS, wrapped
from app.domain.builds import IndexSpec

_WIDTH = 800  # pixels of a line of the legend
_EFFORT = {"ef": "candidates that a search keeps", "nprobe": "lists that a search looks at"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a mark is: `dashes`, a `ring`, or a line of a colour."""

    mark: str
    lines: list[str]


def titles(told: dict[str, Any]) -> tuple[str, str]:
    """What was measured, and of what."""
    index = IndexSpec.of(told["index"], told["params"])
    made = ", ".join(filter(None, (index.type, written(dict(index.build_params)))))
    exact = " (exact)" if index.tunable is None else ""
    when = f"{datetime.fromisoformat(told['at']):%Y-%m-%d}"
    return (
        f"How deep a search looks: catalog {told['catalog']}",
        f"build {told['build'][:SHOWN]}   |   index {made}{exact}   |   {when}",
    )


def axis_title(told: dict[str, Any]) -> str:
    """The parameter, in what it counts."""
    (name,) = told["bands"][0]["search_params"]
    lists = IndexSpec.of(told["index"], told["params"]).build_params.get("nlist")
    of = f", of {lists:,}" if lists else ""
    return f"{name}: {_EFFORT[name]}{of} (logarithmic)"


def legend(told: dict[str, Any]) -> list[Entry]:
    """The lines and marks of the picture, a band each and those that all have."""
    stored = "stored" if told["stored"] else "found and not stored"
    some = "" if told["reached"] else ", or comes within 0.01 of the best"
    return [
        Entry("dashes", [f"the recall that was asked for: {told['recall']:g}"]),
        Entry("ring", [f"the value {stored}: the least that reaches this recall{some}"]),
        *(
            Entry(COLOURS[number % len(COLOURS)], list(wrapped(_band(one), 14, _WIDTH)))
            for number, one in enumerate(told["bands"])
        ),
    ]


def _band(band: dict[str, Any]) -> str:
    stated = f"filter {written(band['filter'])}" if band["filter"] else "no filter"
    passing = f"{band['share']:.1%} of the products pass ({band['products']:,})"
    return f"{stated}: {passing}; {', '.join(_found(band))}"


def _found(band: dict[str, Any]) -> Iterator[str]:
    values = [point["value"] for point in band["points"]]
    if all(point["recall"] == 1 for point in band["points"]):
        tried = f"{min(values):,} to {max(values):,}" if len(values) > 1 else f"{values[0]:,}"
        yield f"exact with every value tried ({tried})"
    else:
        yield f"{written(band['search_params'])} finds {band['recall']:.3f}"
    yield f"{band['ms']:.1f} ms a search"
    if not band["reached"]:
        yield "out of reach"
    if "reason" in band:
        yield "small: it stays at what the build was started with"
