"""What a person sees of builds."""

import time
from itertools import zip_longest
from typing import Any

from rich.progress import TaskID
from rich.table import Table

from app.cli.connection import Service
from app.cli.screen import Screen, plain, written
from app.cli.tuning.changes import event_words
from app.cli.tuning.shown import tuning_rows
from app.cli.waiting import going_on
from app.domain.builds import BuildState
from app.domain.queries import OVERLAP

_EVERY_S = 1.0  # how often a build is looked at while it is waited for


def waited_for(screen: Screen, service: Service, path: str) -> dict[str, Any]:
    """The build, once it is no longer being filled. Ctrl-C ends the waiting and not the build."""
    with going_on(screen, service), screen.progress() as progress:
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


def checked(screen: Screen, service: Service, path: str) -> tuple[dict[str, Any], bool]:
    """The build, once it has been checked again or cannot be, and whether it was and has passed.

    Ctrl-C ends the waiting and not the check.
    """
    seen = len(service.get(path)["events"])
    service.post(f"{path}:check")
    with going_on(screen, service), screen.waiting("checking"):
        while True:
            told = dict(service.get(path))
            happened = {event["what"] for event in told["events"][seen:]}
            if happened & {"checked", "check failed"} or told["state"] != BuildState.READY:
                return told, "checked" in happened and told["report"]["passed"]
            time.sleep(_EVERY_S)


def build_table(told: dict[str, Any]) -> Table:
    """Everything that is told of a build."""
    table = Table("", "", show_header=False)
    told = {**told, "state": _STATES.get((told["state"], told["takes_uploads"]), told["state"])}
    for name in _FIRST:
        if name in told:
            table.add_row(plain(name), plain(told[name]))
    table.add_row("takes uploads", plain(told["takes_uploads"]))
    if "progress" in told:
        table.add_row("filled", plain(told["progress"]))
    if "estimate" in told:
        estimated = told["estimate"]
        size = f"{_mb(estimated['memory_bytes'])} of memory, {_mb(estimated['disk_bytes'])} of disk"
        table.add_row("estimated", f"{estimated['seconds']:,} s, {size}")
    for name in ("waiting", "error"):
        if name in told:
            table.add_row(name, plain(f"{told[name]['detail']} [{told[name]['code']}]"))
    for check in told.get("report", {}).get("checks", ()):
        bound = next(f"{word} {check[key]:g}" for key, word in _BOUNDS.items() if key in check)
        of = f" over {check['of']:,}" if "of" in check else ""
        live = f"live {check['live']:g}, " if "live" in check else ""
        verdict = "passed" if check["passed"] else "NOT PASSED"
        table.add_row(
            plain(f"check: {check['name']}"), plain(f"{check['measured']:g}{of} ({live}{bound}): {verdict}")
        )
    for name, found in tuning_rows(told):
        table.add_row(plain(name), plain(found))
    for event in told.get("events", ()):
        table.add_row(plain(event["at"]), plain(f"{event['what']} {event_words(event['told'])}"))
    return table


_FIRST = (
    *("id", "dry_run", "state", "live_at", "retired_at", "encoder", "index", "params", "indexed", "products"),
    *("created_at", "rate"),
)
_STATES = {
    (BuildState.RETIRED, True): "retired, kept for a rollback",
    (BuildState.RETIRED, False): "retired, no longer kept",
}
_BOUNDS = {"at_least": "at least", "at_most": "at most"}


def losers(told: dict[str, Any]) -> list[Table]:
    """What loses most by the change: queries with both answers side by side, and pictures no longer found."""
    report = told.get("report", {})
    return [
        *(_answers(one) for one in report.get("queries", ())),
        *([_lost(report["losers"])] if report.get("losers") else []),
    ]


def _answers(query: dict[str, Any]) -> Table:
    measured = f"{query['measure']} {query['before']:g} → {query['now']:g}"
    if query["measure"] == OVERLAP:
        measured = f"{query['now']:.0%} of the answers are those of the live build"
    table = Table("live", "this build", title=plain(f"{_asked(query['query'])}: {measured}"), title_justify="left")
    for sides in zip_longest(query["live"], query["build"]):
        table.add_row(*(plain(_answer(one) if one else "") for one in sides))
    return table


def _answer(one: dict[str, Any]) -> str:
    grade = f", judged {one['grade']:g}" if "grade" in one else ""
    return f"{one['title']} [{one['product_id']}{grade}]"


def _asked(query: dict[str, Any]) -> str:
    rest = {name: value for name, value in query.items() if name != "text"}
    return ", ".join([*([f"“{query['text']}”"] if "text" in query else []), *([written(rest)] if rest else [])])


def _lost(products: list[dict[str, Any]]) -> Table:
    table = Table(
        "product", "rank in the live build", title="no longer found by their captions", title_justify="left"
    )
    for one in products:
        table.add_row(plain(one["product_id"]), plain(one["before"]))
    return table


def estimate_table(told: dict[str, Any]) -> Table:
    """What a build would take."""
    table = Table("", "", show_header=False)
    sampled = told["sampled"]
    of = f"{sampled['pictures']} pictures, {sampled['captions']} captions and {sampled['rows']} rows"
    table.add_row("products", f"{told['products']:,}")
    table.add_row("embeddings stored", f"{told['stored']:,} of {told['pictures'] + told['captions']:,}")
    table.add_row("to encode", f"{told['pictures_to_encode']:,} pictures, {told['captions_to_encode']:,} captions")
    parts = f"encoding {told['encoding_seconds']:,} s, writing {told['writing_seconds']:,} s"
    table.add_row("time", f"{told['seconds']:,} s ({parts}), measured on {of}")
    table.add_row("memory", f"{_mb(told['memory_bytes'])} of the vector store")
    disk = f"{_mb(told['disk_bytes'])} of the vector store, {_mb(told['database_bytes'])} of the database"
    free = f"; {_mb(told['free_bytes'])} are free" if "free_bytes" in told else ""
    table.add_row("disk", disk + free)
    if not told.get("fits", True):
        table.add_row("room", "NOT ENOUGH")
    return table


def _mb(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
