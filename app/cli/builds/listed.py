"""The builds of a catalog as a list: what tells them apart, a line each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from app.cli.builds.named import SHOWN
from app.cli.screen import plain
from app.domain.builds import BuildState, IndexSpec


def build_list(builds: Sequence[dict[str, Any]]) -> Table:
    """Builds, and dry runs that are under way."""
    table = Table("build", "state", "since (UTC)", "begun (UTC)", "encoder", "index", "indexed", "check")
    for one in builds:
        cells = (
            one["id"][:SHOWN],
            "dry run" if one.get("dry_run") else state_of(one),
            _since(one),
            _moment(one["created_at"]),
            one["encoder"],
            _index(one),
            f"{one['indexed']:,} of {one['products']:,}",
            verdict_of(one),
        )
        table.add_row(*(plain(cell) for cell in cells))
    return table


def state_of(told: dict[str, Any]) -> str:
    """The state of a build; one that was live may be kept or not."""
    kept = told["state"] == BuildState.RETIRED and told["takes_uploads"]
    return "retired, kept" if kept else str(told["state"])


def verdict_of(told: dict[str, Any]) -> str:
    """What the check of a build said, if it was checked."""
    if "report" not in told:
        return ""
    return "passed" if told["report"]["passed"] else "NOT PASSED"


def _since(told: dict[str, Any]) -> str:
    """Since when it is live, or retired."""
    noted = {BuildState.LIVE: "live_at", BuildState.RETIRED: "retired_at"}.get(told["state"], "")
    return _moment(told[noted]) if noted in told else ""


def _moment(stated: str) -> str:
    return f"{datetime.fromisoformat(stated).astimezone(UTC):%Y-%m-%d %H:%M}"


def _index(told: dict[str, Any]) -> str:
    """Its type, and the parameters that are not its usual ones, as `--param` takes them."""
    usual = IndexSpec.of(told["index"])
    known = {**usual.build_params, **usual.search_params}
    unusual = [f"{name}={value}" for name, value in told["params"].items() if value != known.get(name)]
    return " ".join([told["index"], *unusual])
