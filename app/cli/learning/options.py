"""The options that training and measuring share."""

from pathlib import Path
from typing import Annotated

import typer

ManifestPath = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="A CSV or JSONL manifest, or a folder of pictures.")
]

HeldOutRule = Annotated[
    str | None,
    typer.Option(
        "--held-out",
        metavar="RULE",
        help="The rows that are measured and never learned from: column=value, or blocks:50:5:1 for "
        "product_id // 50 % 5 == 1. A tenth, by a hash of product_id, if not given.",
        show_default=False,
    ),
]
