"""What a person sees of what tuning changes, band by band."""

from collections.abc import Iterator
from typing import Any

from app.cli.screen import written
from app.domain.bands import EVERYTHING


def change_lines(changes: list[dict[str, Any]]) -> Iterator[str]:
    """A line a band: what searches of it took, and what they take now."""
    for one in changes:
        before, now = (taken(one[side]) for side in ("before", "now"))
        yield (
            f"{passing(one['share'])}: {now}, as before"
            if before == now
            else f"{passing(one['share'])}: {before} → {now}"
        )


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
