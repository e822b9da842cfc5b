"""What a person sees: the result on stdout, everything else on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_FILE_WIDTH = 240  # characters: in a file or a pipe nothing has to be cut


class Screen:
    """One command's output. With `json` stdout gets exactly one document; a person gets `shown` there instead."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.err = _console(stderr=True)
        self._out = _console(stderr=False)

    def result(self, document: Any, *shown: RenderableType) -> None:
        """End with a result: the document for a machine, or what is shown to a person."""
        if self.json:
            write_json(document)
            return
        for part in shown:
            self._out.print(plain(part) if isinstance(part, str) else part, soft_wrap=isinstance(part, str))

    def say(self, message: str) -> None:
        """Tell a person something beside the result."""
        self.err.print(plain(message), soft_wrap=True)

    def show(self, *shown: RenderableType) -> None:
        """Show a person something beside the result."""
        for part in shown:
            self.err.print(part)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something of unknown length is going on."""
        with self.err.status(escape(what)):
            yield

    def progress(self) -> Progress:
        """Progress bars with count, rate and time left."""
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(),
            console=self.err,
            refresh_per_second=4,  # drawing costs CPU that belongs to the encoder
        )


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


class _RateColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s", style="progress.data.speed")


def write_json(document: Any) -> None:
    """Write one JSON document on stdout."""
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def valid(text: str) -> str:
    """Text as UTF-8 can hold it: an echo of bad input may be none."""
    return text.encode("utf-8", "replace").decode()


def written(value: Any) -> str:
    """A value of JSON as a person writes it: true, a list by commas, an object as its names and values."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {written(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(written(item) for item in value)
    if value is None or isinstance(value, bool):
        return {None: "-", True: "true", False: "false"}[value]
    return str(value)


def plain(value: Any) -> Text:
    """Text of strangers: no markup and no control characters of it reach the terminal, and no id of it is cut."""
    text = written(value)
    return Text("".join(character if character.isprintable() else " " for character in text), overflow="fold")
