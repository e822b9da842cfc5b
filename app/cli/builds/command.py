"""`vitrine builds`: change the model or the index while the shop is open."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.builds.listed import build_list
from app.cli.builds.named import BuildId, build_path
from app.cli.builds.next_step import let_go, next_step
from app.cli.builds.shown import build_table, checked, losers
from app.cli.builds.start import start
from app.cli.builds.throttle import throttle
from app.cli.connection import catalog_path, connect
from app.cli.failures import FAILED_IN_PART
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen

commands = typer.Typer(help="Change the model or the index while the shop is open.", no_args_is_help=True)
commands.command("start")(start)
commands.command("throttle")(throttle)

_SWITCHING_S = 600.0  # API processes load an encoder first, which the service bounds


@commands.command("list")
def list_builds(catalog: CatalogName = "default", url: Url = None, data: Data = None, json: Json = False) -> None:
    """List the builds of a catalog, newest first: since when each is live or retired, and what its check said."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        found = service.get(f"{catalog_path(catalog)}/builds")
    screen.result(found, build_list(found["builds"]))


@commands.command("show")
def show(
    build: BuildId, catalog: CatalogName = "default", url: Url = None, data: Data = None, json: Json = False
) -> None:
    """Show a build: how far it is, what its check found, and what happened to it."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        told = service.get(build_path(service, catalog, build))
    screen.result(told, build_table(told), *losers(told), *next_step(told, catalog))


@commands.command("check")
def check(
    build: BuildId, catalog: CatalogName = "default", url: Url = None, data: Data = None, json: Json = False
) -> None:
    """Check a build that is ready once more, as it was when it had been filled."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        told, passed = checked(screen, service, build_path(service, catalog, build))
    screen.result(told, build_table(told), *losers(told), *next_step(told, catalog))
    if not passed:
        sys.exit(FAILED_IN_PART)


@commands.command("promote")
def promote(
    build: BuildId,
    force: Annotated[bool, typer.Option("--force", help="Although it did not pass its check.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.", show_default=False)] = "",
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a build the live one. The one before is kept for `rollback`, in place of one that was."""
    _act(json, url, data, catalog, build, "promote", {"force": force, "reason": reason})


@commands.command("rollback")
def rollback(
    build: Annotated[
        str | None,
        typer.Argument(metavar="[BUILD]", help="The live build, if you want to be sure.", show_default=False),
    ] = None,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Go back to the build that was live before, with every change since then in it."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        found = build or service.get(catalog_path(catalog))["build"]["id"]
        told = service.post(f"{build_path(service, catalog, found)}:rollback", patience_s=_SWITCHING_S)
    screen.result(told, build_table(told), *let_go(told))


@commands.command("abort")
def abort(
    build: BuildId, catalog: CatalogName = "default", url: Url = None, data: Data = None, json: Json = False
) -> None:
    """End a build that was never live."""
    _act(json, url, data, catalog, build, "abort")


@commands.command("retire")
def retire(
    build: BuildId, catalog: CatalogName = "default", url: Url = None, data: Data = None, json: Json = False
) -> None:
    """Let go of a build that was live: there is no rolling back to it any more."""
    _act(json, url, data, catalog, build, "retire")


def _act(
    json: bool, url: str | None, data: Path | None, catalog: str, build: str, action: str, body: Any = None
) -> None:
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service, screen.waiting(action):
        told = service.post(f"{build_path(service, catalog, build)}:{action}", body, patience_s=_SWITCHING_S)
    screen.result(told, build_table(told), *let_go(told))
