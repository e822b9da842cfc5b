"""`vitrine tune`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.builds.named import SHOWN, build_path
from app.cli.connection import catalog_path, connect
from app.cli.failures import FAILED_IN_PART, line_of
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen
from app.cli.tuning.reset import reset
from app.cli.tuning.shown import tables, verdict
from app.cli.tuning.wait import waited_for
from app.domain.errors import Invalid
from app.domain.tuning import RECALL

Png = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Draw recall by search parameter; not of a comparison.",
        show_default=False,
    ),
]


def tune(
    build: Annotated[
        str | None,
        typer.Argument(metavar="[BUILD]", help="The build; the live one if not given.", show_default=False),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1.0,
            help=f"The least share of the best products that a search finds; {RECALL:g} if not given.",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE", help="Only look how this index type would do: HNSW, IVF_FLAT, …", show_default=False
        ),
    ] = None,
    png: Png = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and show, and store nothing.")] = False,
    back: Annotated[
        bool, typer.Option("--reset", help="Drop what tuning found: search the build as it was made.")
    ] = False,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Find the cheapest search parameters that reach a recall, and store them.

    They are measured on the build itself with the catalog's own vectors, without
    a filter and under filters that pass about half, a twentieth and a
    two-hundredth of the products. The next query searches with them. A dry run
    and a comparison measure the same, and leave what searches use as it is.
    """
    if back and (recall is not None or compare or png is not None or dry_run):
        raise Invalid(
            "--reset measures nothing: give it alone, with the build if it is not the live one", code="usage"
        )
    if compare and png is not None:
        raise Invalid(
            "--png draws the search parameters of the build, and nothing of a comparison: `vitrine tune --dry-run "
            "--png FILE` draws those, and `--compare TYPE --json` tells what a comparison found",
            code="usage",
        )
    if png is not None:
        _check_writable(png)  # before minutes are spent
    screen, asked = Screen(json=json), {"recall": recall or RECALL, "compare": compare or [], "dry_run": dry_run}
    with connect(screen, url=url, data=data, makes=False) as service:
        path = build_path(service, catalog, build or service.get(catalog_path(catalog))["build"]["id"])
        if back:
            reset(screen, service, path)
            return
        with screen.waiting("measuring"):
            service.post(f"{path}:tune", asked)
            told = {"build": path.rpartition("/")[2], "catalog": catalog, **waited_for(screen, service, path)}
    screen.result(told, *tables(told), *verdict(told, _storing(told)))
    drawn = png is None or _drawn(screen, told, png)
    if not (told["reached"] and drawn):
        sys.exit(FAILED_IN_PART)


def _storing(told: dict[str, Any]) -> str:
    """The command that stores what is only looked at."""
    recall = "" if told["recall"] == RECALL else f" --recall {told['recall']:g}"
    catalog = "" if told["catalog"] == "default" else f" --catalog {told['catalog']}"
    return f"vitrine tune {told['build'][:SHOWN]}{recall}{catalog}"


def _check_writable(png: Path) -> None:
    if not png.absolute().parent.is_dir():
        raise Invalid(
            f"there is no folder {png.parent} to write the picture to: make it first", code="png", field="png"
        )
    try:
        there = png.exists()
        with png.open("ab"):
            pass
    except OSError as error:
        raise Invalid(f"{png} cannot be written: {error.strerror}", code="png", field="png") from error
    if not there:
        png.unlink()


def _drawn(screen: Screen, told: dict[str, Any], png: Path) -> bool:
    """Whether the picture is written; what was measured is shown and stored whatever becomes of it."""
    from app.cli.tuning.chart import draw  # noqa: PLC0415 - a command that draws nothing needs no Pillow

    try:
        draw(told, png)
    except Invalid as error:
        screen.say(line_of(error))
        return False
    return True
