"""Why a query shows a product or not: one shop for each cause, and the explanations of hits."""

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.domain import deciding
from app.domain.errors import NotFound, Unavailable
from app.domain.explanations import Cause, ProductExplanation
from app.domain.search import BY_VECTOR, Fusion, Leg, SearchQuery
from app.domain.uploads import Stage
from app.services.explain_product import Explainer
from app.services.search_legs import Legs
from tests.factories import a_deletion, a_patch, a_picture, a_submission
from tests.fakes.encoders import COLOURS
from tests.fakes.outages import UnwellStore
from tests.pipelines import Pipeline

WORDS = ("mug", "bowl", "dress", "lamp", "chair", "tall", "small", "striped", "old", "new")
MUG = SearchQuery("a red mug")


@pytest.fixture
def drawn(pipeline: Pipeline) -> Pipeline:
    """Forty things of drawn words and colours, every second with a picture."""
    draw = random.Random(7)
    for number in range(40):
        colour = draw.choice(list(COLOURS))
        title = " ".join([colour, *draw.sample(WORDS, 3)])
        pictures = [a_picture(colour, size=(8 + number, 24))] if number % 2 else []
        attributes = {"colour": colour, "price": number}
        pipeline.accepted(a_submission(f"p{number}", title, pictures=pictures, attributes=attributes))
    pipeline.work()
    return pipeline


@pytest.fixture
def crowded(pipeline: Pipeline) -> Pipeline:
    """A hundred and twenty red mugs, as many as no leg is asked for, a blue lamp, and a mug beside them all."""
    mugs = [a_submission(f"mug{number:03}", "a red mug") for number in range(120)]
    pipeline.accept(*mugs, a_submission("lamp", "a blue lamp"), a_submission("zzz", "a red mug"))
    pipeline.work()
    return pipeline


def why(pipeline: Pipeline, product_id: str, query: SearchQuery = MUG) -> ProductExplanation:
    return Explainer(pipeline.searcher).explain("shop", product_id, query)


def lose(pipeline: Pipeline, product_id: str) -> None:
    """Let the index lose what it has of a product."""
    build = pipeline.live()
    pipeline.store.delete(build.texts, [product_id])
    pipeline.store.delete(build.images, [f"{product_id}#{place}" for place in range(5)])


# --- hits


@pytest.mark.parametrize("fusion", Fusion)
@pytest.mark.parametrize("query", [MUG, SearchQuery(image=a_picture()), SearchQuery("mug", like="p3")])
def test_what_the_legs_add_is_the_score_of_a_hit(drawn: Pipeline, query: SearchQuery, fusion: Fusion) -> None:
    query = replace(query, fusion=fusion, explain=True)
    hits = drawn.search(query).hits
    assert hits
    for hit in hits:
        assert hit.explanation is not None
        added = 0.0
        for leg in hit.explanation.legs.values():
            added += leg.contribution or 0.0
        for name in hit.explanation.legs.keys() & set(BY_VECTOR):
            leg = hit.explanation.legs[name]
            assert leg.score == pytest.approx(leg.exact_score, abs=1e-5)
        assert added == hit.score
    words = set() if query.text is None else {Leg.KEYWORD}
    assert {leg for hit in hits if hit.explanation for leg in hit.explanation.legs} == {*BY_VECTOR, *words}


def test_a_hit_tells_the_conditions_it_passes_and_explaining_changes_no_answer(drawn: Pipeline) -> None:
    where = {"price": {"lt": 30}, "any": [{"colour": "red"}, {"colour": "blue"}]}
    plain = drawn.search(SearchQuery("mug", filter=where))
    told = drawn.search(SearchQuery("mug", filter=where, explain=True))
    assert [hit._replace(explanation=None) for hit in told.hits] == list(plain.hits)
    assert all(hit.explanation is None for hit in plain.hits)
    for hit in told.hits:
        assert hit.explanation is not None
        colour, price = hit.product.attributes["colour"], hit.product.attributes["price"]
        assert {one.detail for one in hit.explanation.conditions} == {
            f"price is {price}, asked: below 30",
            f"colour is {colour}, asked: {colour}, or another of filter.any",
        }


def test_a_filter_is_read_once_for_all_hits(drawn: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    read, parse = [], deciding.parse_filter

    def counted(given: Mapping[str, Any], schema: Any) -> Any:
        read.append(given)
        return parse(given, schema)

    monkeypatch.setattr(deciding, "parse_filter", counted)
    hits = drawn.search(SearchQuery("mug", filter={"price": {"gte": 0, "lt": 30}}, explain=True)).hits
    assert len(hits) == 20
    assert read == [{"price": {"gte": 0}}, {"price": {"lt": 30}}]


def test_browsing_explains_the_filter_alone(drawn: Pipeline) -> None:
    hits = drawn.search(SearchQuery(filter={"price": {"lt": 2}}, explain=True)).hits
    assert [(hit.explanation.legs, len(hit.explanation.conditions)) for hit in hits if hit.explanation] == [
        ({}, 1),
        ({}, 1),
    ]


def test_whoever_asks_why_is_not_recorded_as_a_shopper(drawn: Pipeline) -> None:
    drawn.search(replace(MUG, explain=True))
    why(drawn, "p3")
    drawn.searcher.recorder.write()
    assert drawn.count("recorded_queries") == 0


def test_what_scores_less_than_asked_for_is_no_hit_and_no_candidate(drawn: Pipeline) -> None:
    whole = drawn.search(replace(MUG, limit=100))
    least = whole.hits[4].score
    cut = drawn.search(replace(MUG, min_score=least))
    assert [hit.product.product_id for hit in cut.hits] == [
        hit.product.product_id for hit in whole.hits if hit.score >= least
    ]
    assert cut.total.value == len(cut.hits) < whole.total.value
    assert len(drawn.search(SearchQuery(min_score=9)).hits) == 20  # browsing scores nothing


# --- one product, cause by cause


def test_a_product_that_is_found_tells_its_rank_as_the_answer_has_it(drawn: Pipeline) -> None:
    for rank, hit in enumerate(drawn.search(replace(MUG, explain=True)).hits, start=1):
        told = why(drawn, hit.product.product_id)
        assert (told.cause, told.rank, told.score) == (Cause.FOUND, rank, hit.score)
        assert [(leg, one.rank, one.score, one.contribution) for leg, one in told.legs.items()] == [
            (leg, one.rank, one.score, one.contribution) for leg, one in hit.explanation.legs.items()
        ]


def test_what_stands_beyond_the_limit_tells_where(drawn: Pipeline) -> None:
    whole = drawn.search(replace(MUG, limit=100)).hits
    told = why(drawn, whole[7].product.product_id, replace(MUG, limit=7))
    assert (told.cause, told.rank) == (Cause.CUT_OFF_BY_LIMIT, 8)
    assert told.detail == "it is number 8, and the limit is 7"


def test_what_scores_too_little_tells_its_score(drawn: Pipeline) -> None:
    whole = drawn.search(replace(MUG, limit=100)).hits
    told = why(drawn, whole[-1].product.product_id, replace(MUG, min_score=whole[0].score))
    assert (told.cause, told.score) == (Cause.CUT_OFF_BY_MIN_SCORE, whole[-1].score)


def test_what_is_filtered_out_tells_by_which_condition(drawn: Pipeline) -> None:
    drawn.accepted(a_patch("p3", changes={"colour": "green"}))
    told = why(drawn, "p3", replace(MUG, filter={"colour": "red", "price": {"lt": 5}}))
    assert (told.cause, told.detail) == (Cause.FILTERED_OUT, "colour is green, asked: red")
    assert [one.place for one in told.conditions] == ["filter.colour"]
    assert told.upload is not None  # and its newest version is not indexed either


def test_what_is_on_its_way_tells_how_far_it_is_and_since_when(drawn: Pipeline) -> None:
    upload = drawn.accepted(a_submission("new", "a red mug"))
    told = why(drawn, "new")
    assert (told.cause, told.upload) == (Cause.NOT_INDEXED, upload)
    assert f"{upload.state} since 2" in told.detail
    drawn.run(Stage.ENCODE)
    assert "encoded since" in why(drawn, "new").detail
    drawn.run(Stage.INDEX)
    assert why(drawn, "new").cause is Cause.FOUND


def test_what_is_dead_tells_its_code(drawn: Pipeline) -> None:
    upload = drawn.accepted(a_submission("dead", "a red mug"))
    with drawn.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.exec_driver_sql(
            "UPDATE uploads SET state = 'dead', error_code = 'bad_vector', error_detail = 'not a number'"
            f" WHERE id = '{upload.id}'"
        )
    told = why(drawn, "dead")
    assert told.cause is Cause.NOT_INDEXED
    assert told.detail == "its newest version is dead (bad_vector): not a number"


def test_what_has_nothing_that_a_leg_could_find_says_so(drawn: Pipeline) -> None:
    told = why(drawn, "p0", replace(MUG, legs={Leg.IMAGE: 1.0}))
    assert (told.cause, told.detail) == (
        Cause.NO_MATCH,
        "it has nothing that is asked for in the image leg of this query",
    )


def test_a_query_that_has_nothing_to_ask_its_legs_with_says_so(drawn: Pipeline) -> None:
    told = why(drawn, "p0", SearchQuery(like="p3", legs={Leg.KEYWORD: 1.0}))
    assert (told.cause, told.detail) == (
        Cause.NO_MATCH,
        "no leg that has a weight can be asked with what the query has",
    )


def test_a_picture_that_cannot_be_used_is_told(drawn: Pipeline) -> None:
    drawn.accepted(a_submission("bare", "a red mug", pictures=["https://example.org/none.jpg"]))
    drawn.work()
    told = why(drawn, "bare", replace(MUG, legs={Leg.IMAGE: 1.0}))
    assert told.cause is Cause.NO_MATCH
    (missing,) = told.missing
    assert told.detail.endswith(f": 1 of its pictures cannot be used ({missing.error_code})")
    assert why(drawn, "bare").cause is Cause.FOUND


def test_what_is_deleted_says_so_and_what_never_was_is_not_found(drawn: Pipeline) -> None:
    drawn.accepted(a_deletion("p3"))
    assert why(drawn, "p3").cause is Cause.DELETED
    with pytest.raises(NotFound) as raised:
        why(drawn, "none")
    assert raised.value.code == "unknown_product"


def test_the_product_that_is_asked_with_is_none_of_its_answers(drawn: Pipeline) -> None:
    assert why(drawn, "p3", SearchQuery(like="p3")).cause is Cause.OWN_PRODUCT


@pytest.mark.parametrize("stated", [{}, {"filter": {"price": {"gte": 5}}}, {"like": "p7", "text": None}])
def test_what_the_index_missed_tells_the_ranks_it_had_before(drawn: Pipeline, stated: dict[str, Any]) -> None:
    query = replace(MUG, **stated)
    for hit in drawn.search(query).hits[::4]:
        before = why(drawn, hit.product.product_id, query)
        lose(drawn, hit.product.product_id)
        told = why(drawn, hit.product.product_id, query)
        assert told.cause is Cause.MISSED_BY_THE_INDEX
        assert {leg: one.exact_rank for leg, one in told.legs.items()} == {
            leg: one.rank for leg, one in before.legs.items() if leg in BY_VECTOR
        }
        assert all(one.rank is None and one.contribution is None for one in told.legs.values())
        drawn.accepted(a_submission(hit.product.product_id, "gone", attributes={"colour": "none"}))
        drawn.work()


def test_what_is_too_far_from_the_query_tells_how_far(crowded: Pipeline) -> None:
    told = why(crowded, "lamp")
    assert (told.cause, told.depth) == (Cause.BEYOND_CANDIDATES, 100)
    assert told.legs[Leg.TEXT].exact_rank == 122
    assert told.detail == "by its stored vectors it is number 122 of the text leg, which was asked for 100"


def test_one_of_too_many_equals_is_not_called_missed(crowded: Pipeline) -> None:
    told = why(crowded, "zzz")
    assert (told.cause, told.legs[Leg.TEXT].exact_rank) == (Cause.BEYOND_CANDIDATES, 1)
    assert told.detail.endswith("; 120 others score the same")
    lose(crowded, "zzz")
    assert why(crowded, "zzz", replace(MUG, limit=100)).cause is Cause.MISSED_BY_THE_INDEX


BY_WORDS = replace(MUG, legs={Leg.KEYWORD: 1.0})


def test_what_has_the_words_and_too_many_before_it_is_beyond(crowded: Pipeline) -> None:
    told = why(crowded, "zzz", BY_WORDS)
    assert (told.cause, told.depth) == (Cause.BEYOND_CANDIDATES, 100)
    words = "it has words that are asked for, and the keyword leg brought 100 of the 100 that it was asked for"
    assert told.detail == words
    assert why(crowded, "zzz", replace(BY_WORDS, limit=40)).cause is Cause.CUT_OFF_BY_LIMIT
    told = why(crowded, "zzz", replace(BY_WORDS, text="green bowl"))
    assert (told.cause, told.detail) == (
        Cause.NO_MATCH,
        "it has nothing that is asked for in the keyword leg of this query",
    )


@pytest.mark.parametrize("legs", [{Leg.KEYWORD: 1.0}, {Leg.TEXT: 1.0, Leg.KEYWORD: 1.0}])
def test_what_has_the_words_and_room_before_it_was_missed(crowded: Pipeline, legs: dict[Leg, float]) -> None:
    query = SearchQuery("lamp red mug", filter={"colour": "blue"}, legs=legs)
    crowded.accepted(a_submission("lamp", "a blue lamp", attributes={"colour": "blue"}))
    crowded.work()
    assert why(crowded, "lamp", query).cause is Cause.FOUND
    lose(crowded, "lamp")
    assert why(crowded, "lamp", query).cause is Cause.MISSED_BY_THE_INDEX


def test_what_the_vectors_put_beyond_may_be_missed_by_its_words(crowded: Pipeline) -> None:
    crowded.accepted(a_submission("lamp", "a blue lamp", attributes={"care": "XT-9000"}))
    crowded.work()
    query = SearchQuery("XT-9000", like="mug000", legs={Leg.TEXT: 1.0, Leg.KEYWORD: 1.0})
    assert why(crowded, "lamp", query).cause is Cause.FOUND
    lose(crowded, "lamp")
    told = why(crowded, "lamp", query)
    assert told.legs[Leg.TEXT].exact_rank == 122
    assert (told.cause, told.detail) == (
        Cause.MISSED_BY_THE_INDEX,
        "it has words that are asked for, and the keyword leg brought 0 of the 100 that it was asked for: "
        "the index did not bring it",
    )


def short_of(pipeline: Pipeline, *collections: str) -> Explainer:
    """Explains where the searches of these collections fail."""
    store = UnwellStore(pipeline.store)
    for collection in collections:
        store.fail(collection)
    return Explainer(replace(pipeline.searcher, legs=Legs(pipeline.database, store, pipeline.pool)))


def test_an_explanation_names_the_legs_that_it_goes_without(drawn: Pipeline) -> None:
    explainer = short_of(drawn, drawn.live().images)
    for hit in drawn.search(MUG).hits[:3]:
        told = explainer.explain("shop", hit.product.product_id, MUG)
        assert (told.cause, list(told.degraded)) == (Cause.FOUND, ["image"])
    assert list(why(drawn, "p1").degraded) == []


def test_a_leg_that_failed_and_searches_what_the_product_has_is_told_as_the_cause(crowded: Pipeline) -> None:
    crowded.accepted(a_submission("seen", "nothing of the kind", pictures=[a_picture("red")]))
    crowded.work()
    build = crowded.live()
    by_picture = short_of(crowded, build.images)
    told = by_picture.explain("shop", "seen", MUG)
    assert (told.cause, list(told.degraded)) == (Cause.LEG_LEFT_OUT, ["image"])
    assert told.detail == "no leg that answered brought it, and the image leg, which may have, is left out"
    lamp = by_picture.explain("shop", "lamp", MUG)  # it has no picture
    assert (lamp.cause, list(lamp.degraded)) == (Cause.BEYOND_CANDIDATES, ["image"])

    either = replace(MUG, legs={Leg.IMAGE: 1.0, Leg.KEYWORD: 1.0})
    by_words = short_of(crowded, build.texts)
    assert by_words.explain("shop", "zzz", either).cause is Cause.LEG_LEFT_OUT
    told = by_words.explain("shop", "zzz", replace(either, text="green bowl"))
    assert (told.cause, list(told.degraded)) == (Cause.NO_MATCH, ["keyword"])


def test_browsing_tells_the_place_of_a_product(drawn: Pipeline) -> None:
    query = SearchQuery(filter={"price": {"gte": 5}}, limit=3)
    shown = [hit.product.product_id for hit in drawn.search(replace(query, limit=100)).hits]
    for rank in (1, 3, 4, len(shown)):
        told = why(drawn, shown[rank - 1], query)
        assert (told.cause, told.rank) == (Cause.FOUND if rank <= 3 else Cause.CUT_OFF_BY_LIMIT, rank)
    assert why(drawn, "p1", query).cause is Cause.FILTERED_OUT


# --- bounds


def test_looking_too_long_ends_and_leaves_the_turn_to_others(crowded: Pipeline) -> None:
    hurried = Explainer(crowded.searcher, most_s=0.0)
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            hurried.explain("shop", "lamp", MUG)
        assert raised.value.code == "explain_late"
    assert hurried.explain("shop", "mug000", MUG).cause is Cause.FOUND  # nothing has to be looked through


def test_one_caller_looks_at_a_time_and_the_next_is_soon_sent_away(crowded: Pipeline) -> None:
    explainer = Explainer(crowded.searcher)
    begun = time.monotonic()
    with explainer.turn, pytest.raises(Unavailable) as raised:
        explainer.explain("shop", "lamp", MUG)
    assert raised.value.code == "explain_busy"
    assert time.monotonic() - begun < explainer.most_s / 3
    assert explainer.explain("shop", "lamp", MUG).cause is Cause.BEYOND_CANDIDATES
