"""`python -m scripts.sample_catalogue OUT_DIR`: write the sample catalogue, with a progress bar."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .catalogue import PRODUCTS, generate


def main() -> None:
    """Read the command line and write the catalogue."""
    parser = argparse.ArgumentParser(prog="python -m scripts.sample_catalogue", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="folder for products.csv and pictures/")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other products (default 1)")
    parser.add_argument("--products", type=int, default=PRODUCTS, help=f"how many (default {PRODUCTS})")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the pictures; 1 is 320 pixels (default)")
    arguments = parser.parse_args()
    if arguments.products < 1 or not 0.1 <= arguments.scale <= 8:
        parser.error("--products must be at least 1, and --scale between 0.1 and 8")
    columns = (TextColumn("Drawing products"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=arguments.products)
        manifest = generate(
            arguments.out,
            seed=arguments.seed,
            products=arguments.products,
            scale=arguments.scale,
            on_progress=lambda done: progress.update(task, completed=done),
        )
    print(manifest)


if __name__ == "__main__":
    main()
