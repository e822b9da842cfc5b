"""What a person sees of what tuning changes, band by band."""

from collections.abc import Iterator
from typing import Any

from app.cli.screen import written
from app.domain.bands import EVERYTHING


def change_lines(changes: list[dict[str, Any]]) -> Iterator[str]:
    """A line a band: what searches of it took, and what they take now."""
    for one in changes:
        yield f"{passing(one['share'])}: {_changed(one)}"


def kept(changes: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """The bands that were measured before and not this time, and what searches take in each."""
    yield from ((one, _changed(one)) for one in changes if "kept" in one)


def _changed(one: dict[str, Any]) -> str:
    before, now = (taken(one[side]) for side in ("before", "now"))
    if "kept" in one:
        return f"{now}, kept, not measured this time"
    return f"{now}, as before" if before == now else f"{before} → {now}"


def event_words(told: dict[str, Any]) -> str:
    """What an event of a build tells; of a tuning only what it changes, for what was measured is a long list."""
    if "changes" not in told:
        return written({name: value for name, value in told.items() if value != []})
    short = {name: told[name] for name in ("recall", "reached") if name in told}
    return "; ".join([*([written(short)] if short else []), *change_lines(told["changes"])])


def passing(share: float) -> str:
    """The band of a share."""
    return "no filter" if share == EVERYTHING else f"a filter that passes {share:.1%}"


def taken(band: dict[str, Any] | None) -> str:
    """What searches take in a band."""
    if band is None:
        return "not measured"
    return f"{written(band['search_params'])} and over-fetch {band['over_fetch']}"
