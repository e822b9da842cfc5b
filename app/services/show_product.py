"""Showing what is stored: a product with its state, and the content of a picture."""

from app.domain.errors import NotFound
from app.domain.products import unknown_catalog
from app.ports.blobs import Blob, Blobs
from app.ports.database import Database
from app.ports.products import StoredProduct


def show_product(database: Database, catalog: str, product_id: str) -> StoredProduct:
    """A product. Raises `NotFound` (`unknown_catalog`, `unknown_product`)."""
    with database.reading() as transaction:
        if transaction.catalogs.get(catalog) is None:
            raise unknown_catalog(catalog)
        stored = transaction.products.get(catalog, [product_id]).get(product_id)
    if stored is None:
        raise NotFound(f"there is no product {product_id}", code="unknown_product", field="product_id")
    return stored


def show_picture(database: Database, blobs: Blobs, catalog: str, name: str) -> Blob:
    """A picture of a product of this catalog, by content hash. Raises `NotFound` (`picture_not_found`)."""
    with database.reading() as transaction:
        shown = transaction.pictures.shown(catalog, name)
    if not shown:
        raise NotFound("there is no such picture in this catalog", code="picture_not_found")
    return blobs.get(name)
