import numpy as np
import pytest

from app.domain.recall import Recall, ranks, recall, recall_both_ways


def directions(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_the_rank_counts_what_scores_higher() -> None:
    queries, candidates = directions(0, 0, 0), directions(10, 5, 20)
    assert ranks(queries, candidates, np.array([0, 1, 2])).tolist() == [2, 1, 3]


def test_a_tie_counts_as_lost() -> None:
    assert ranks(directions(0), directions(10, -10, 90), np.array([0])).tolist() == [2]


def test_an_encoder_that_gives_everything_one_vector_finds_nothing() -> None:
    same = np.tile(directions(30), (50, 1))
    measured = recall(ranks(same, same, np.arange(50)))
    assert measured == Recall(0.0, 0.0, 0.0, 50.0, 50)


def test_many_queries_are_ranked_as_few_are() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((2500, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    own = random.permutation(2500)
    few = np.concatenate([ranks(vectors[i : i + 100], vectors, own[i : i + 100]) for i in range(0, 2500, 100)])
    assert np.array_equal(ranks(vectors, vectors, own), few)


def test_recall_is_the_share_of_ranks_up_to_k() -> None:
    measured = recall(np.array([1, 2, 5, 6, 10, 11, 1, 300]))
    assert (measured.at_1, measured.at_5, measured.at_10) == (0.25, 0.5, 0.75)
    assert measured.median_rank == pytest.approx(5.5)
    assert measured.queries == 8


def test_no_query_is_no_recall() -> None:
    assert recall(np.array([], dtype=np.int64)).queries == 0


def test_equal_titles_cost_recall_from_text_to_picture_only() -> None:
    texts, pictures, text_of = directions(0, 90), directions(0, 4, 90), np.array([0, 0, 1])
    to_picture, to_text = recall_both_ways(texts, pictures, text_of)
    assert to_picture.at_1 == pytest.approx(2 / 3)
    assert to_text.at_1 == 1.0
