"""What is indexed of a product to be found by its words, and what of a query is asked."""

import pytest

from app.domain.product_words import MAX_ASKED, MAX_WORDS_BYTES, asked_terms, words_of
from app.domain.products import AttributeType, Product
from app.domain.uploads import ProductVersion
from app.services.build_rows import rows_of

SCHEMA = {
    "brand": AttributeType.KEYWORD,
    "tags": AttributeType.KEYWORDS,
    "care": AttributeType.TEXT,
    "price": AttributeType.NUMBER,
    "in_stock": AttributeType.BOOLEAN,
    "released": AttributeType.DATETIME,
}


def test_words_are_of_the_title_the_attributes_that_are_text_and_the_description() -> None:
    attributes = {
        "tags": ["Hi-Fi", "new"],
        "brand": "Sony",
        "care": "keep dry",
        "price": 349.0,
        "in_stock": True,
        "released": "2026-01-02T00:00:00.000000Z",
        "unknown": "of a schema that was",
    }
    product = Product("p", "Headphones", "For the ears.", attributes)
    assert words_of(product, SCHEMA) == "headphones sony keep dry hifi hi fi new for the ears"


@pytest.mark.parametrize("word", ["aaaa ", "连衣裙", "Ü "])
def test_words_are_cut_between_terms(word: str) -> None:
    product = Product("p", "Title", word * 5_000, {"brand": "Sony"})
    words = words_of(product, SCHEMA)
    assert words.startswith("title sony ")
    assert MAX_WORDS_BYTES - 200 < len(words.encode()) <= MAX_WORDS_BYTES
    assert set(words.split(" ")) <= set(words_of(Product("p", "Title", word * 50, {"brand": "Sony"}), SCHEMA).split())


@pytest.mark.parametrize(
    "other",
    [
        Product("p", "Boots", "red", {"brand": "Puma"}),
        Product("p", "Boot", "red", {"brand": "Nike"}),
        Product("p", "Boot", "blue", {"brand": "Puma"}),
        Product("p", "Boot", "", {"brand": "Puma", "tags": ["red", "new"]}),
    ],
    ids=str,
)
def test_where_the_words_differ_so_does_the_digest_of_the_row(other: Product) -> None:
    one = Product("p", "Boot", "red", {"brand": "Puma"})
    (row,), (another,) = (rows_of(ProductVersion(each, 1), ()) or () for each in (one, other))
    assert words_of(one, SCHEMA) != words_of(other, SCHEMA)
    assert row.stamp != another.stamp


def test_a_query_asks_for_each_term_once_and_for_a_bounded_number() -> None:
    assert asked_terms("Boots, boots BOOTS") == ["boots"]
    assert asked_terms("!") == asked_terms(None) == []
    assert len(asked_terms(" ".join(f"word{n}" for n in range(500)))) == MAX_ASKED
