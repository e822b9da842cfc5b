"""Ranking the candidates of each leg of a query, and fusing the legs into one ranking: by ranks, or by scores."""

from collections.abc import Mapping, Sequence

from app.domain.search import USUAL, Candidate, Fusion, Leg, Ranked

RRF_K = 1.0
"""Reciprocal rank fusion's constant. Cormack, Clarke and Büttcher (SIGIR 2009) have 60, for many rankings alike.

Here there are two, of unequal worth: at 60 whatever both legs know beats what one of them knows well, and the fused
ranking is worse than its best leg. `scripts/bench/ranking.py` compares.
"""


Contributions = Mapping[Leg, Mapping[str, float]]
"""By leg and product_id what a leg adds to the score of a product."""


def rank(rows: Sequence[tuple[str, str, float]]) -> list[Candidate]:
    """Collapse rows (row_id, product_id, score) to products by their best row, ranked from 1.

    Products of equal score share a rank (1, 2, 2, 4): neither has earned the better one. Their order is by
    product_id, so that it is the same every time.
    """
    best: dict[str, tuple[float, str]] = {}
    for row_id, product_id, score in rows:
        if product_id not in best or score > best[product_id][0]:
            best[product_id] = (score, row_id)
    ordered = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
    candidates: list[Candidate] = []
    for place, (product_id, (score, row_id)) in enumerate(ordered, start=1):
        tied = candidates and candidates[-1].score == score
        candidates.append(Candidate(product_id, candidates[-1].rank if tied else place, score, row_id))
    return candidates


def fuse(
    legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float], fusion: Fusion = USUAL
) -> list[Ranked]:
    """One ranking of everything that any leg found, best first; equal scores by product_id."""
    scores = _summed(contributions(legs, weights, fusion))
    best_first = sorted(sorted(scores), key=scores.__getitem__, reverse=True)
    return [Ranked(product_id, scores[product_id]) for product_id in best_first]


def contributions(
    legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float], fusion: Fusion
) -> Contributions:
    """What each leg adds to the scores of its candidates: a score is nothing but these, added up in their order."""
    return _by_rank(legs, weights, RRF_K) if fusion is Fusion.RRF else _by_score(legs, weights)


def reciprocal_ranks(
    legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float], *, k: float = RRF_K
) -> dict[str, float]:
    """Weighted reciprocal rank fusion: the sum over legs of weight / (k + rank), by product_id."""
    return _summed(_by_rank(legs, weights, k))


def weighted_scores(legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float]) -> dict[str, float]:
    """The weighted mean of each leg's scores, from 0 to 1, by product_id.

    A leg's best candidate counts 1 and its last one 0, as one that it has not; between them a score counts in
    proportion, so that no two of a leg change places. Where all are equal, all count 1. Cosines of words with
    pictures and of words with words lie in different narrow ranges: as they are, the higher ones would decide. BM25
    has a 0 of its own, for products without the words, and counts from there: the last of many that have them all
    is no worse than they are.
    """
    return _summed(_by_score(legs, weights))


def _by_rank(
    legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float], k: float
) -> dict[Leg, dict[str, float]]:
    return {
        leg: {product_id: weights[leg] / (k + place) for product_id, place, *_ in candidates}
        for leg, candidates in legs.items()
    }


def _by_score(legs: Mapping[Leg, Sequence[Candidate]], weights: Mapping[Leg, float]) -> dict[Leg, dict[str, float]]:
    whole = sum(weights[leg] for leg in legs)
    return {
        leg: _in_proportion(candidates, weights[leg] / whole, from_zero=leg is Leg.KEYWORD)
        for leg, candidates in legs.items()
    }


def _in_proportion(candidates: Sequence[Candidate], most: float, *, from_zero: bool) -> dict[str, float]:
    found = [one.score for one in candidates]
    last = 0.0 if from_zero else min(found, default=0.0)
    span = max(found, default=0.0) - last
    return {product_id: most * ((score - last) / span if span else 1.0) for product_id, _, score, *_ in candidates}


def _summed(given: Contributions) -> dict[str, float]:
    scores: dict[str, float] = {}
    for gained in given.values():
        for product_id, gain in gained.items():
            scores[product_id] = scores.get(product_id, 0.0) + gain
    return scores
