"""The words a product is found by: of its title, of the attributes that are text, and of its description."""

from app.domain.products import AttributeType, Product, Schema
from app.domain.segmentation import terms_of

MAX_WORDS_BYTES = 8_192
"""Some thousand terms, of the 65,535 bytes that Milvus takes: what comes after so many is not what a product is
looked for by, a store keeps all of it in memory, and every term makes the others of its product count for less."""

MAX_ASKED = 64
"""Terms of a query: whoever states more describes, which the other legs are for; each costs a store a look."""

_TEXTS = frozenset({AttributeType.KEYWORD, AttributeType.KEYWORDS, AttributeType.TEXT})


def words_of(product: Product, schema: Schema) -> str:
    """The terms that are indexed of a product, joined by spaces, in at most `MAX_WORDS_BYTES` of UTF-8.

    Brands and model numbers stand in attributes as often as in titles; a long description is what is cut. All of it
    goes into the digest of the caption's row, as caption or as attribute: that is another when the words are.
    """
    texts = [product.title]
    for name, value in sorted(product.attributes.items()):
        if schema.get(name) in _TEXTS:
            texts += value if isinstance(value, list) else [str(value)]
    texts.append(product.description)
    kept: list[str] = []
    room = MAX_WORDS_BYTES
    for text in texts:
        for term in terms_of(text, singles=True):
            room -= len(term.encode()) + 1
            if room < 0:
                return " ".join(kept)
            kept.append(term)
    return " ".join(kept)


def asked_terms(text: str | None) -> list[str]:
    """The terms of a query, each once, at most `MAX_ASKED`; none where it has no words."""
    return list(dict.fromkeys(terms_of(text or "")))[:MAX_ASKED]
