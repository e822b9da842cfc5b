"""The gauge of recall: searches that came are asked again, and held against the exact answer."""

import pytest
from prometheus_client import REGISTRY

from app.domain.search import Leg, SearchQuery
from app.services.watch_recall import DRAWN
from tests.factories import a_picture, a_submission
from tests.pipelines import Pipeline

PRODUCTS = 40


@pytest.fixture
def shop(pipeline: Pipeline) -> Pipeline:
    for number in range(PRODUCTS):
        pictures = [a_picture("red", size=(10 + number, 20))]
        attributes = {"price": number, "colour": "red" if number % 2 else "blue"}
        pipeline.accepted(
            a_submission(f"p{number:02}", f"mug number {number}", pictures=pictures, attributes=attributes)
        )
    pipeline.work()
    return pipeline


def told(name: str, leg: str, passing: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"leg": leg, "passing": passing})


def measured(shop: Pipeline, *queries: SearchQuery) -> None:
    for query in queries:
        shop.search(query)
    shop.searcher.watch.measure()


def test_searches_that_find_all_there_is_have_a_recall_of_one(shop: Pipeline) -> None:
    few = SearchQuery("mug number 3", filter={"price": {"lt": 3}})
    half = SearchQuery("mug number 5", filter={"colour": "red"}, legs={Leg.TEXT: 1.0})
    measured(shop, SearchQuery("mug number 7"), few, half, SearchQuery(like="p03"))
    for leg, passing in (("text", "1"), ("image", "1"), ("text", "0.05"), ("image", "0.05"), ("text", "0.5")):
        assert told("vitrine_recall", leg, passing) == 1.0
    assert told("vitrine_recall_searches", "text", "1") == 2
    assert told("vitrine_recall_searches", "text", "0.5") == 1


def test_what_the_index_hides_lowers_the_recall(shop: Pipeline) -> None:
    query = SearchQuery("mug number 7", legs={Leg.TEXT: 1.0})
    best = [hit.product.product_id for hit in shop.search(query).hits[:10]]
    shop.store.delete(shop.live().texts, best[:3])
    measured(shop)
    assert told("vitrine_recall", "text", "1") == pytest.approx(0.7)


def test_of_many_searches_some_are_asked_again_and_never_twice(shop: Pipeline) -> None:
    measured(shop, *[SearchQuery(f"mug number {number}", legs={Leg.TEXT: 1.0}) for number in range(3 * DRAWN)])
    assert told("vitrine_recall_searches", "text", "1") == DRAWN
    shop.searcher.watch.measure()
    shop.store.delete(shop.live().texts, [f"p{number:02}" for number in range(PRODUCTS)])
    shop.searcher.watch.measure()
    assert told("vitrine_recall", "text", "1") == 1.0


def test_a_picture_is_not_kept_and_measured_all_the_same(shop: Pipeline) -> None:
    before = told("vitrine_recall_searches", "image", "0.5") or 0
    filtered = {"colour": "blue"}
    shop.search(SearchQuery(image=a_picture("red"), filter=filtered, collapse_duplicates=True))
    drawn = [one for some in shop.searcher.watch._drawn.values() for one in some.drawn]
    assert [one.query.image for one in drawn] == [None]
    shop.searcher.watch.measure()
    assert told("vitrine_recall", "image", "0.5") == 1.0
    assert told("vitrine_recall_searches", "image", "0.5") == 1 != before


def test_words_alone_and_browsing_have_no_recall_to_measure(shop: Pipeline) -> None:
    before = told("vitrine_recall_searches", "text", "0.005")
    measured(shop, SearchQuery(), SearchQuery("mug", legs={Leg.KEYWORD: 1.0}))
    assert told("vitrine_recall_searches", "text", "0.005") == before
