"""`vitrine ingest SOURCE`."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.adapters.manifest import Manifest
from app.cli.connection import Service, connect
from app.cli.failures import FAILED_IN_PART, line_of
from app.cli.ingest.batches import batches
from app.cli.ingest.declare import Declaration, declare
from app.cli.ingest.progress import IngestProgress
from app.cli.ingest.send import Sender
from app.cli.ingest.tally import Tally
from app.cli.ingest.wait import Watcher
from app.cli.options import CatalogName, Data, EncoderName, Json, Url
from app.cli.screen import Screen, plain
from app.domain.errors import VitrineError

_SHOWN_ERRORS = 20


def ingest(
    source: Annotated[Path, typer.Argument(help="A CSV or JSONL manifest, or a folder of pictures.")],
    catalog: CatalogName = "default",
    limit: Annotated[int | None, typer.Option(min=1, help="Read only so many rows.")] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column that is no attribute; may be repeated.")
    ] = None,
    url: Url = None,
    data: Data = None,
    encoder: EncoderName = None,
    json: Json = False,
) -> None:
    """Take a catalogue in, and wait until every product of it can be found. A second run changes nothing."""
    screen = Screen(json=json)
    tally = Tally()
    started = time.monotonic()
    manifest = Manifest(source, left_out=leave_out or ())
    with manifest, connect(screen, url=url, data=data, encoder=encoder) as service:
        try:
            with screen.waiting("reading the manifest"):
                declaration = declare(service, catalog, manifest)
            _show(screen, catalog, declaration, encoder)
            _ingest(screen, service, manifest, catalog, declaration, limit, tally)
        except KeyboardInterrupt:
            tally.refuse(None, "interrupted", _farewell(service, tally))
        except VitrineError as error:
            if not tally.accepted:
                raise
            tally.refuse(None, error.code, f"{line_of(error)}; {_farewell(service, tally)}")
    report = tally.report(time.monotonic() - started)
    screen.result(report, _summary(tally, report["seconds"]), *_errors(tally))
    if tally.failed:
        sys.exit(FAILED_IN_PART)


def _ingest(
    screen: Screen,
    service: Service,
    manifest: Manifest,
    catalog: str,
    declaration: Declaration | None,
    limit: int | None,
    tally: Tally,
) -> None:
    schema = None if declaration is None else declaration.attributes
    rows = 0 if declaration is None else min(declaration.rows, limit or declaration.rows)
    sender = Sender(screen, service, catalog, tally)
    watcher = Watcher(screen, service, tally)
    read = batches(islice(manifest.rows(schema), limit))
    with IngestProgress(screen, tally, rows) as progress, ThreadPoolExecutor(1, "vitrine-manifest") as reader:
        ahead = reader.submit(next, read, None)
        while (batch := ahead.result()) is not None:
            ahead = reader.submit(next, read, None)  # the next batch is read while this one is answered
            sender.send(batch)
            watcher.look()
            progress.update()
        while tally.pending:
            watcher.wait()
            watcher.look()
            progress.update(all_sent=True)
        progress.update(all_sent=True)


def _farewell(service: Service, tally: Tally) -> str:
    waits = "the next start on this data directory" if service.private else "the service"
    return (
        f"{tally.accepted} products were accepted; {waits} goes on with the {len(tally.pending)} of them that are "
        "not indexed yet. Run the same command again for the rest"
    )


def _show(screen: Screen, catalog: str, declaration: Declaration | None, encoder: str | None) -> None:
    if declaration is None:
        return
    if encoder is not None and declaration.encoder not in (encoder, str(Path(encoder).absolute())):
        screen.say(f"catalog {catalog} is encoded by {declaration.encoder}, and not by {encoder}")
    if not (declaration.created or declaration.added):
        return
    what = "created" if declaration.created else "more attributes in"
    table = Table("attribute", "type", title=f"{what} catalog {catalog}", title_justify="left")
    for name, declared in declaration.added.items():
        table.add_row(plain(name), declared.value)
    screen.show(table)


def _summary(tally: Tally, seconds: float) -> str:
    counts = ", ".join(f"{tally.ended[state]} {state}" for state in ("indexed", "superseded", "dead"))
    return f"{tally.accepted} accepted, {counts} in {seconds:.1f} s"


def _errors(tally: Tally) -> list[Table | str]:
    if not tally.errors:
        return []
    table = Table("product", "code", "what is wrong")
    for error in tally.errors[:_SHOWN_ERRORS]:
        table.add_row(*(plain(error[column] or "-") for column in ("product_id", "code", "detail")))
    more = len(tally.errors) - _SHOWN_ERRORS
    return [table, f"and {more} more: --json lists them all"] if more > 0 else [table]
