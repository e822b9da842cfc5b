"""The vectors of a query, by the encoder of the build it searches."""

from dataclasses import dataclass

import numpy as np

from app.domain.builds import Build
from app.domain.embeddings import Vectors, text_hash, unit_rows
from app.domain.errors import NotFound
from app.domain.search import BY_VECTOR, Leg, SearchQuery
from app.ports.database import Database, Transaction
from app.ports.fetching import PictureFetcher
from app.ports.pictures import PictureChecker
from app.services.encode_contents import chosen_for_captions
from app.services.encoders import Encoders
from app.services.stated_pictures import checked_pixels


@dataclass(frozen=True, slots=True)
class QueryEncoder:
    """Turns queries into vectors."""

    database: Database
    encoders: Encoders
    checker: PictureChecker
    fetcher: PictureFetcher

    def vectors(self, build: Build, query: SearchQuery) -> dict[Leg, Vectors]:
        """For each leg that asks by them, shape (n, dimension); a row that is near any of them is near the query.

        Words and a picture together are one vector, the mean of both brought back to norm 1. A product is asked for
        by its pictures in the image leg and by its caption in the text leg, with the embeddings stored for it.
        """
        if query.like is not None:
            with self.database.reading() as transaction:
                stored = vectors_of_product(transaction, build, query.like)
            if query.text is None:
                return stored
            words = self.encoders.of(build.encoder).encode_texts([query.text])
            return {leg: mixed(vectors, words) for leg, vectors in stored.items()}
        encoder = self.encoders.of(build.encoder)
        parts = []
        if query.text is not None:
            parts.append(encoder.encode_texts([query.text]))
        if query.image is not None:
            pixels = checked_pixels(encoder, self.checker, self.fetcher, query.image, field="image")
            parts.append(encoder.encode_images([pixels]))
        vector = parts[0] if len(parts) == 1 else mixed(*parts)
        return dict.fromkeys(BY_VECTOR, vector)


def vectors_of_product(transaction: Transaction, build: Build, product_id: str) -> dict[Leg, Vectors]:
    """What is stored of a product: its pictures' vectors for the image leg, its caption's for the text leg.

    Raises `NotFound` (`unknown_product`, `not_indexed`).
    """
    stored = transaction.products.get(build.catalog, [product_id]).get(product_id)
    if stored is None:
        raise NotFound(f"there is no product {product_id}", code="unknown_product", field="product_id")
    caption = text_hash(stored.product.caption(chosen_for_captions(transaction, build.catalog)))
    usable = [one for one in stored.pictures if not one.error_code]
    pictures = list(dict.fromkeys(one.content_hash for one in usable if one.content_hash))
    found = transaction.embeddings.get(build.encoder.fingerprint, [*pictures, caption])
    empty = np.empty((0, build.encoder.dimension), dtype=np.float32)
    shown = [found[name] for name in pictures if name in found]
    if caption not in found and not shown:
        raise NotFound(
            f"product {product_id} is not indexed yet: ask again shortly", code="not_indexed", field="product_id"
        )
    return {
        Leg.IMAGE: np.stack(shown) if shown else empty,
        Leg.TEXT: found[caption][None] if caption in found else empty,
    }


def mixed(one: Vectors, other: Vectors) -> Vectors:
    """The mean of two directions, norm 1; `other` has one row, which is mixed into every row of `one`."""
    return unit_rows(one + other)
