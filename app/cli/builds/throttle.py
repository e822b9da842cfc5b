"""`vitrine builds throttle`."""

from typing import Annotated, Any

import typer

from app.cli.builds.named import BuildId, build_path
from app.cli.connection import connect
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen
from app.domain.builds import BuildState
from app.domain.errors import Invalid


def throttle(
    build: BuildId,
    rate: Annotated[
        float | None, typer.Option(min=0, help="At most so many products a second; 0 pauses.", show_default=False)
    ] = None,
    unbounded: Annotated[bool, typer.Option("--unbounded", help="As fast as it can.")] = False,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Bound how fast a build is filled, while it is; without a bound, tell the one that holds."""
    if unbounded and rate is not None:
        raise Invalid("--rate and --unbounded do not go together", code="usage")
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        path = build_path(service, catalog, build)
        stated = unbounded or rate is not None
        told = service.post(f"{path}:throttle", {"rate": rate}) if stated else service.get(path)
    screen.result(told, _pace(told))


def _pace(told: dict[str, Any]) -> str:
    """How fast a build is filled, and what changes that."""
    if told.get("dry_run") or told["state"] != BuildState.BUILDING:
        state = "a dry run" if told.get("dry_run") else told["state"]
        return f"Build {told['id']} is {state}: it is not being filled."
    rate = told.get("rate")
    if rate is None:
        return f"Build {told['id']} is filled as fast as it can: `--rate N` bounds it."
    pace = f"is filled with at most {rate:g} products a second" if rate else "is paused"
    return f"Build {told['id']} {pace}: `--rate N` changes that, and `--unbounded` takes the bound away."
