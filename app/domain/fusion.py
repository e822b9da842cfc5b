"""Fusing the legs of a query into one ranking: by ranks, or by scores."""

from collections.abc import Mapping, Sequence

from app.domain.search import Candidate, Fusion, Leg, Ranked

RRF_K = 1.0
"""Reciprocal rank fusion's constant. Cormack, Clarke and Büttcher (SIGIR 2009) have 60, for many rankings alike.

Here there are two, of unequal worth: at 60 whatever both legs know beats what one of them knows well, and the fused
ranking is worse than its best leg. `scripts/bench/ranking.py` compares.
"""


def fuse(
    legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float], fusion: Fusion = Fusion.RRF
) -> list[Ranked]:
    """One ranking of everything that any leg found, best first; equal scores by product_id."""
    by_rank = fusion is Fusion.RRF
    scores = reciprocal_ranks(legs, weights) if by_rank else weighted_scores(legs, weights)
    best_first = sorted(sorted(scores), key=scores.__getitem__, reverse=True)
    return [Ranked(product_id, scores[product_id]) for product_id in best_first]


def reciprocal_ranks(
    legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float], *, k: float = RRF_K
) -> dict[str, float]:
    """Weighted reciprocal rank fusion: the sum over legs of weight / (k + rank), by product_id."""
    scores: dict[str, float] = {}
    for leg, candidates in legs.items():
        weight = weights[leg]
        for product_id, place, _, _ in candidates:
            scores[product_id] = scores.get(product_id, 0.0) + weight / (k + place)
    return scores


def weighted_scores(legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float]) -> dict[str, float]:
    """The weighted mean of each leg's scores, from 0 to 1, by product_id.

    A leg's best candidate counts 1 and its last one 0, as one that it has not; between them a score counts in
    proportion, so that no two of a leg change places. Where all are equal, all count 1. Cosines of words with
    pictures and of words with words lie in different narrow ranges: as they are, the higher ones would decide.
    """
    whole = sum(weights[leg] for leg in legs)
    scores: dict[str, float] = {}
    for leg, candidates in legs.items():
        found = [one.score for one in candidates]
        last = min(found, default=0.0)
        span = max(found, default=0.0) - last
        for product_id, _, score, _ in candidates:
            share = (score - last) / span if span else 1.0
            scores[product_id] = scores.get(product_id, 0.0) + weights[leg] / whole * share
    return scores
