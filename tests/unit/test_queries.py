"""Queries that are kept: drawn from what is asked, judged by somebody, and measured against."""

import math
import threading

import pytest
from sqlalchemy import event

from app.cli.queries import unknown_products
from app.domain.errors import DatabaseUnavailable, Invalid, NotFound
from app.domain.queries import MAX_JUDGED, JudgedQuery, is_replayable, ndcg, overlap, query_of, recall, told_of
from app.domain.search import Leg, SearchQuery
from app.services.keep_queries import forget_queries, judge_queries, kept_queries
from app.services.record_queries import DRAWN, QueryRecorder
from tests.factories import a_deletion, a_picture, a_submission
from tests.pipelines import Pipeline


def recorded(pipeline: Pipeline, catalog: str = "shop") -> dict[str | None, int]:
    """How often each query was recorded, by its words."""
    return {one.query.text or one.query.like: one.asked for one in kept_queries(pipeline.database, catalog).recorded}


def test_what_is_asked_is_recorded_but_for_pictures_and_browsing(pipeline: Pipeline) -> None:
    pipeline.accepted(a_submission("red", "a red mug", pictures=[a_picture("red")]))
    pipeline.accepted(a_submission("blue", "a blue mug"))
    pipeline.work()
    narrow = SearchQuery("mug", filter={"price": {"lt": 3}}, legs={Leg.TEXT: 1.0}, limit=7)
    for query in (SearchQuery("mug"), SearchQuery("mug", limit=50), narrow, SearchQuery(like="red")):
        pipeline.search(query)
    pipeline.search(SearchQuery(image=a_picture("red")))
    pipeline.search(SearchQuery("mug", image=a_picture("red")))
    pipeline.search(SearchQuery())
    with pytest.raises(NotFound):
        pipeline.search(SearchQuery(like="none"))
    assert recorded(pipeline) == {}
    pipeline.searcher.recorder.write()
    pipeline.searcher.recorder.write()
    kept = kept_queries(pipeline.database, "shop").recorded
    assert (kept[0].query, kept[0].asked) == (SearchQuery("mug", limit=100), 2)
    assert {(one.query.text, one.query.like) for one in kept} == {("mug", None), (None, "red")}
    assert [one.query.legs for one in kept if one.query.filter] == [{Leg.TEXT: 1.0}]
    assert forget_queries(pipeline.database, "shop") == 3
    assert recorded(pipeline) == {}


def test_a_recorded_query_names_no_leg_that_another_release_may_not_know() -> None:
    stated = {Leg.IMAGE: 0.5, Leg.TEXT: 0.0, Leg.KEYWORD: 1.0}
    assert told_of(SearchQuery("mug", legs=stated)) == {"text": "mug", "legs": {"image": 0.5}}
    assert told_of(SearchQuery("mug", legs={Leg.TEXT: 1.0, Leg.KEYWORD: 0.0})) == {
        "text": "mug",
        "legs": {"text": 1.0},
    }
    assert not is_replayable(SearchQuery("mug", legs={Leg.KEYWORD: 1.0, Leg.TEXT: 0.0}))
    assert is_replayable(SearchQuery("mug", legs=stated))


@pytest.mark.parametrize(
    ("told", "legs"),
    [
        ({"image": 0.0, "text": 2.0, "taste": 1.0}, {Leg.TEXT: 2.0}),
        ({"image": 0.0, "taste": 1.0}, None),
    ],
)
def test_legs_that_another_release_recorded_are_passed_over(told: dict[str, float], legs: dict[Leg, float]) -> None:
    assert query_of({"text": "mug", "legs": told}, limit=20) == SearchQuery("mug", legs=legs)


def test_of_many_queries_a_sample_is_drawn_that_prefers_none(pipeline: Pipeline) -> None:
    recorder, times = QueryRecorder(pipeline.database, kept=10_000), 40
    for _ in range(times):
        for number in range(4 * DRAWN):
            recorder.note("shop", SearchQuery(f"query {number}"))
        recorder.write()
    drawn = recorded(pipeline)
    assert sum(drawn.values()) == times * DRAWN
    first, last = (
        sum(drawn.get(f"query {n}", 0) for n in some) for some in (range(DRAWN), range(3 * DRAWN, 4 * DRAWN))
    )
    expected = times * DRAWN / 4
    assert abs(first - expected) < 6 * math.sqrt(expected)
    assert abs(last - expected) < 6 * math.sqrt(expected)


def test_no_query_is_recorded_where_none_is_to_be_kept(pipeline: Pipeline) -> None:
    recorder = QueryRecorder(pipeline.database, kept=0)
    recorder.note("shop", SearchQuery("mug"))
    recorder.write()
    assert recorded(pipeline) == {}


def test_threads_lose_no_query(pipeline: Pipeline) -> None:
    recorder = QueryRecorder(pipeline.database, kept=100)

    def ask() -> None:
        for _ in range(10):
            recorder.note("shop", SearchQuery("mug"))

    threads = [threading.Thread(target=ask) for _ in range(DRAWN // 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.write()
    assert recorded(pipeline) == {"mug": DRAWN}


def test_an_outage_costs_the_queries_since_the_last_time_and_no_more(pipeline: Pipeline) -> None:
    recorder = QueryRecorder(pipeline.database, kept=10)
    recorder.note("shop", SearchQuery("lost"))

    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    event.listen(pipeline.database.engine, "before_cursor_execute", away)
    with pytest.raises(DatabaseUnavailable):
        recorder.write()
    event.remove(pipeline.database.engine, "before_cursor_execute", away)
    recorder.note("shop", SearchQuery("kept"))
    recorder.write()
    assert recorded(pipeline) == {"kept": 1}


@pytest.mark.parametrize(
    ("text", "grades", "code"),
    [
        (" ", {"p": 1.0}, "empty_query"),
        ("mug\0", {"p": 1.0}, "bad_text"),
        ("mug", {}, "bad_grades"),
        ("mug", {"p": 0.0}, "bad_grades"),
        ("mug", {"p": -1.0}, "bad_grades"),
        ("mug", {"p": math.nan}, "bad_grades"),
        ("mug", {"p": math.inf}, "bad_grades"),
        ("mug", {"not an id": 1.0}, "bad_id"),
        ("mug", {f"p{number}": 1.0 for number in range(1_001)}, "bad_grades"),
    ],
)
def test_a_judged_query_has_words_and_an_answer(text: str, grades: dict[str, float], code: str) -> None:
    with pytest.raises(Invalid) as raised:
        JudgedQuery(text, grades)
    assert raised.value.code == code


def test_queries_are_judged_once_each_and_not_without_end(pipeline: Pipeline) -> None:
    mug = JudgedQuery("mug", {"p": 1})
    for judged, code in (
        ([mug, JudgedQuery("mug", {"q": 1})], "query_twice"),
        ([JudgedQuery(f"mug {number}", {"p": 1}) for number in range(MAX_JUDGED + 1)], "too_many_queries"),
    ):
        with pytest.raises(Invalid) as raised:
            judge_queries(pipeline.database, "shop", judged)
        assert raised.value.code == code
    with pytest.raises(NotFound):
        judge_queries(pipeline.database, "none", [mug])
    judge_queries(pipeline.database, "shop", [mug])
    assert kept_queries(pipeline.database, "shop").judged == [mug]


def test_rankings_are_measured_by_their_first_places() -> None:
    grades = {"a": 3.0, "b": 2.0, "c": 0.0, "d": 1.0}
    assert ndcg(["a", "b", "d"], grades, 10) == 1.0
    assert ndcg(["x", "c"], grades, 10) == 0.0
    # Järvelin and Kekäläinen's gains, discounted by log2 of rank + 1: (2 + 3 / log2(3)) / (3 + 2 / log2(3) + 1 / 2)
    assert ndcg(["b", "a"], grades, 10) == pytest.approx((2 + 3 / math.log2(3)) / (3 + 2 / math.log2(3) + 0.5))
    assert ndcg(["x", "a"], grades, 1) == 0.0
    assert recall(["d", "x", "a"], grades, 2) == 0.5
    assert recall(["d", "x", "a"], grades, 10) == pytest.approx(2 / 3)
    assert overlap(["a", "b", "c", "d"], ["d", "a"]) == 0.5
    assert overlap([], []) == 1.0
    assert overlap(["a"], []) == 0.0


def test_judged_products_that_are_not_in_the_catalog_are_kept_and_told(pipeline: Pipeline) -> None:
    for product_id in ("here", "gone"):
        pipeline.accepted(a_submission(product_id))
    pipeline.work()
    pipeline.accepted(a_deletion("gone"))
    pipeline.work()
    judge_queries(pipeline.database, "shop", [JudgedQuery("mug", {"here": 1})])
    assert kept_queries(pipeline.database, "shop").unknown == []
    judged = [JudgedQuery("cup", {"here": 1, "gone": 0, "later": 2}), JudgedQuery("mug", {"later": 1, "below": 1})]
    judge_queries(pipeline.database, "shop", judged)
    kept = kept_queries(pipeline.database, "shop")
    assert (kept.judged, kept.unknown) == (judged, ["below", "gone", "later"])
    pipeline.accepted(a_submission("later"))
    assert kept_queries(pipeline.database, "shop").unknown == ["below", "gone"]


def test_a_person_is_told_of_judged_products_that_are_not_there() -> None:
    assert unknown_products({"recorded": [], "judged": []}) == []
    (told,) = unknown_products({"unknown": {"products": 7, "first": ["p1", "p2"]}})
    assert "7 (p1, p2, …)" in told
    (told,) = unknown_products({"unknown": {"products": 1, "first": ["p1"]}})
    assert "1 (p1)" in told
