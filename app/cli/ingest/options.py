"""The options of `vitrine ingest` alone."""

from typing import Annotated

import typer

RowLimit = Annotated[int | None, typer.Option("--limit", min=1, help="Read only so many rows.")]

ColumnTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="NAME=TYPE",
        help="The type of a column, instead of the inferred one: keyword, 'keyword[]' (a|b in CSV), number, "
        "boolean, datetime or text. A row that does not fit is an error. May be repeated.",
    ),
]

LeftOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="COLUMN", help="A column that is no attribute; may be repeated."),
]
