"""The products of a catalog as pages that follow one another."""

from typing import NamedTuple

from app.ports.database import Transaction


class Page(NamedTuple):
    """Products with an id beyond `after`, up to and with `up_to`, and how many they are."""

    after: str
    up_to: str
    products: int


def pages_of(transaction: Transaction, catalog: str, size: int) -> list[Page]:
    """Pages of at most `size` products that are there now, by product_id."""
    ends = transaction.products.page_ends(catalog, size)
    afters = ["", *(last for last, _ in ends)]
    return [Page(after, last, count) for after, (last, count) in zip(afters, ends, strict=False)]
