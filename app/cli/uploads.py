"""`vitrine uploads list`, `show` and `retry`."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from app.cli.connection import Service, catalog_path, connect
from app.cli.failures import FAILED_IN_PART
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen, plain
from app.domain.errors import Invalid, Refused
from app.domain.uploads import UploadState

commands = typer.Typer(help="What became of uploads.", no_args_is_help=True)

_PAGE = 200  # what the service tells of at a time


@commands.command("list")
def list_uploads(
    state: Annotated[UploadState | None, typer.Option(help="Only uploads in this state.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the uploads of a catalog, newest first."""
    screen = Screen(json=json)
    found: list[dict[str, Any]] = []
    with connect(screen, url=url, data=data, makes=False) as service:
        for receipt in _receipts(service, catalog, state):
            found.append(receipt)
            if len(found) == limit:
                break
        if not found:
            service.get(catalog_path(catalog))  # which says so where there is no such catalog
    table = Table("upload", "product", "version", "kind", "state", "attempts", "error")
    for one in found:
        columns = [one[name] for name in ("upload_id", "product_id", "version", "kind", "state", "attempts")]
        table.add_row(*(plain(value) for value in columns), plain((one.get("error") or {}).get("code", "")))
    screen.result({"uploads": found}, table if found else "There is no such upload.")


@commands.command("show")
def show_upload(
    upload_id: str,
    catalog: CatalogName = "default",  # noqa: ARG001 - taken by every command; an upload's id says it all
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show one receipt: the stages an upload has passed, and what went wrong."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        receipt = service.get(_path(upload_id))
    screen.result(receipt, _receipt(receipt))


@commands.command("retry")
def retry(
    upload_id: Annotated[str | None, typer.Argument(help="A dead upload.", show_default=False)] = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every dead upload of the catalog.")] = False,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Try a dead upload once more, from the beginning; or all of a catalog."""
    if all_dead == (upload_id is not None):
        raise Invalid("name one upload, or give --all-dead", code="usage")
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        if upload_id is not None:
            receipt = service.post(f"{_path(upload_id)}:retry")
            screen.result(receipt, _receipt(receipt))
            return
        service.get(catalog_path(catalog))
        retried, errors = _retry_all(service, catalog)
    screen.result(
        {"retried": retried, "errors": errors},
        f"{len(retried)} tried again, {len(errors)} not",
        *(f"{error['upload_id']}: {error['detail']} [{error['code']}]" for error in errors),
    )
    if errors:
        sys.exit(FAILED_IN_PART)


def _retry_all(service: Service, catalog: str) -> tuple[list[str], list[dict[str, str]]]:
    """The ids that are tried again, and why others are not: those a newer version has overtaken, for one."""
    retried: list[str] = []
    errors: list[dict[str, str]] = []
    for receipt in list(_receipts(service, catalog, UploadState.DEAD)):
        upload_id = receipt["upload_id"]
        try:
            service.post(f"{_path(upload_id)}:retry")
            retried.append(upload_id)
        except Refused as error:
            errors.append({"upload_id": upload_id, "code": error.code, "detail": error.detail})
    return retried, errors


def _path(upload_id: str) -> str:
    return f"/v1/uploads/{quote(upload_id, safe='')}"


def _receipts(service: Service, catalog: str, state: UploadState | None) -> Iterator[dict[str, Any]]:
    """Every receipt of a catalog, page by page."""
    after = None
    while True:
        page = service.get("/v1/uploads", catalog=catalog, state=state, limit=_PAGE, after=after)["uploads"]
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]["upload_id"]


def _receipt(receipt: dict[str, Any]) -> Table:
    table = Table("", "", show_header=False)
    for name, value in receipt.items():
        if name == "stages":
            for stage in value:
                table.add_row(plain(stage["stage"]), plain(stage["at"]))
        elif name == "images":
            for image in value:
                told = image["error"]
                table.add_row(f"picture {image['position']}", plain(f"{told['detail']} [{told['code']}]"))
        elif name in ("error", "last_error"):
            table.add_row(plain(name), plain(f"{value['detail']} [{value['code']}]"))
        else:
            table.add_row(plain(name), plain(value))
    return table
