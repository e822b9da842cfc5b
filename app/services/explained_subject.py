"""The product that is asked about, as it stands now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.deciding import Condition, deciding, read_conditions
from app.domain.errors import NotFound
from app.domain.explanations import Cause, ProductExplanation
from app.domain.filters import parse_filter
from app.domain.passing import passes
from app.domain.product_words import asked_terms, words_of
from app.domain.search import SearchQuery
from app.domain.uploads import Picture, Upload, UploadState
from app.ports.database import Transaction
from app.services.explain_hits import schema_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What explaining knows of a product before anything is searched: all of it is told in the end.

    `conditions` let it pass the filter or keep it out; `upload` is that of its newest version if it is not indexed.
    `has_words`: it has a term that the query asks for.
    """

    product_id: str
    deleted: bool = False
    passes: bool = True
    conditions: Sequence[Condition] = ()
    upload: Upload | None = None
    missing: Sequence[Picture] = ()
    has_words: bool = False

    def told(self, cause: Cause, detail: str, **more: Any) -> ProductExplanation:
        """An explanation of it."""
        known: dict[str, Any] = {"conditions": self.conditions, "upload": self.upload, "missing": self.missing}
        return ProductExplanation(self.product_id, cause, detail, **known, **more)


def subject_of(transaction: Transaction, catalog: str, product_id: str, query: SearchQuery) -> Subject:
    """Look a product up. Raises `NotFound` (`unknown_product`) for one that there never was."""
    stored = transaction.products.get(catalog, [product_id]).get(product_id)
    if stored is None:
        if product_id not in transaction.products.standing(catalog, [product_id]):
            raise NotFound(f"there is no product {product_id}", code="unknown_product", field="product_id")
        return Subject(product_id, deleted=True)
    indexed = stored.state is UploadState.INDEXED
    attributes, given = stored.product.attributes, query.filter or {}
    schema = schema_of(transaction, catalog)
    return Subject(
        product_id,
        passes=passes(parse_filter(given, schema), attributes),
        conditions=deciding(read_conditions(given, schema), attributes),
        upload=None if indexed else transaction.uploads.get([stored.upload_id])[stored.upload_id],
        missing=tuple(one for one in stored.pictures if one.error_code),
        has_words=not {*asked_terms(query.text)}.isdisjoint(words_of(stored.product, schema).split(" ")),
    )
