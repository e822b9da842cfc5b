"""`vitrine eval MANIFEST --encoder DIR`."""

import random
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from app.adapters.manifest import Manifest
from app.cli.failures import FAILED_IN_PART
from app.cli.learning.examples import Example, Examples, read_examples
from app.cli.learning.options import HeldOutRule, ManifestPath
from app.cli.learning.report import recall_document, recall_table, share_of
from app.cli.options import Json, NoCatalog
from app.cli.screen import Screen
from app.cli.settings import read_settings
from app.domain.errors import Invalid, VitrineError
from app.domain.held_out import held_out_rule
from app.services.evaluate import Evaluation
from app.services.evaluate import evaluate as measure


def evaluate(
    manifest: ManifestPath,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="MODEL",
            help="A local model directory, or a hub name with @revision: VITRINE_ENCODER, if not given.",
            show_default=False,
        ),
    ] = None,
    held_out: HeldOutRule = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Measure on so many held-out products.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the sample.")] = 0,
    catalog: NoCatalog = "default",  # noqa: ARG001 - see NoCatalog
    json: Json = False,
) -> None:
    """Measure recall between titles and first pictures of held-out products, both ways: all against all."""
    screen = Screen(json=json)
    settings = read_settings(encoder=encoder)
    with Manifest(manifest) as opened:
        with screen.waiting("reading the manifest"):
            examples = read_examples(opened, held_out_rule(held_out), ())
        chosen = _sampled(examples, sample, seed)
        found = _measure(screen, settings.encoder, chosen, examples)
    measured, held = found.text_to_picture.queries, len(_held_out(examples))
    document = {
        "encoder": settings.encoder,
        "products": measured,
        "held_out": held,
        "text_to_picture": recall_document(found.text_to_picture),
        "picture_to_text": recall_document(found.picture_to_text),
        "errors": examples.errors,
    }
    rows = f"measured on {share_of(measured, held)} held-out rows, as the service encodes them"
    unread = [f"{len(examples.errors)} rows could not be used: --json lists them"] if examples.errors else []
    screen.result(document, recall_table(found.text_to_picture, found.picture_to_text), rows, *unread)
    if examples.errors:
        sys.exit(FAILED_IN_PART)


def _sampled(examples: Examples, sample: int | None, seed: int) -> list[Example]:
    held = _held_out(examples)
    if not held:
        raise Invalid(
            f"none of {len(examples.found):,} rows with a picture is held out: give another rule with --held-out",
            code="bad_held_out",
        )
    if sample is None or sample >= len(held):
        return held
    return random.Random(seed).sample(held, sample)


def _held_out(examples: Examples) -> list[Example]:
    return [example for example in examples.found if example.held_out]


def _measure(screen: Screen, name: str, chosen: Sequence[Example], examples: Examples) -> Evaluation:
    # torch takes seconds to import: a mistake in the manifest is told of before.
    from app.bootstrap_training import check_picture, open_encoder  # noqa: PLC0415

    def pairs() -> Iterator[tuple[str, bytes]]:
        for example in chosen:
            try:
                yield example.captions[0], check_picture(example.picture.read())
            except VitrineError as error:
                examples.refuse(example.product_id, error.code, error.detail)

    with screen.waiting(f"reading the encoder {name}"):
        encoder = open_encoder(read_settings(), name)
    try:
        with screen.progress() as progress:
            bar = progress.add_task("encoded", total=len(chosen))
            return measure(encoder, pairs(), on_progress=lambda done: progress.update(bar, completed=done))
    except Invalid as error:
        if error.code == "nothing_to_measure" and examples.errors:
            why = examples.errors[-1]["detail"]
            raise Invalid(f"no picture of the held-out rows can be read, such as: {why}", code=error.code) from None
        raise
