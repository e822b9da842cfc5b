"""What stands in a CSV file, a JSONL file or a folder of pictures, row by row, before any rule is applied."""

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from app.adapters.manifest.sources import FilePicture
from app.domain.errors import Invalid

Record = tuple[int, dict[str, Any] | Invalid]
"""A line number from 1, and the row's values by column, or why it cannot be read. Absent values are left out."""

IMAGE_COLUMNS = ("image", "images")

_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_UNDECODED = re.compile("[\udc80-\udcff]")  # what errors="surrogateescape" leaves of bytes that are not UTF-8
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._-]")  # within one part of a path: ":" stands between the parts
_ID_LENGTH = 128
_SUFFIX_LENGTH = 9  # a dash and eight hexadecimal digits


def csv_columns(path: Path) -> list[str]:
    """The columns that the header of a CSV file names. Raises `Invalid` as `csv_records` does."""
    with _opened(path) as lines:
        return _header(csv.reader(lines), path.name)


def csv_records(path: Path) -> Iterator[Record]:
    """The rows of a CSV file with a header; several pictures in one cell are separated by `|`.

    Raises `Invalid` (`manifest_columns`) where the header does not name product_id and title, each column once.
    """
    with _opened(path) as lines:
        reader = csv.reader(lines)
        columns = _header(reader, path.name)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, Invalid(f"the row is not CSV: {error}", code="bad_csv")
                continue
            if cells:
                yield line, _csv_values(columns, cells)


def _opened(path: Path) -> TextIO:
    return path.open(newline="", encoding="utf-8-sig", errors="surrogateescape")


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        columns = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise Invalid(f"{name} is not CSV: {error}", code="manifest_columns") from error
    _check_columns(columns, name)
    return columns


def _check_columns(columns: Sequence[str], name: str) -> None:
    found = ", ".join(repr(column) for column in columns) or "none, as it is empty"
    if not {"product_id", "title"} <= set(columns):
        raise Invalid(
            f"a manifest needs the columns product_id and title, comma-separated, in UTF-8; {name} has: {found}",
            code="manifest_columns",
        )
    if len(set(columns)) < len(columns) or "" in columns:
        raise Invalid(f"every column needs a name of its own; {name} has: {found}", code="manifest_columns")


def _csv_values(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any] | Invalid:
    if any(_UNDECODED.search(cell) for cell in cells):
        return Invalid("the row is not UTF-8", code="bad_encoding")
    if len(cells) != len(columns):
        return Invalid(f"the row has {len(cells)} cells, the header {len(columns)}", code="bad_csv")
    values: dict[str, Any] = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    for name in IMAGE_COLUMNS:
        if name in values:
            values[name] = [place.strip() for place in values[name].split("|") if place.strip()]
    return values


def jsonl_records(path: Path) -> Iterator[Record]:
    """The objects of a JSONL file, one a line; empty lines are passed over."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _json_values(line)


def _json_values(line: str) -> dict[str, Any] | Invalid:
    if _UNDECODED.search(line):
        return Invalid("the line is not UTF-8", code="bad_encoding")
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Invalid(f"the line is not JSON: {error}", code="bad_json")
    if not isinstance(values, dict):
        return Invalid("the line is not a JSON object", code="bad_json")
    return {name: value for name, value in values.items() if value is not None and value != ""}


def folder_records(folder: Path) -> Iterator[Record]:
    """A product a picture of a folder and those below it, by path; hidden ones and other files are passed over.

    Raises `Invalid` (`manifest_empty`) where there is none.
    """
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix.lower() in _PICTURES]
    visible = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    if not visible:
        raise Invalid(
            f"{folder} holds no picture ({', '.join(_PICTURES)}): name a folder that does, or a .csv or .jsonl file",
            code="manifest_empty",
        )
    for number, path in enumerate(visible, start=1):
        if _UNDECODED.search(str(path)):
            yield number, Invalid(f"the name of {str(path)!a} is not UTF-8", code="bad_encoding")
            continue
        title = " ".join(re.sub(r"[_-]", " ", path.stem).split()) or path.stem
        yield number, {"product_id": _id_of(path), "title": title, "images": [FilePicture(folder / path)]}


def _id_of(path: Path) -> str:
    """The path without its suffix, its parts joined by `:`; made unique by a hash where characters had to change."""
    parts = path.with_suffix("").parts
    made = ":".join(_NOT_IN_AN_ID.sub("-", part) for part in parts)
    if len(made) <= _ID_LENGTH and made == ":".join(parts) and not any(":" in part for part in parts):
        return made
    unique = hashlib.sha256("/".join(parts).encode()).hexdigest()[: _SUFFIX_LENGTH - 1]
    return f"{made[: _ID_LENGTH - _SUFFIX_LENGTH]}-{unique}"
