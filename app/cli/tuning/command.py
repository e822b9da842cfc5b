"""`vitrine tune`."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli.connection import Service, catalog_path, connect
from app.cli.failures import FAILED_IN_PART
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen
from app.cli.tuning.shown import band_table, compared_table, verdict
from app.domain.errors import Invalid, Unavailable
from app.domain.tuning import NOT_TUNED, TUNED, TUNING

_EVERY_S = 0.5  # it takes seconds to minutes


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
    if png is not None and not png.absolute().parent.is_dir():  # before minutes are spent
        raise Invalid(
            f"there is no folder {png.parent} to write the picture to: make it first", code="png", field="png"
        )
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service, screen.waiting("measuring"):
        name = build or service.get(catalog_path(catalog))["build"]["id"]
        path = f"{catalog_path(catalog)}/builds/{quote(name, safe='')}"
        service.post(f"{path}:tune", {"recall": recall, "compare": compare or []})
        told = {"build": name, **_waited_for(service, path)}
    if png is not None:
        from app.cli.tuning.chart import draw  # noqa: PLC0415 - a command that draws nothing needs no Pillow

        draw(told, png)
    screen.result(told, *([band_table(told)] if told["bands"] else []), *compared_table(told), *verdict(told))
    if not told["reached"]:
        sys.exit(FAILED_IN_PART)


def _waited_for(service: Service, path: str) -> dict[str, Any]:
    """What tuning found, once it is done. Ctrl-C ends the waiting and not the tuning."""
    while True:
        told = service.get(path)
        event = [one for one in told["events"] if one["what"] in (TUNING, TUNED, NOT_TUNED)][-1]
        if event["what"] == TUNED:
            return dict(told["tuned"])
        if event["what"] == NOT_TUNED:
            raise Unavailable(f"it was not tuned: {event['told']['detail']}", code=event["told"]["code"])
        if not told["takes_uploads"]:
            raise Unavailable("the build ended before it was tuned", code="build_state")
        time.sleep(_EVERY_S)
