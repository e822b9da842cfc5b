"""The products a benchmark works on: a manifest read once, pictures in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.adapters.manifest.rows import Manifest, ManifestRow
from app.adapters.manifest.sources import UrlPicture
from app.domain.inference import infer_schema
from app.domain.products import Catalog, Product
from app.domain.submissions import Submission
from app.domain.uploads import UploadKind


@dataclass(frozen=True)
class Products:
    """A catalog and its products, each with the content of its pictures."""

    catalog: Catalog
    submissions: Sequence[Submission]

    @property
    def captions(self) -> list[str]:
        """The text of each product that is encoded."""
        return [one.product.caption(self.catalog.caption) for one in self.submissions]

    @property
    def pictures(self) -> list[bytes]:
        """The content of every picture."""
        return [content for one in self.submissions for content in one.pictures if isinstance(content, bytes)]


def read_products(manifest: Path, limit: int | None = None) -> Products:
    """Read a manifest's first products and their pictures; bad rows are left out."""
    with Manifest(manifest) as source:
        rows = [row for row in source.rows() if isinstance(row, ManifestRow)][:limit]
        schema = infer_schema(row.attributes for row in rows)
    with Manifest(manifest) as source:
        rows = [row for row in source.rows(schema) if isinstance(row, ManifestRow)][:limit]
        submissions = [_submission(row) for row in rows]
    return Products(Catalog("default", schema), submissions)


def _submission(row: ManifestRow) -> Submission:
    product = Product(row.product_id, row.title, row.description, row.attributes)
    return Submission(
        UploadKind.UPSERT,
        product,
        [image.url if isinstance(image, UrlPicture) else image.read() for image in row.images],
    )


def report(name: str, figures: dict[str, object]) -> None:
    """Print a benchmark's figures as one JSON line."""
    print(orjson.dumps({"bench": name, **figures}).decode())
