"""`vitrine tune`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.builds.named import build_path
from app.cli.connection import catalog_path, connect
from app.cli.failures import FAILED_IN_PART, line_of
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen
from app.cli.tuning.shown import band_table, compared_table, verdict
from app.cli.tuning.wait import waited_for
from app.domain.errors import Invalid


def tune(
    build: Annotated[
        str | None,
        typer.Argument(metavar="[BUILD]", help="The build; the live one if not given.", show_default=False),
    ] = None,
    recall: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="The least share of the best products that a search finds.")
    ] = 0.95,
    compare: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="Try this index type beside: HNSW, IVF_FLAT, …", show_default=False),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Draw recall by parameter.", show_default=False),
    ] = None,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Find the cheapest search parameters that reach a recall, and store them.

    They are measured on the build itself with the catalog's own vectors, without
    a filter and under filters that pass about half, a twentieth and a
    two-hundredth of the products. The next query searches with them.
    """
    if png is not None:
        _check_writable(png)  # before minutes are spent
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service, screen.waiting("measuring"):
        name = build or service.get(catalog_path(catalog))["build"]["id"]
        path = build_path(service, catalog, name)
        service.post(f"{path}:tune", {"recall": recall, "compare": compare or []})
        told = {"build": path.rpartition("/")[2], **waited_for(screen, service, path)}
    screen.result(told, *([band_table(told)] if told["bands"] else []), *compared_table(told), *verdict(told))
    drawn = png is None or _drawn(screen, told, png)
    if not (told["reached"] and drawn):
        sys.exit(FAILED_IN_PART)


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
