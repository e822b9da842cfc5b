"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]

CatalogName = Annotated[str, typer.Option("--catalog", metavar="NAME", help="The catalog to work on.")]

NoCatalog = Annotated[
    str,
    typer.Option(
        "--catalog", metavar="NAME", help="Taken by every command; this one reads a manifest and asks no catalog."
    ),
]

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="VITRINE_URL",
        metavar="URL",
        help="The service to talk to. Without it the command opens the data directory itself.",
    ),
]

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data directory: VITRINE_DATA, or vitrine-data in the current folder, if not given.",
        show_default=False,
    ),
]

EncoderName = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="MODEL",
        help="The encoder of new catalogs: a local model directory, or a hub name with @revision.",
        show_default=False,
    ),
]
