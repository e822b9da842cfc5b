"""Batches of a manifest's rows as the API takes them: a product a line, pictures as base64."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.adapters.manifest import BadRow, ManifestRow, UrlPicture
from app.cli.ingest.tally import Loss
from app.cli.screen import valid
from app.domain.errors import NotFound, TooLarge

MAX_PRODUCTS = 100  # one transaction of the service, answered while a person still sees the bar move
MAX_BYTES = 8 * 1024 * 1024  # what the service, this process and a proxy between them hold at a time

Line = dict[str, Any]
Refusal = tuple[str | None, str, str, Loss]
"""product_id, code and detail of something that is not sent, and what is lost by it."""


@dataclass(slots=True)
class Batch:
    """Products to send, each as a document and as its line of JSON; and what was found wrong on the way.

    `places` says by product_id where its pictures come from, in the order of the document.
    """

    products: list[Line] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)
    size: int = 0

    def has_room(self, line: bytes) -> bool:
        """Whether one more line fits; the first always does."""
        return not self.lines or (len(self.lines) < MAX_PRODUCTS and self.size + len(line) < MAX_BYTES)

    def add(self, product: Line, line: bytes, places: list[str]) -> None:
        """Add a product."""
        self.places[product["product_id"]] = places
        self.products.append(product)
        self.lines.append(line)
        self.size += len(line) + 1


def batches(rows: Iterable[ManifestRow | BadRow]) -> Iterator[Batch]:
    """Read rows and their pictures batch by batch; the last batch may hold refusals alone."""
    batch = Batch()
    for row in rows:
        places: list[str] = []
        product = _product(row, batch.refusals, places)
        if product is None:
            continue
        line = orjson.dumps(product)
        if not batch.has_room(line):
            yield batch
            batch = Batch()
        batch.add(product, line, places)
    if batch.lines or batch.refusals:
        yield batch


def _product(row: ManifestRow | BadRow, refusals: list[Refusal], places: list[str]) -> Line | None:
    """The product of a row, or None where the row is bad.

    Whatever is left out is added to `refusals`, and to `places` where each picture of the product comes from.
    """
    if isinstance(row, BadRow):
        refusals.append((row.product_id, row.code, f"line {row.line}: {row.detail}", "product"))
        return None
    images: list[Line] = []
    unread: list[NotFound | TooLarge] = []
    for source in row.images:
        if isinstance(source, UrlPicture):
            images.append({"url": valid(source.url)})
        else:
            try:
                images.append({"data": b64encode(source.read()).decode("ascii")})
            except (NotFound, TooLarge) as error:
                unread.append(error)
                continue
        places.append(str(source))
    # A row that names pictures and has none is a mistake, not a product without pictures.
    mistaken = bool(row.images) and sum(isinstance(error, NotFound) for error in unread) == len(row.images)
    lost: Loss = "product" if mistaken else "picture"
    refusals += [(row.product_id, error.code, f"line {row.line}: {error.detail}", lost) for error in unread]
    if mistaken:
        return None
    product: Line = {"product_id": row.product_id, "title": row.title, "attributes": row.attributes, "images": images}
    if row.description:
        product["description"] = row.description
    return product
