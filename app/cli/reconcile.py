"""`vitrine reconcile`."""

import sys
from typing import Annotated

import typer
from rich.table import Table

from app.cli.connection import catalog_path, connect
from app.cli.failures import FAILED_IN_PART
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen, plain

_PATIENCE_S = 3_600.0  # a hundred thousand products take less than a minute, and their number is the shop's


def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what differs.")] = False,
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Compare every build with the database, and repair what differs.

    A row may be missing, orphaned (its product is gone), stale (of another
    version), or unsearchable (not found by its own vector). A service does this
    by itself, every six hours unless VITRINE_RECONCILE_EVERY_S says otherwise.
    """
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service, screen.waiting("comparing"):
        path = f"{catalog_path(catalog)}:reconcile"
        told = service.post(path, {"dry_run": dry_run}, patience_s=_PATIENCE_S)
    columns = ("rows", "missing", "orphaned", "stale", "unsearchable", "repaired")
    table = Table("build", *columns)
    for one in told["builds"]:
        table.add_row(plain(one["id"]), *(plain(one[name]) for name in columns))
    found = sum(told[name] for name in columns[1:-1])
    left = found - told["repaired"]
    screen.result(told, table, _verdict(found, left, dry_run=dry_run))
    if left and not dry_run:
        sys.exit(FAILED_IN_PART)


def _verdict(found: int, left: int, *, dry_run: bool) -> str:
    if not found:
        return "Nothing differs."
    if dry_run:
        return f"{found} rows differ: `vitrine reconcile` repairs them."
    if not left:
        return "Everything that differed is repaired."
    return (
        f"{left} rows differ still: the index hides them, or their embeddings are lost (upload those products again)."
    )
