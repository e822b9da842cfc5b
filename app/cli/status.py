"""`vitrine status`."""

import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.builds.faults import fault_of, to_fetch_of
from app.cli.connection import Service, catalog_path, connect
from app.cli.failures import FAILED_IN_PART
from app.cli.options import Data, Json, Url
from app.cli.screen import Screen, plain, written
from app.cli.tuning.shown import searched
from app.domain.builds import UNFINISHED as UNFINISHED_BUILDS
from app.domain.uploads import UNFINISHED, UploadState


def status(
    catalog: Annotated[
        str | None, typer.Option("--catalog", metavar="NAME", help="Only this catalog.", show_default=False)
    ] = None,
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show the catalogs, what became of their uploads, the builds that answer, and what is not well."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        health = service.get("/health/ready", answers=(503,))
        names = [catalog] if catalog is not None else _names(service)
        catalogs = [{**service.get(catalog_path(name)), **_builds(service, name)} for name in names]
    faults = [fault_of(build, found["name"]) for found in catalogs for build in found["faulty"]]
    screen.result(
        {"status": health["status"], "parts": health["parts"], "catalogs": catalogs},
        *(_catalog(found) for found in catalogs),
        *([] if catalogs else ["There is no catalog yet: `vitrine ingest SOURCE` makes one."]),
        *_waiting(catalogs),
        *(to_fetch_of(build) for found in catalogs for build in found["to_fetch"]),
        *(_unwell(health["parts"], faults) or ["Everything is well."]),
    )
    if faults or health["status"] != "ok":
        sys.exit(FAILED_IN_PART)


def _names(service: Service) -> list[str]:
    return [found["name"] for found in service.get("/v1/catalogs")["catalogs"]]


def _builds(service: Service, name: str) -> dict[str, list[dict[str, Any]]]:
    """The builds of a catalog that may go live, and those whose model is gone or still to be fetched."""
    builds = service.get(f"{catalog_path(name)}/builds", check_encoders=True)["builds"]
    unfinished = [one for one in builds if one["state"] in UNFINISHED_BUILDS and not one.get("dry_run")]
    return {
        "unfinished": unfinished,
        "faulty": [one for one in builds if "encoder_fault" in one],
        "to_fetch": [one for one in builds if "encoder_to_fetch" in one],
    }


def _catalog(found: dict[str, Any]) -> Table:
    table = Table("", "", title=f"catalog {found['name']}", title_justify="left", show_header=False)
    table.add_row("products", str(found["products"]))
    counts = found["uploads"]
    table.add_row("uploads", ", ".join(f"{counts.get(state.value, 0)} {state.value}" for state in UploadState))
    build = found.get("build")
    if build is not None:
        table.add_row("live build", plain(f"{build['id']}, {build['indexed']} products indexed"))
        table.add_row("encoder", plain(build["encoder"]))
        table.add_row("index", plain(", ".join(filter(None, (build["index"], written(build["params"]))))))
        if "searched" in build:
            table.add_row("searches use", plain(searched(build)))
    for one in found["unfinished"]:
        table.add_row(f"build {one['state']}", plain(f"{one['id']}, {one['indexed']} products indexed"))
    table.add_row("attributes", plain(", ".join(f"{name} ({told})" for name, told in found["attributes"].items())))
    return table


def _waiting(catalogs: list[dict[str, Any]]) -> list[str]:
    waiting = sum(found["uploads"].get(state.value, 0) for found in catalogs for state in UNFINISHED)
    return [f"{waiting} uploads are not indexed yet: the service works on them while it runs"] if waiting else []


def _unwell(parts: dict[str, dict[str, str]], faults: list[str]) -> list[str]:
    unwell = [
        f"{name} is not well: {part.get('detail', part['status'])} [{part.get('code', part['status'])}]"
        for name, part in parts.items()
        if part["status"] != "ok"
    ]
    return [*unwell, *faults]
