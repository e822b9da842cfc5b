"""What a person sees of builds."""

import time
from typing import Any

from rich.progress import TaskID
from rich.table import Table

from app.cli.connection import Service
from app.cli.screen import Screen, plain, written
from app.domain.builds import BuildState

_EVERY_S = 1.0  # how often a build is looked at while it is waited for


def waited_for(screen: Screen, service: Service, path: str) -> dict[str, Any]:
    """The build, once it is no longer being filled. Ctrl-C ends the waiting and not the build."""
    with screen.progress() as progress:
        bar: TaskID | None = None
        while (told := service.get(path))["state"] == BuildState.BUILDING:
            far = told.get("progress", {})
            if far.get("products"):
                bar = progress.add_task("filling", total=far["products"]) if bar is None else bar
                progress.update(bar, completed=far["filled"])
            time.sleep(_EVERY_S)
        if bar is not None:
            progress.update(bar, completed=told["products"], total=told["products"])
    return dict(told)


def build_table(told: dict[str, Any]) -> Table:
    """Everything that is told of a build."""
    table = Table("", "", show_header=False)
    for name in ("id", "state", "encoder", "index", "params", "indexed", "products", "created_at", "rate"):
        if name in told:
            table.add_row(plain(name), plain(told[name]))
    table.add_row("takes uploads", plain(told["takes_uploads"]))
    if "progress" in told:
        table.add_row("filled", plain(told["progress"]))
    for name in ("waiting", "error"):
        if name in told:
            table.add_row(name, plain(f"{told[name]['detail']} [{told[name]['code']}]"))
    for check in told.get("report", {}).get("checks", ()):
        bound = next(f"{word} {check[key]:g}" for key, word in _BOUNDS.items() if key in check)
        verdict = "passed" if check["passed"] else "NOT PASSED"
        table.add_row(plain(f"check: {check['name']}"), plain(f"{check['measured']:g} ({bound}): {verdict}"))
    for event in told.get("events", ()):
        table.add_row(plain(event["at"]), plain(f"{event['what']} {written(event['told'])}"))
    return table


_BOUNDS = {"at_least": "at least", "at_most": "at most"}


def next_step(told: dict[str, Any]) -> list[str]:
    """What an operator may do now that a build is ready."""
    if told["state"] != BuildState.READY:
        return []
    if told.get("report", {}).get("passed"):
        return [f"`vitrine builds promote {told['id']}` makes it the live one."]
    return [
        "It has not passed its check: `vitrine builds abort` ends it; `promote --force --reason WHY` takes it so."
    ]
