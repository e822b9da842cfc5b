"""Queries made of labels, and how well a ranking answers them.

A query is `gender colour article_type` of products in the catalog ("Women Red Kurtas"), or some of these, the article
type last; a product's gain is how many of them it shares, and none without the article type. These are columns of the
catalogue, not human judgments.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from scripts.bench.products import Products

LABELS = ("gender", "colour", "article_type")
LEAST = 5  # products a query must have: a query that one product answers says little about a ranking
CUT = 10


def label_queries(products: Products, count: int, names: Sequence[str] = LABELS) -> list[tuple[str, ...]]:
    """The combinations of labels that most products have, at most `count`."""
    found = Counter(_labels(products, names))
    del found[()]
    return [labels for labels, n in found.most_common(count) if n >= LEAST]


def ndcg(products: Products, asked: Sequence[str], ranking: Sequence[str], names: Sequence[str] = LABELS) -> float:
    """nDCG@10 of a ranking of product ids, gains as said above; Järvelin and Kekäläinen 2002."""
    gains = gains_of(products, asked, names)
    best = sorted(gains.values(), reverse=True)[:CUT]
    found = [gains.get(product_id, 0) for product_id in ranking[:CUT]]
    return _dcg(found) / _dcg(best)


def gains_of(products: Products, asked: Sequence[str], names: Sequence[str] = LABELS) -> dict[str, int]:
    """By product id, how many labels it shares with the query; 0 where the article type is another."""
    gains: dict[str, int] = {}
    for one, labels in zip(products.submissions, _labels(products, names), strict=True):
        if labels and labels[-1] == asked[-1]:
            gains[one.product.product_id] = sum(mine == wanted for mine, wanted in zip(labels, asked, strict=True))
    return gains


def _labels(products: Products, names: Sequence[str]) -> list[tuple[str, ...]]:
    return [_of(one.product.attributes, names) for one in products.submissions]


def _of(attributes: Mapping[str, object], names: Sequence[str]) -> tuple[str, ...]:
    values = [attributes.get(name) for name in names]
    return tuple(str(value) for value in values) if all(values) else ()


def _dcg(gains: Sequence[int]) -> float:
    places = np.arange(len(gains)) + 2
    return float(((2.0 ** np.array(gains) - 1) / np.log2(places)).sum())
