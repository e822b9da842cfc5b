"""A manifest's rows, each checked by the rules of products: the good ones, and why the others are not."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from app.adapters.manifest.records import (
    IMAGE_COLUMNS,
    Record,
    csv_columns,
    csv_records,
    folder_records,
    jsonl_records,
)
from app.adapters.manifest.sources import Archives, FilePicture, PictureSource, picture_source
from app.domain.errors import Invalid, NotFound
from app.domain.inference import coerce
from app.domain.products import Product, Schema, check_product

_READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".csv": csv_records,
    ".jsonl": jsonl_records,
    ".ndjson": jsonl_records,
}
SHOWN_VALUE = 60  # characters: enough to find a cell by
_NOT_ATTRIBUTES = ("product_id", "title", "description", *IMAGE_COLUMNS)


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One product as a manifest states it. `line` counts from 1; a folder counts its pictures.

    `attributes` are as written, or checked and in canonical form where the rows were read with a schema.
    """

    line: int
    product_id: str
    title: str
    description: str
    images: tuple[PictureSource, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot go in: a stable code, and what to mend."""

    line: int
    product_id: str | None
    code: str
    detail: str


class Manifest:
    """A CSV file (`.csv`), a JSONL file (`.jsonl`, `.ndjson`) or a folder of pictures. Close it, or use `with`.

    `left_out` names columns that are no attributes: a split, a note. Raises `NotFound` (`manifest_not_found`) or
    `Invalid` (`manifest_format`).
    """

    def __init__(self, source: Path, *, left_out: Collection[str] = ()) -> None:
        self._source = source
        self._not_attributes = {*_NOT_ATTRIBUTES, *left_out}
        self._archives = Archives()
        self._read: Callable[[Path], Iterator[Record]]
        if source.is_dir():
            self._read, self._folder = folder_records, source
        elif not source.exists():
            raise NotFound(f"there is no {source}", code="manifest_not_found")
        elif source.suffix.lower() in _READERS:
            self._read, self._folder = _READERS[source.suffix.lower()], source.parent
        else:
            raise Invalid(
                f"{source} is neither a folder of pictures nor a .csv, .jsonl or .ndjson file", code="manifest_format"
            )

    def rows(self, schema: Schema | None = None) -> Iterator[ManifestRow | BadRow]:
        """Read the manifest from its beginning, row by row.

        With a schema, attributes are read as what it declares and checked; without, only id and text are.
        Raises `Invalid` (`manifest_columns`, `manifest_empty`) where no row can be read.
        """
        seen: set[str] = set()
        line = 0
        try:
            for line, record in self._read(self._source):
                row = self._row(line, record, schema)
                if isinstance(row, ManifestRow) and row.product_id in seen:
                    detail = f"product_id {row.product_id!r} stands on an earlier line"
                    yield BadRow(line, row.product_id, "duplicate_product_id", detail)
                    continue
                if isinstance(row, ManifestRow):
                    seen.add(row.product_id)
                yield row
        except OSError as error:
            raise self._unreadable(error) from error
        if not line:
            raise Invalid(f"{self._source} holds no row: give it one for every product", code="manifest_empty")

    def columns(self) -> list[str]:
        """What the header names, in order: those of a CSV file; nothing else has one. Raises what `rows` does."""
        if self._read is not csv_records:
            return []
        try:
            return csv_columns(self._source)
        except OSError as error:
            raise self._unreadable(error) from error

    def is_attribute(self, column: str) -> bool:
        """Whether what stands in a column of this name is an attribute."""
        return column not in self._not_attributes

    def close(self) -> None:
        """Close the zip archives that pictures were read from."""
        self._archives.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _unreadable(self, error: OSError) -> NotFound:
        return NotFound(f"{self._source} cannot be read: {error.strerror}", code="manifest_not_found")

    def _row(self, line: int, record: dict[str, Any] | Invalid, schema: Schema | None) -> ManifestRow | BadRow:
        if isinstance(record, Invalid):
            return BadRow(line, None, record.code, record.detail)
        product_id = _id_in(record)
        try:
            attributes = {name: value for name, value in record.items() if name not in self._not_attributes}
            product = check_product(
                Product(
                    product_id,
                    _text_in(record, "title"),
                    _text_in(record, "description"),
                    coerce(attributes, schema) if schema is not None else {},
                ),
                schema or {},
            )
            images = tuple(self._images_in(record))
        except Invalid as error:
            return BadRow(line, product_id or None, error.code, _shown(error, record))
        if schema is not None:
            attributes = dict(product.attributes)
        return ManifestRow(line, product_id, product.title, product.description, images, attributes)

    def _images_in(self, record: dict[str, Any]) -> Iterator[PictureSource]:
        for column in IMAGE_COLUMNS:
            places = record.get(column, [])
            for place in places if isinstance(places, list) else [places]:
                if isinstance(place, FilePicture):
                    yield place
                elif isinstance(place, str):
                    yield picture_source(place, self._folder, self._archives)
                else:
                    raise Invalid(f"{column} must be a path or URL, or a list of them", code="bad_type", field=column)


def _shown(error: Invalid, record: dict[str, Any]) -> str:
    """What is wrong with a row; a value of another type than was declared is shown, so that it can be looked for."""
    if error.code != "attribute_type" or error.field is None:
        return error.detail
    return f"{error.detail}, and is {str(record[error.field.removeprefix('attributes.')])[:SHOWN_VALUE]!r}"


def _id_in(record: dict[str, Any]) -> str:
    """The product's id as text; JSON may have it as a whole number. Empty where there is none."""
    given = record.get("product_id", "")
    return str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""


def _text_in(record: dict[str, Any], column: str) -> str:
    given = record.get(column, "")
    if not isinstance(given, str):
        raise Invalid(f"{column} must be text", code="bad_type", field=column)
    return given
