"""Answering queries: by words, by a picture, by a product; what is filtered, deleted or limited is not shown."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from app.domain.answers import Total
from app.domain.bands import Band
from app.domain.builds import IndexSpec
from app.domain.errors import Invalid, NotFound, StoreUnavailable, VitrineError
from app.domain.facets import RangeFacet, ValueFacet
from app.domain.filters import parse_filter
from app.domain.fusion import RRF_K
from app.domain.search import ACROSS, BY_WORDS, Fusion, Leg, SearchQuery
from app.domain.uploads import Stage
from app.services.catalog_columns import Selection, Shared
from app.services.search_legs import WIDEST, Plan
from tests.factories import FLAT, SCHEMA, a_build, a_deletion, a_patch, a_picture, a_submission
from tests.pipelines import Pipeline, titles

COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture
def stocked(pipeline: Pipeline) -> Pipeline:
    """A mug of each colour with its picture, and one that has no picture."""
    pipeline.accept(
        *(
            a_submission(
                colour, f"a {colour} mug", pictures=[a_picture(colour)], attributes={"colour": colour, "price": place}
            )
            for place, colour in enumerate(COLOURS)
        ),
        a_submission("plain", "a plain bowl"),
    )
    pipeline.work()
    return pipeline


def ids(pipeline: Pipeline, query: SearchQuery) -> list[str]:
    return [hit.product.product_id for hit in pipeline.search(query).hits]


@pytest.mark.parametrize("colour", COLOURS)
def test_words_and_pictures_find_what_is_like_them(stocked: Pipeline, colour: str) -> None:
    assert ids(stocked, SearchQuery(f"a {colour} mug"))[0] == colour
    assert ids(stocked, SearchQuery(image=a_picture(colour, size=(50, 40))))[0] == colour
    assert ids(stocked, SearchQuery("mug", image=a_picture(colour)))[0] == colour


def test_a_product_without_pictures_is_found_by_its_text(stocked: Pipeline) -> None:
    hits = {hit.product.product_id: hit for hit in stocked.search(SearchQuery("a plain bowl")).hits}
    assert hits["plain"].matched is None


def test_a_hit_says_which_picture_matched(stocked: Pipeline) -> None:
    stocked.accepted(a_submission("many", pictures=[a_picture("blue"), a_picture("red"), a_picture("green")]))
    stocked.work()
    hits = {hit.product.product_id: hit for hit in stocked.search(SearchQuery(image=a_picture("green"))).hits}
    assert hits["many"].matched is not None
    assert hits["many"].matched.position == 2


def test_a_product_is_like_others_and_not_like_itself(stocked: Pipeline) -> None:
    stocked.accepted(a_submission("twin", "a red mug", pictures=[a_picture("red")]))
    stocked.work()
    found = ids(stocked, SearchQuery(like="red"))
    assert found[0] == "twin"
    assert "red" not in found
    assert ids(stocked, SearchQuery("bowl", like="plain", legs={Leg.IMAGE: 0, Leg.TEXT: 1}))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"colour": "blue"}, {"blue"}),
        ({"price": {"gte": 2}}, {"blue", "yellow"}),
        ({"colour": {"in": ["red", "none"]}}, {"red"}),
        ({"colour": {"in": []}}, set()),
        ({"colour": 'A" or catalog != "zzz'}, set()),
        ({"not": {"colour": {"exists": True}}}, {"plain"}),
    ],
)
def test_a_filter_holds_for_searching_and_for_browsing(
    stocked: Pipeline, where: Mapping[str, object], expected: set[str]
) -> None:
    assert set(ids(stocked, SearchQuery("mug", filter=where))) == expected
    browsed = stocked.search(SearchQuery(filter=where))
    assert {hit.product.product_id for hit in browsed.hits} == expected
    assert (browsed.total.value, browsed.total.exact) == (len(expected), True)


@pytest.mark.parametrize(
    ("index", "passing", "expected"),
    [
        (IndexSpec.of("HNSW", {"ef": 100}), 5_000, {"ef": 400}),
        (IndexSpec.of("HNSW", {"ef": 100}), 9_999, {"ef": 100}),
        (IndexSpec.of("HNSW", {"ef": 100}), 1, {"ef": 100 * WIDEST}),
        (IndexSpec.of("IVF_FLAT", {"nlist": 64, "nprobe": 10}), 8_000, {"nprobe": 18}),
        (IndexSpec.of("IVF_FLAT", {"nlist": 64, "nprobe": 10}), 1_000, {"nprobe": 64}),
        (IndexSpec.of("HNSW", {"ef": 100}), 0, {"ef": 100}),
        (IndexSpec.exact(), 5_000, {"nprobe": 1}),
        (FLAT, 5_000, {}),
        (replace(IndexSpec.of("HNSW"), bands=(Band(1.0, 40, 1), Band(0.5, 70, 1))), 5_000, {"ef": 70}),
    ],
)
def test_an_index_that_was_not_tuned_looks_at_more_the_fewer_pass(
    index: IndexSpec, passing: int, expected: Mapping[str, int]
) -> None:
    chosen = Selection(Shared(), np.empty(0, dtype=np.bool_), passing, 10_000)
    build = replace(a_build(), index=index)
    where = parse_filter({"price": 1}, SCHEMA)
    assert Plan(build, where, chosen).searched[0].search_params == expected
    assert Plan(build, None, chosen).searched == build.searched()


def test_facets_and_total_are_of_everything_that_passes_where_nothing_is_asked_for(stocked: Pipeline) -> None:
    found = stocked.search(SearchQuery(facets=["colour", "price"], limit=1))
    assert found.facets["colour"] == ValueFacet({"blue": 1, "green": 1, "red": 1, "yellow": 1})
    assert found.total == Total(5, exact=True, scope="catalog")
    price = found.facets["price"]
    assert isinstance(price, RangeFacet)
    assert (price.min, price.max, sum(one.count for one in price.buckets)) == (0, 3, 4)
    assert stocked.search(SearchQuery(filter={"price": {"gte": 2}}, facets=["colour"])).facets == {
        "colour": ValueFacet({"blue": 1, "yellow": 1})
    }


def test_facets_of_a_query_are_of_its_candidates_and_both_say_whether_those_are_all(stocked: Pipeline) -> None:
    found = stocked.search(SearchQuery("a red mug", facets=["colour"]))
    assert found.facets["colour"] == ValueFacet({"blue": 1, "green": 1, "red": 1, "yellow": 1})
    assert found.total == Total(5, exact=True, scope="candidates")
    pictures = stocked.search(SearchQuery("a red mug", facets=["colour"], legs={Leg.IMAGE: 1.0, Leg.TEXT: 0.0}))
    assert pictures.total == Total(4, exact=False, scope="candidates")
    stocked.accepted(a_deletion("red"))
    stocked.accepted(a_patch("blue", changes={"colour": "green"}))
    now = stocked.search(SearchQuery("a red mug", facets=["colour"]))
    assert now.facets["colour"] == ValueFacet({"green": 2, "yellow": 1})
    assert now.total == Total(4, exact=True, scope="candidates")


def test_what_passes_is_known_at_once_and_by_all_who_ask_together(stocked: Pipeline) -> None:
    """Columns are read by many threads while products change; nobody sees less than what was accepted before."""
    missed: list[int] = []

    def ask(count: int) -> None:
        stocked.accepted(a_submission(f"new{count}", attributes={"colour": "new", "price": count}))
        found = stocked.search(SearchQuery(filter={"colour": "new", "price": count}))
        if [hit.product.product_id for hit in found.hits] != [f"new{count}"] or found.total.value != 1:
            missed.append(count)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(40)))
    assert not missed
    assert stocked.search(SearchQuery(filter={"colour": "new"}, limit=1)).total.value == 40


def test_the_limit_is_kept_and_a_smaller_one_shows_the_beginning(stocked: Pipeline) -> None:
    whole = ids(stocked, SearchQuery("a mug", limit=100))
    assert len(whole) == 5
    assert ids(stocked, SearchQuery("a mug", limit=2)) == whole[:2]
    assert ids(stocked, SearchQuery(limit=2)) == ["blue", "green"]


def test_what_is_deleted_or_no_longer_passes_is_dropped_before_the_index_knows(stocked: Pipeline) -> None:
    stocked.accepted(a_deletion("red"))
    stocked.accepted(a_patch("blue", changes={"price": 0}))
    assert "red" not in ids(stocked, SearchQuery("a red mug"))
    assert ids(stocked, SearchQuery("a blue mug", filter={"price": {"gte": 2}})) == ["yellow"]


def test_a_leg_without_weight_is_not_asked(stocked: Pipeline) -> None:
    assert "plain" not in ids(stocked, SearchQuery("a plain bowl", legs={Leg.IMAGE: 1.0, Leg.TEXT: 0.0}))
    assert (
        titles(stocked.search(SearchQuery("a plain bowl", legs={Leg.IMAGE: 0.0, Leg.TEXT: 1.0})))[0] == "a plain bowl"
    )


def test_one_product_of_many_pictures_does_not_crowd_out_the_others(stocked: Pipeline) -> None:
    """Asked by a picture of which one product has more than a leg takes rows."""
    for place in range(5):
        crowd = [a_picture("red", size=(10 + place, 10 + side)) for side in range(50)]
        stocked.accepted(a_submission(f"crowd{place}", "many", pictures=crowd))
    stocked.work()
    assert len(ids(stocked, SearchQuery(image=a_picture("red"), legs={Leg.IMAGE: 1.0}))) == 9


@pytest.mark.parametrize(
    ("error", "code", "query"),
    [
        (NotFound, "unknown_product", SearchQuery(like="none")),
        (VitrineError, "image_format", SearchQuery(image=b"GIF89a")),
        (VitrineError, "image_corrupt", SearchQuery(image=a_picture()[:99])),
    ],
)
def test_what_cannot_be_asked_for_says_so(
    stocked: Pipeline, error: type[VitrineError], code: str, query: SearchQuery
) -> None:
    with pytest.raises(error) as raised:
        stocked.search(query)
    assert raised.value.code == code
    assert raised.value.field


def test_a_product_that_is_not_encoded_yet_cannot_be_asked_by(stocked: Pipeline) -> None:
    stocked.accepted(a_submission("new", "something else"))
    with pytest.raises(NotFound) as raised:
        stocked.search(SearchQuery(like="new"))
    assert raised.value.code == "not_indexed"
    stocked.run(Stage.ENCODE)
    assert stocked.search(SearchQuery(like="new")).hits


@pytest.mark.parametrize(
    ("code", "stated"),
    [
        ("empty_query", {"text": " \n"}),
        ("too_long", {"text": "x" * 100_000}),
        ("bad_text", {"text": "a\0"}),
        ("bad_text", {"text": "\udfff"}),
        ("bad_limit", {"limit": 0}),
        ("bad_limit", {"limit": -1}),
        ("bad_limit", {"limit": 101}),
        ("bad_limit", {"limit": 10**9}),
        ("bad_query", {"image": b"", "like": "p"}),
        ("bad_min_score", {"min_score": -0.1}),
        ("bad_min_score", {"min_score": float("nan")}),
        ("bad_min_score", {"min_score": float("inf")}),
        ("bad_legs", {"legs": {}}),
        ("bad_legs", {"legs": {Leg.IMAGE: 0.0}}),
        ("bad_legs", {"legs": {Leg.IMAGE: -1.0, Leg.TEXT: 1.0}}),
        ("bad_legs", {"legs": {Leg.IMAGE: float("nan"), Leg.TEXT: 1.0}}),
        ("bad_legs", {"legs": {Leg.IMAGE: float("inf")}}),
    ],
)
def test_a_query_that_breaks_a_rule_is_none(code: str, stated: dict[str, object]) -> None:
    with pytest.raises(Invalid) as raised:
        SearchQuery(**stated)
    assert raised.value.code == code


def test_an_unknown_catalog_is_not_found(pipeline: Pipeline) -> None:
    with pytest.raises(NotFound) as raised:
        pipeline.searcher.search("none", SearchQuery("mug"))
    assert raised.value.code == "unknown_catalog"


def test_legs_are_fused_as_the_query_says(stocked: Pipeline) -> None:
    by_rank = stocked.search(SearchQuery("a red mug", fusion=Fusion.RRF)).hits
    by_score = stocked.search(SearchQuery("a red mug")).hits
    assert by_rank[0].product.product_id == by_score[0].product.product_id == "red"
    assert by_score[0].score == pytest.approx(1.0)  # the best of every leg
    assert by_rank[0].score == (ACROSS + 1 + BY_WORDS) / (RRF_K + 1)


ODD = SearchQuery("XT-9000", legs={Leg.KEYWORD: 1.0})


def test_words_that_no_vector_knows_are_found_by_themselves(stocked: Pipeline) -> None:
    stocked.accepted(a_submission("drill", "a green thing", attributes={"colour": "XT-9000"}))
    stocked.work()
    assert ids(stocked, ODD) == ids(stocked, SearchQuery("xt9000", legs={Leg.KEYWORD: 1.0})) == ["drill"]
    assert ids(stocked, SearchQuery("XT 9000"))[0] == "drill"
    assert ids(stocked, SearchQuery("XT-9000 mug", filter={"colour": "red"})) == ["red"]
    assert stocked.search(SearchQuery("XT 9000")).degraded == ()


def test_words_of_what_is_changed_or_deleted_are_found_no_more(stocked: Pipeline) -> None:
    stocked.accepted(a_submission("drill", "a drill", attributes={"colour": "XT-9000"}))
    stocked.work()
    stocked.accepted(a_patch("drill", changes={"colour": "XT-7000"}))
    stocked.work()
    assert ids(stocked, ODD) == ["drill"]  # by the letters
    assert ids(stocked, SearchQuery("9000", legs={Leg.KEYWORD: 1.0})) == []
    assert ids(stocked, SearchQuery("7000", legs={Leg.KEYWORD: 1.0})) == ["drill"]
    stocked.accepted(a_deletion("drill"))
    stocked.work()
    assert ids(stocked, SearchQuery("7000", legs={Leg.KEYWORD: 1.0})) == []


@pytest.mark.parametrize(
    "query",
    [
        SearchQuery("...", legs={Leg.KEYWORD: 1.0}),
        SearchQuery(like="red", legs={Leg.KEYWORD: 1.0}),
        SearchQuery(image=a_picture(), legs={Leg.KEYWORD: 1.0}),
    ],
    ids=["no terms", "a product", "a picture"],
)
def test_without_words_there_is_nothing_to_ask_the_keyword_leg(stocked: Pipeline, query: SearchQuery) -> None:
    answer = stocked.search(query)
    assert (answer.hits, answer.degraded) == ([], ())


def test_where_the_words_are_wanted_and_cannot_be_had_the_other_legs_answer(stocked: Pipeline) -> None:
    full = ids(stocked, SearchQuery("a red mug", legs={Leg.IMAGE: 0.25, Leg.TEXT: 1.0}))
    stocked.store.forget_words()
    answer = stocked.search(SearchQuery("a red mug"))
    assert [hit.product.product_id for hit in answer.hits] == full
    assert answer.degraded == ("keyword",)
    with pytest.raises(StoreUnavailable, match="builds start"):
        stocked.search(ODD)
    for unwanted in (SearchQuery(like="red"), SearchQuery(), SearchQuery("mug", legs={Leg.TEXT: 1.0})):
        assert list(stocked.search(unwanted).degraded) == []


def test_rows_of_a_collection_without_words_are_as_they_should_be(stocked: Pipeline) -> None:
    before = stocked.rows("red")
    stocked.store.forget_words()
    stocked.accepted(a_submission("red", "a red mug", attributes={"colour": "red"}))
    stocked.work()
    assert stocked.rows("red")["red"] == before["red"] + 1
