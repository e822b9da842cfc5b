"""`python -m scripts.train_starter`: make the starter model again, from products drawn for it alone.

It is trained on the sample catalogue's kinds, colours and patterns, drawn with another seed than the demo's; the
combinations that the sample catalogue marks `heldout` are left out, and are what the recall is measured on.
"""

import argparse
import csv
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.adapters.encoders.loader import HuggingFaceLoader
from app.adapters.encoders.preprocessing import prepare
from app.adapters.training.trainer import train
from app.domain.products import Product
from app.domain.training import EpochReport, TrainingPairs, TrainingProgress, TrainingReport, TrainingSettings
from app.services.evaluate import Evaluation, evaluate
from scripts.sample_catalogue.catalogue import generate
from scripts.sample_catalogue.vocabulary import COLOUR_WORDS, KIND_WORDS, PATTERN_ADJECTIVES, PATTERN_PHRASES
from scripts.starter_card import card

STARTER = Path(__file__).parent / "starter_model"
SEED = 20_000  # far from the demo's 1, so that it shows products the model has not seen
SETTINGS = TrainingSettings(
    picture_size=96,
    picture_widths=(24, 48, 96, 192),
    picture_depths=(1, 2, 2, 1),
    text_width=128,
    text_layers=2,
    text_heads=2,
    vocabulary=2048,
    max_tokens=64,
    dimension=128,
    epochs=20,
    token_dropout=0.0,
    store="fp16",  # 8 MB is what a repository bears
)
"""A few dozen words and flat drawings need less than photos do, and every word of a title says something."""

console = Console(stderr=True)


def main() -> None:
    """Draw the products, train, measure, and put the model in its place."""
    parser = argparse.ArgumentParser(prog="python -m scripts.train_starter", description=__doc__)
    parser.add_argument("--out", type=Path, default=STARTER, help="the model's directory; replaced at the end")
    parser.add_argument("--products", type=int, default=8000, help="how many to draw (default 8000)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        catalogue, model = Path(temporary, "catalogue"), Path(temporary, "model")
        rows = _draw(catalogue, arguments.products)
        report = _train(_pairs(catalogue, rows), model)
        console.print(f"epoch {report.best} is kept: {report.parameters:,} parameters")
        held_out = [row for row in rows if row["split"] == "heldout"][:1000]
        title, caption = (_measure(model, catalogue, held_out, words) for words in ("title", "caption"))
        (model / "README.md").write_text(
            card(
                SETTINGS,
                seed=SEED,
                parameters=report.parameters,
                products=arguments.products,
                title=title,
                caption=caption,
            )
        )
        shutil.rmtree(arguments.out, ignore_errors=True)
        shutil.copytree(model, arguments.out)


def _train(pairs: TrainingPairs, model: Path) -> TrainingReport:
    columns = (TextColumn("Epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", epoch=1)

        def show(step: TrainingProgress) -> None:
            done = (step.epoch - 1) * step.steps + step.step
            progress.update(task, completed=done, total=step.epochs * step.steps, epoch=step.epoch)

        return train(pairs, model, SETTINGS, on_step=show, on_epoch=lambda one: console.print(_line(one)))


def _draw(out: Path, products: int) -> list[dict[str, str]]:
    columns = (TextColumn("Drawing products"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=products)
        manifest = generate(
            out, seed=SEED, products=products, on_progress=lambda done: progress.update(task, completed=done)
        )
    with manifest.open(encoding="utf-8", newline="") as opened:
        return [{**row, "caption": _caption(row)} for row in csv.DictReader(opened)]


def _caption(row: dict[str, str]) -> str:
    """What the pipeline makes of title and description."""
    return Product(row["product_id"], row["title"], row["description"]).caption(())


def _pairs(catalogue: Path, rows: list[dict[str, str]]) -> TrainingPairs:
    pictures = [prepare((catalogue / row["image"]).read_bytes(), SETTINGS.preprocessing) for row in rows]
    captions = [(row["title"], row["caption"], *_queries(row)) for row in rows]
    return TrainingPairs(np.stack(pictures), captions, np.array([row["split"] == "heldout" for row in rows]))


def _queries(row: dict[str, str]) -> Iterator[str]:
    """What a person might type to find a product: one to four words, of one thing or of many."""
    random = Random(row["product_id"])
    noun, colour = random.choice(KIND_WORDS[row["kind"]]), random.choice(COLOUR_WORDS[row["colour"]])
    pattern, phrase = (
        random.choice(PATTERN_ADJECTIVES[row["pattern"]]),
        random.choice(PATTERN_PHRASES[row["pattern"]]),
    )
    noun = random.choice(_forms(noun))
    yield f"{colour} {pattern} {noun}"
    yield random.choice((f"{pattern} {noun}", f"{noun} {phrase}", f"{colour} {noun} {phrase}", pattern))
    yield random.choice((f"{colour} {noun}", f"{noun} in {colour}", noun, f"{row['style']} {row['kind']}", colour))


def _forms(noun: str) -> tuple[str, ...]:
    """The noun alone, with its article, and of many."""
    if noun.endswith("socks"):
        return (noun,)
    article, ending = "an" if noun[0] in "aeiou" else "a", "es" if noun.endswith(("s", "ch")) else "s"
    return noun, f"{article} {noun}", f"{noun}{ending}"


def _measure(model: Path, catalogue: Path, rows: list[dict[str, str]], words: str) -> Evaluation:
    """Through the encoder, as the service will use it."""
    encoder = HuggingFaceLoader(device="cpu").load(str(model))
    pairs = ((row[words], (catalogue / row["image"]).read_bytes()) for row in rows)
    return evaluate(encoder, pairs, on_progress=lambda _: None)


def _line(report: EpochReport) -> str:
    found = report.text_to_picture
    return (
        f"epoch {report.epoch:2}: loss {report.loss:.2f}, recall@1 {found.at_1:.3f}, @10 {found.at_10:.3f} "
        f"({report.seconds:.0f} s)"
    )


if __name__ == "__main__":
    main()
