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
from app.cli.ingest.column_types import stated_types, warning_of
from app.cli.ingest.declare import Declaration, declare
from app.cli.ingest.options import ColumnTypes, LeftOut, RowLimit
from app.cli.ingest.progress import IngestProgress
from app.cli.ingest.send import Sender
from app.cli.ingest.summary import summary
from app.cli.ingest.tally import Tally
from app.cli.ingest.wait import Watcher, newest_upload
from app.cli.options import CatalogName, Data, EncoderName, Json, Url
from app.cli.screen import Screen, plain
from app.domain.errors import VitrineError


def ingest(
    source: Annotated[Path, typer.Argument(help="A CSV or JSONL manifest, or a folder of pictures.")],
    catalog: CatalogName = "default",
    limit: RowLimit = None,
    column_types: ColumnTypes = None,
    leave_out: LeftOut = None,
    url: Url = None,
    data: Data = None,
    encoder: EncoderName = None,
    json: Json = False,
) -> None:
    """Take a catalogue in, and wait until every product of it can be found. A second run changes nothing.

    A manifest has the columns product_id and title; description and image (or
    images) are known; every other column is an attribute, its type inferred when
    it first comes, and shown.

    Of a folder, every picture in it and below becomes a product. product_id is
    its path without the suffix, parts joined by ":" (shoes/red_boot.jpg makes
    shoes:red_boot); what an id cannot hold becomes "-", with a hash at the end.
    title is the file's name with spaces for "_" and "-" (red boot): name files
    by what they show.
    """
    screen = Screen(json=json)
    tally = Tally()
    started = time.monotonic()
    stated = stated_types(column_types or ())
    manifest = Manifest(source, left_out=leave_out or ())
    next(manifest.rows(), None)  # a manifest that cannot be read is told of before anything is opened
    with manifest, connect(screen, url=url, data=data, encoder=encoder) as service:
        try:
            with screen.waiting("reading the manifest"):
                declaration = declare(service, catalog, manifest, stated)
                tally.newest_before = newest_upload(service, catalog)
            _show(screen, catalog, declaration, encoder, tally)
            _ingest(screen, service, manifest, catalog, declaration, limit, tally)
        except KeyboardInterrupt:
            tally.refuse(None, "interrupted", _farewell(service, tally), None)
        except VitrineError as error:
            if not tally.accepted:
                raise
            tally.refuse(None, error.code, f"{line_of(error)}; {_farewell(service, tally)}", None)
    _end(screen, tally, time.monotonic() - started)


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


def _show(screen: Screen, catalog: str, declaration: Declaration | None, encoder: str | None, tally: Tally) -> None:
    if declaration is None:
        return
    # The service tells strangers a directory's own name, and not where it lies.
    if encoder is not None and declaration.encoder not in (encoder, Path(encoder).absolute().name):
        screen.say(f"catalog {catalog} is encoded by {declaration.encoder}, and not by {encoder}")
    if not (declaration.created or declaration.added):
        return
    what = "created" if declaration.created else "more attributes in"
    table = Table("attribute", "type", title=f"{what} catalog {catalog}", title_justify="left")
    for name, declared in declaration.added.items():
        table.add_row(plain(name), declared.value)
    screen.show(table)
    for miss in declaration.near_misses:
        tally.warnings.append(warning_of(miss))
        screen.say(f"warning: {tally.warnings[-1]['detail']}")


def _end(screen: Screen, tally: Tally, seconds: float) -> None:
    screen.result(tally.report(seconds), *summary(tally, seconds))
    if tally.failed:
        sys.exit(FAILED_IN_PART)
