"""`vitrine train MANIFEST --out DIR`."""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.adapters.manifest import Manifest
from app.adapters.training.output import check_output
from app.cli.failures import FAILED_IN_PART
from app.cli.learning.examples import Examples, read_examples
from app.cli.learning.options import HeldOutRule, ManifestPath
from app.cli.learning.pairs import check_sides, prepare_pairs
from app.cli.learning.report import recall_document, recall_line, recall_table, share_of
from app.cli.options import Json, NoCatalog
from app.cli.screen import Screen
from app.domain.held_out import HeldOut, held_out_rule
from app.domain.training import EpochReport, TrainingProgress, TrainingReport, TrainingSettings

_USUAL = TrainingSettings()


def train(
    manifest: ManifestPath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the model directory is written.")],
    *,
    held_out: HeldOutRule = None,
    caption: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTRIBUTE", help="An attribute that joins the captions; may be given several times."),
    ] = None,
    picture_size: Annotated[int, typer.Option(min=32, help="Pixels of a side.")] = _USUAL.picture_size,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs at most.")] = _USUAL.epochs,
    batch: Annotated[int, typer.Option(min=2, help="Pairs a step.")] = _USUAL.batch,
    learning_rate: Annotated[float, typer.Option(help="The highest rate.")] = _USUAL.learning_rate,
    flip: Annotated[bool, typer.Option(help="Mirror pictures at random.")] = _USUAL.flip,
    store: Annotated[Literal["fp32", "fp16"], typer.Option(help="How weights are written.")] = _USUAL.store,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = _USUAL.threads,
    seed: Annotated[int, typer.Option(help="The same seed gives the same training.")] = _USUAL.seed,
    catalog: NoCatalog = "default",  # noqa: ARG001 - see NoCatalog
    json: Json = False,
) -> None:
    """Learn a small dual encoder from a manifest's pictures and captions. Stopped and run again, it goes on."""
    settings = TrainingSettings(
        picture_size=picture_size,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        flip=flip,
        store=store,
        threads=threads,
        seed=seed,
    )
    rule = held_out_rule(held_out)
    _run(Screen(json=json), manifest, out, rule, caption or [], settings)


def _run(
    screen: Screen, manifest: Path, out: Path, rule: HeldOut, caption: list[str], settings: TrainingSettings
) -> None:
    started = time.monotonic()
    check_output(out)
    with Manifest(manifest) as opened:
        with screen.waiting("reading the manifest"):
            examples = read_examples(opened, rule, caption)
        check_sides(examples.found)
        try:
            report, held_out = _train(screen, examples, out, settings)
        except KeyboardInterrupt:
            screen.say(f"stopped; {out} keeps the finished epochs: the same command again goes on from there")
            raise
    best = report.epochs[report.best - 1]
    measured = share_of(best.text_to_picture.queries, held_out)
    screen.result(
        _document(out, report, held_out, examples, time.monotonic() - started),
        recall_table(best.text_to_picture, best.picture_to_text),
        f"measured on {measured} held-out rows, in the training's arithmetic (bfloat16 where the processor has it); "
        "`vitrine eval` measures all of them, as the service encodes them",
        f"{out}: {report.parameters / 1e6:.1f} M parameters, the weights of epoch {report.best}",
        *([f"{len(examples.errors)} rows could not be used: --json lists them"] if examples.errors else []),
    )
    if examples.errors:
        sys.exit(FAILED_IN_PART)


def _train(screen: Screen, examples: Examples, out: Path, settings: TrainingSettings) -> tuple[TrainingReport, int]:
    """The report, and how many rows were held out."""
    # torch takes seconds to import: a mistake in the manifest is told of before.
    from app import bootstrap_training as training  # noqa: PLC0415

    preprocessing = settings.preprocessing
    with screen.progress() as progress:
        bar = progress.add_task("pictures", total=len(examples.found))
        pairs = prepare_pairs(
            examples,
            lambda content: training.prepare_picture(content, preprocessing),
            size=preprocessing.size,
            on_progress=lambda done: progress.update(bar, completed=done),
        )
        steps = progress.add_task("training", total=None)

        def on_step(told: TrainingProgress) -> None:
            done = (told.epoch - 1) * told.steps + told.step
            about = f"epoch {told.epoch} of {told.epochs}, loss {told.loss:.3f}"
            progress.update(steps, total=told.epochs * told.steps, completed=done, description=about)

        report = training.train(pairs, out, settings, on_step=on_step, on_epoch=lambda told: _tell(screen, told))
    return report, int(pairs.held_out.sum())


def _tell(screen: Screen, report: EpochReport) -> None:
    screen.say(
        f"epoch {report.epoch}: loss {report.loss:.3f}, text → picture {recall_line(report.text_to_picture)}, "
        f"picture → text {recall_line(report.picture_to_text)}, {report.seconds:.0f} s"
    )


def _document(out: Path, report: TrainingReport, held_out: int, examples: Examples, seconds: float) -> dict[str, Any]:
    return {
        "out": str(out),
        "best": report.best,
        "parameters": report.parameters,
        "held_out": held_out,
        "epochs": [_epoch(epoch) for epoch in report.epochs],
        "errors": examples.errors,
        "seconds": round(seconds, 3),
    }


def _epoch(report: EpochReport) -> dict[str, Any]:
    ways = ("text_to_picture", "picture_to_text")
    return {**asdict(report), **{way: recall_document(getattr(report, way)) for way in ways}}
