"""Examples: the rows of a manifest that have a picture at hand, with the captions they are learned by."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.adapters.manifest import BadRow, FilePicture, Manifest, ManifestRow, UrlPicture, ZipPicture
from app.cli.screen import valid
from app.domain.errors import Invalid
from app.domain.held_out import HeldOut
from app.domain.products import Product


@dataclass(frozen=True, slots=True)
class Example:
    """One product: its captions, of which the first is the title, and its first picture that is at hand."""

    product_id: str
    captions: tuple[str, ...]
    picture: FilePicture | ZipPicture
    held_out: bool


@dataclass(slots=True)
class Examples:
    """What a manifest holds for learning, and which of its rows cannot be used."""

    found: list[Example] = field(default_factory=list)
    errors: list[dict[str, str | None]] = field(default_factory=list)

    def refuse(self, product_id: str | None, code: str, detail: str) -> None:
        """List a row that cannot be used."""
        shown = None if product_id is None else valid(product_id)
        self.errors.append({"product_id": shown, "code": code, "detail": valid(detail)})


def read_examples(manifest: Manifest, held_out: HeldOut, chosen: Sequence[str]) -> Examples:
    """Read every row; those without any picture are passed over. `chosen` names attributes that join the captions.

    Raises `Invalid` where no row can be used, or an attribute is chosen that no row has.
    """
    examples = Examples()
    columns: set[str] = set()
    for row in manifest.rows():
        if isinstance(row, BadRow):
            examples.refuse(row.product_id, row.code, f"line {row.line}: {row.detail}")
            continue
        columns.update(row.attributes)
        at_hand = [source for source in row.images if not isinstance(source, UrlPicture)]
        if at_hand:
            marked = held_out(row.product_id, row.attributes)
            examples.found.append(Example(row.product_id, _captions(row, chosen), at_hand[0], marked))
        elif row.images:
            detail = f"line {row.line}: pictures behind URLs are not fetched here: save them beside the manifest"
            examples.refuse(row.product_id, "image_not_local", detail)
    unknown = [name for name in chosen if name not in columns]
    if unknown:
        raise Invalid(f"--caption names {unknown[0]!r}, which no row of the manifest has", code="unknown_attribute")
    if not examples.found:
        raise Invalid("no row of the manifest has a picture that can be read here", code="manifest_empty")
    return examples


def _captions(row: ManifestRow, chosen: Sequence[str]) -> tuple[str, ...]:
    """The title; with the chosen attributes; with the description; with both."""
    wordings = [
        Product(row.product_id, row.title, description, row.attributes).caption(names)
        for description in ("", row.description)
        for names in ((), chosen)
    ]
    return tuple(dict.fromkeys(wordings))
