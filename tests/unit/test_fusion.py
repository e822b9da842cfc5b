"""Legs collapsed to products and fused into one ranking."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.fusion import RRF_K, contributions, fuse, rank
from app.domain.search import ACROSS, BY_WORDS, Candidate, Fusion, Leg, SearchQuery

EQUAL = {Leg.IMAGE: 1.0, Leg.TEXT: 1.0}

scores = st.floats(-1, 1).map(lambda score: round(score, 2))
rows = st.lists(st.tuples(st.text("#ab1", max_size=4), st.sampled_from("abcdef"), scores), max_size=30)


def test_a_product_stands_once_with_its_best_row() -> None:
    found = rank([("b#0", "b", 0.5), ("a#0", "a", 0.4), ("a#1", "a", 0.9)])
    assert found == [Candidate("a", 1, 0.9, "a#1"), Candidate("b", 2, 0.5, "b#0")]


def test_equal_scores_share_a_rank_and_the_next_is_counted_from_the_top() -> None:
    found = rank([("c", "c", 0.5), ("a", "a", 0.9), ("b", "b", 0.5), ("d", "d", 0.1)])
    assert [(one.product_id, one.rank) for one in found] == [("a", 1), ("b", 2), ("c", 2), ("d", 4)]


@given(rows, st.randoms())
def test_a_ranking_is_sorted_whole_and_the_same_in_whatever_order_rows_come(rows: list, random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    found = rank(rows)
    assert [(one.product_id, one.rank, one.score) for one in found] == [
        (one.product_id, one.rank, one.score) for one in rank(shuffled)
    ]
    assert {one.product_id for one in found} == {product_id for _, product_id, _ in rows}
    assert all(one.score == max(score for _, name, score in rows if name == one.product_id) for one in found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_fusion_is_the_sum_of_weighted_reciprocal_ranks() -> None:
    legs = {Leg.IMAGE: rank([("a", "a", 0.9), ("b", "b", 0.8)]), Leg.TEXT: rank([("b", "b", 0.3)])}
    fused = fuse(legs, {Leg.IMAGE: 1.0, Leg.TEXT: 2.0}, Fusion.RRF)
    assert [one.product_id for one in fused] == ["b", "a"]
    assert fused[0].score == 1 / (RRF_K + 2) + 2 / (RRF_K + 1)
    assert fused[1].score == 1 / (RRF_K + 1)


def test_weighted_scores_count_from_a_legs_last_candidate_to_its_best() -> None:
    pictures = rank([("a", "a", 0.30), ("b", "b", 0.25), ("c", "c", 0.20)])
    words = rank([("c", "c", 0.9), ("d", "d", 0.8)])
    fused = fuse({Leg.IMAGE: pictures, Leg.TEXT: words}, {Leg.IMAGE: 1.0, Leg.TEXT: 3.0}, Fusion.WEIGHTED)
    assert [one.product_id for one in fused] == ["c", "a", "b", "d"]
    assert [one.score for one in fused] == pytest.approx([0.75, 0.25, 0.125, 0.0])


def test_words_count_from_nothing_and_not_from_the_last_that_has_them() -> None:
    words = rank([("a", "a", 8.0), ("b", "b", 6.0), ("c", "c", 2.0)])
    fused = fuse({Leg.KEYWORD: words}, {Leg.KEYWORD: 2.0}, Fusion.WEIGHTED)
    assert [(one.product_id, one.score) for one in fused] == [("a", 1.0), ("b", 0.75), ("c", 0.25)]


@given(rows, st.sampled_from(Fusion))
def test_a_leg_alone_keeps_its_order_however_it_is_fused(text: list, fusion: Fusion) -> None:
    found = rank(text)
    fused = fuse({Leg.TEXT: found}, EQUAL, fusion)
    places = {one.product_id: one.rank for one in found}
    assert [places[one.product_id] for one in fused] == sorted(places.values())


@given(rows, rows, st.sampled_from(Fusion))
def test_what_both_legs_rank_first_is_first_and_nobody_is_lost(image: list, text: list, fusion: Fusion) -> None:
    legs = {Leg.IMAGE: rank(image), Leg.TEXT: rank(text)}
    fused = fuse(legs, EQUAL, fusion)
    assert {one.product_id for one in fused} == {name for _, name, _ in [*image, *text]}
    assert [one.score for one in fused] == sorted((one.score for one in fused), reverse=True)
    if legs[Leg.IMAGE] and legs[Leg.TEXT] and legs[Leg.IMAGE][0].product_id == legs[Leg.TEXT][0].product_id:
        best = legs[Leg.IMAGE][0].product_id
        assert max(one.score for one in fused) == next(one.score for one in fused if one.product_id == best)


@given(rows, rows, st.floats(0.01, 5), st.sampled_from(Fusion))
def test_what_the_legs_add_is_the_score_to_the_last_bit(
    image: list, text: list, weight: float, fusion: Fusion
) -> None:
    legs, weights = {Leg.IMAGE: rank(image), Leg.TEXT: rank(text)}, {Leg.IMAGE: weight, Leg.TEXT: 0.7}
    added = contributions(legs, weights, fusion)
    for product_id, score in fuse(legs, weights, fusion):
        total = 0.0
        for gained in added.values():
            total += gained.get(product_id, 0.0)
        assert total == score
    assert all(gained.keys() == {one.product_id for one in legs[leg]} for leg, gained in added.items())


def test_one_leg_keeps_its_order() -> None:
    legs = {Leg.TEXT: rank([("c", "c", 0.5), ("a", "a", 0.9), ("b", "b", 0.7)])}
    assert [one.product_id for one in fuse(legs, EQUAL)] == ["a", "b", "c"]


def test_a_leg_that_is_asked_across_kinds_has_less_weight_unless_the_query_says_otherwise() -> None:
    words = {Leg.KEYWORD: BY_WORDS}
    none = {Leg.KEYWORD: 0.0}
    assert SearchQuery("red mug").weights == {Leg.IMAGE: ACROSS, Leg.TEXT: 1.0, **words}
    assert SearchQuery(image=b"picture").weights == {Leg.IMAGE: 1.0, Leg.TEXT: ACROSS, **none}
    assert SearchQuery("red", image=b"picture").weights == {**EQUAL, Leg.KEYWORD: 1.0}
    assert SearchQuery("red", like="mug").weights == {**EQUAL, Leg.KEYWORD: 1.0}
    assert SearchQuery(like="mug").weights == {**EQUAL, **none}
    assert SearchQuery("red mug", legs={Leg.IMAGE: 3.0}).weights == {Leg.IMAGE: 3.0}


def test_the_weaker_leg_breaks_ties_of_the_stronger_and_overturns_no_clear_first_place() -> None:
    """Three products, two of them with the same title: their pictures decide, and cannot lift the third."""
    words = rank([("a", "a", 0.9), ("b", "b", 0.9), ("c", "c", 0.5)])
    pictures = rank([("c", "c", 0.4), ("b", "b", 0.3), ("a", "a", 0.2)])
    fused = fuse({Leg.IMAGE: pictures, Leg.TEXT: words}, SearchQuery("words").weights)
    assert [one.product_id for one in fused] == ["b", "a", "c"]
