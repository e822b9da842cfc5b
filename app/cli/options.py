"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from app.domain.search import MAX_LIMIT

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

Image = Annotated[
    str | None, typer.Option("--image", metavar="FILE|URL", help="A picture to search by.", show_default=False)
]

Like = Annotated[
    str | None,
    typer.Option("--like", metavar="PRODUCT_ID", help="A product to find others like.", show_default=False),
]

Where = Annotated[
    str | None,
    typer.Option("--filter", metavar="JSON", help='Such as {"price": {"lt": 50}}.', show_default=False),
]

Limit = Annotated[int, typer.Option("--limit", min=1, max=MAX_LIMIT, help="How many products at most.")]

MinScore = Annotated[
    float | None, typer.Option("--min-score", min=0, help="Leave out what scores less.", show_default=False)
]
