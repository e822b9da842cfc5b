"""`vitrine`: the commands and how they end."""

import signal
import sys

import typer

from app.cli import explain, queries, reconcile, search, serve, status, uploads
from app.cli.builds import command as builds
from app.cli.failures import FAILED_IN_PART, WRONG_USE, document_of, exit_code, line_of
from app.cli.ingest import command as ingest
from app.cli.learning import evaluate, train
from app.cli.screen import Screen, write_json
from app.cli.tuning import command as tuning
from app.domain.errors import VitrineError

commands = typer.Typer(
    name="vitrine",
    help="Search behind shops whose products have pictures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
commands.command("serve")(serve.serve)
commands.command("ingest")(ingest.ingest)
commands.command("search")(search.search)
commands.command("explain")(explain.explain)
commands.command("status")(status.status)
commands.add_typer(uploads.commands, name="uploads")
commands.add_typer(builds.commands, name="builds")
commands.add_typer(queries.commands, name="queries")
commands.command("reconcile")(reconcile.reconcile)
commands.command("tune")(tuning.tune)
commands.command("train")(train.train)
commands.command("eval")(evaluate.evaluate)


_ENDS: dict[object, dict[str, str]] = {
    # How typer ends by itself: with the code of a shell after Ctrl-C, and where it cannot read the command line.
    130: {"code": "interrupted", "detail": "stopped by a signal"},
    WRONG_USE: {"code": "usage", "detail": "the command line is wrong; stderr says how"},
}


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 the work failed in part, 2 wrong use."""
    json = "--json" in sys.argv
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended as tidily as by Ctrl-C
    try:
        commands()
    except VitrineError as error:
        Screen(json=json).say(f"vitrine: {line_of(error)}")
        if json:
            write_json(document_of(error))
        sys.exit(exit_code(error))
    except SystemExit as end:
        told = _ENDS.get(end.code)
        if told is None:
            raise
        if json:
            write_json({"error": told})
        sys.exit(WRONG_USE if end.code == WRONG_USE else FAILED_IN_PART)
