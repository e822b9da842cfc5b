"""`vitrine builds start`."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.builds.next_step import next_step
from app.cli.builds.shown import build_table, estimate_table, losers, waited_for
from app.cli.connection import catalog_path, connect
from app.cli.failures import FAILED_IN_PART
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen
from app.domain.builds import BuildState
from app.domain.errors import Invalid

_UNCHANGED = "this build has the same encoder and index as the live build: --encoder, --index or --param changes them"


def start(
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Another encoder: a local model directory, or a hub name.", show_default=False
        ),
    ] = None,
    index: Annotated[
        str | None, typer.Option(metavar="TYPE", help="HNSW, IVF_FLAT, IVF_SQ8, FLAT, …", show_default=False)
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of the index: M=16.", show_default=False),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0, help="Fill it with at most so many products a second.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it would take: work, time, memory and disk.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is ready.")] = True,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Start a build beside the live one; what is not given is as in the live one.

    It is filled with what is stored, and every change reaches it too, while the
    live one goes on answering. Once it is ready, `vitrine builds promote` makes
    it the live one, and `vitrine builds rollback` goes back. A dry run counts
    and measures a sample beside whatever else goes on, and ends with 1 where
    there is no room for the build.
    """
    screen = Screen(json=json)
    if encoder is not None and Path(encoder).is_dir():
        encoder = str(Path(encoder).absolute())  # the service has another working directory
    params = index_params(param or [])
    asked = {"encoder": encoder, "index": index, "params": params, "rate": rate, "dry_run": dry_run}
    if encoder is None and index is None and not params:
        screen.say(_UNCHANGED)
    with connect(screen, url=url, data=data, makes=False) as service:
        path = f"{catalog_path(catalog)}/builds"
        started = service.post(path, {name: value for name, value in asked.items() if value is not None})
        if not dry_run:
            screen.say(_begun(started["id"], wait=wait, private=service.private))
        told = (
            waited_for(screen, service, f"{path}/{started['id']}") if wait else service.get(f"{path}/{started['id']}")
        )
    if dry_run and told["state"] == BuildState.ABORTED and "estimate" in told:
        estimate = told["estimate"]
        screen.result(estimate, estimate_table(estimate))
        failed = not estimate.get("fits", True)
    else:
        screen.result(told, build_table(told), *losers(told), *next_step(told, catalog))
        not_passed = told["state"] == BuildState.READY and not told["report"]["passed"]
        failed = not_passed or told["state"] in (BuildState.FAILED, BuildState.ABORTED)
    if failed:
        sys.exit(FAILED_IN_PART)


def _begun(build: str, *, wait: bool, private: bool) -> str:
    if private:
        goes_on = "it is filled while this runs, and gone on with when `vitrine serve` runs"
        return f"build {build} is begun: {goes_on if wait else 'nobody fills it until `vitrine serve` runs'}"
    return f"build {build} is begun: the service fills it, whether this waits or not; `vitrine builds abort` ends it"


def index_params(stated: list[str]) -> dict[str, int]:
    """Parameters of an index by their names. Raises `Invalid` (`usage`)."""
    params: dict[str, int] = {}
    for one in stated:
        name, _, value = (part.strip() for part in one.partition("="))
        if not (name and _is_number(value)):
            raise Invalid(f"{one!r} is not NAME=NUMBER, as in M=16", code="usage")
        if not value.lstrip("+-").isdecimal():
            raise Invalid(f"{name} takes a whole number, not {value}", code="usage")
        params[name] = int(value)
    return params


def _is_number(stated: str) -> bool:
    try:
        return math.isfinite(float(stated))
    except ValueError:
        return False
