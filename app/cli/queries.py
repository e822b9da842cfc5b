"""`vitrine queries list`, `judge` and `forget`."""

import csv
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.connection import catalog_path, connect
from app.cli.options import CatalogName, Data, Json, Url
from app.cli.screen import Screen, plain, written
from app.domain.errors import Invalid

commands = typer.Typer(
    help="Queries that are asked of a build before it goes live: what shoppers asked, and judged ones.",
    no_args_is_help=True,
)

COLUMNS = ("text", "product_id", "grade")


@commands.command("list")
def list_queries(catalog: CatalogName = "default", url: Url = None, data: Data = None, json: Json = False) -> None:
    """List what shoppers asked, the most frequent first, and the judged queries."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        found = service.get(f"{catalog_path(catalog)}/queries")
    screen.result(found, _table(found), *unknown_products(found))


@commands.command("judge")
def judge(
    source: Annotated[
        Path, typer.Argument(help="A CSV file with the columns text, product_id and grade.", metavar="FILE")
    ],
    catalog: CatalogName = "default",
    url: Url = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say which products are good answers to which words, in place of all that was said before.

    A line of the file is one product of one query: a grade of 0 is a bad answer,
    and the higher, up to 100, the better. A build that answers these worse than
    the live one does not pass its check.
    """
    screen = Screen(json=json)
    queries = [{"text": text, "products": products} for text, products in _read(source).items()]
    with connect(screen, url=url, data=data, makes=False) as service:
        found = service.put(f"{catalog_path(catalog)}/queries/judged", {"queries": queries})
    products = sum(len(one["products"]) for one in found["judged"])
    told = f"Judged: {len(found['judged'])} queries, {products} products, in place of all before."
    screen.result(found, told, *unknown_products(found))


@commands.command("forget")
def forget(catalog: CatalogName = "default", url: Url = None, data: Data = None, json: Json = False) -> None:
    """Forget what shoppers asked; judged queries stay."""
    screen = Screen(json=json)
    with connect(screen, url=url, data=data, makes=False) as service:
        told = service.post(f"{catalog_path(catalog)}/queries:forget")
    screen.result(told, f"{told['forgotten']} recorded queries are forgotten.")


def _read(source: Path) -> dict[str, dict[str, float]]:
    """Grades by product_id, by words. Raises `Invalid`."""
    found: dict[str, dict[str, float]] = {}
    try:
        with source.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                has = ", ".join(reader.fieldnames or ()) or "empty"
                told = (
                    f"{source} has no column {lacking[0]}: its first line is {has}, and should be {','.join(COLUMNS)}"
                )
                raise Invalid(told, code="judged_file")
            for row in reader:
                text, product_id = ((row[name] or "").strip() for name in COLUMNS[:2])
                if not (text and product_id):
                    raise Invalid(
                        f"{source}, line {reader.line_num}: it lacks a text or a product_id", code="judged_file"
                    )
                grades = found.setdefault(text, {})
                if product_id in grades:
                    told = f"{source}, line {reader.line_num}: {product_id} is graded twice for {text!r}"
                    raise Invalid(told, code="judged_file")
                grades[product_id] = _grade(source, reader.line_num, row["grade"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{source} cannot be read as CSV in UTF-8: {error}", code="judged_file") from error
    if not found:
        raise Invalid(f"{source} judges nothing: write a line for each product of a query", code="judged_file")
    return found


def _grade(source: Path, line: int, stated: str | None) -> float:
    try:
        return float(stated or "")
    except ValueError as error:
        raise Invalid(f"{source}, line {line}: {stated!r} is no number", code="judged_file") from error


def unknown_products(found: dict[str, Any]) -> list[str]:
    """What is told of judged products that are not in the catalog."""
    if "unknown" not in found:
        return []
    count, first = found["unknown"]["products"], found["unknown"]["first"]
    named = ", ".join([*first, *(["…"] if count > len(first) else [])])
    return [
        f"Not in the catalog, of the judged products: {count} ({named}). They may come yet; until then nothing finds "
        "them, and a query that has no other good answer keeps a build from passing its check."
    ]


def _table(found: dict[str, Any]) -> Table:
    table = Table("query", "asked", "judged products")
    for one in found["recorded"]:
        table.add_row(plain(written(one["query"])), plain(one["asked"]), "")
    for one in found["judged"]:
        table.add_row(plain(one["text"]), "", plain(len(one["products"])))
    return table
