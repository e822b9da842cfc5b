"""Explanations as a person reads them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def lines_of(hits: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each hit that has an explanation."""
    for place, hit in enumerate(hits, start=1):
        if "explain" not in hit:
            continue
        parts = [leg_in_words(name, leg) for name, leg in hit["explain"]["legs"].items()]
        if "matched_image" in hit:
            parts.append(f"picture {hit['matched_image']['position']} matched")
        parts += [condition["detail"] for condition in hit["explain"]["filter"]]
        yield f"{place}. {hit['product_id']}: {'; '.join(parts) or 'passes, as everything does'}"


def without_in_words(left_out: Sequence[str]) -> str:
    """The legs that an answer goes without."""
    return f"the answer is incomplete: it goes without the {' and the '.join(left_out)} leg"


def leg_in_words(name: str, leg: Mapping[str, Any]) -> str:
    """What one leg knows of a product."""
    said = []
    if "rank" in leg:
        said.append(f"rank {leg['rank']}, score {leg['score']:.4f}, adds {leg['contribution']:.4f}")
    else:
        said.append("did not bring it")
    if "exact_rank" in leg:
        said.append(f"exact rank {leg['exact_rank']}")
    if "exact_score" in leg:
        said.append(f"exact score {leg['exact_score']:.4f}")
    return f"{name} leg: {', '.join(said)}"
