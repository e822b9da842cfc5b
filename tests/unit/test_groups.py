"""Groups and near-duplicates in answers: never too many of one, and full pages while there are others."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.domain.answers import Hit
from app.domain.errors import Invalid, StoreUnavailable
from app.domain.explanations import Cause, ProductExplanation
from app.domain.grouping import Grouping, InGroup
from app.domain.search import Fusion, Leg, SearchQuery
from app.services import diversify, search, search_legs
from app.services.explain_product import Explainer
from tests.factories import a_deletion, a_patch, a_picture, a_submission
from tests.fakes.encoders import COLOURS
from tests.pipelines import Pipeline

MUG = SearchQuery("a red mug", legs={Leg.TEXT: 1.0})


@pytest.fixture
def drawn(pipeline: Pipeline) -> Pipeline:
    """Sixty things of drawn colours, styles and sizes; some have no price, which is what groups go by."""
    draw = random.Random(3)
    for number in range(60):
        colour = draw.choice(list(COLOURS))
        attributes: dict[str, Any] = {"colour": colour, "in_stock": bool(number % 3)}
        if number % 7:
            attributes["price"] = draw.choice([1, 1, 1, 2, 3, 4, 5.5, 6])
        pictures = [a_picture(colour, size=(20 + number, 20))] if number % 2 else []
        title = f"a {colour} {draw.choice(['mug', 'bowl', 'lamp'])} {number}"
        pipeline.accept(a_submission(f"p{number:02}", title, pictures=pictures, attributes=attributes))
    pipeline.work()
    return pipeline


@pytest.fixture
def brands(pipeline: Pipeline) -> Pipeline:
    """Five hundred red mugs of one brand, which stand before one other mug of each of thirty brands."""
    mugs = [a_submission(f"a{number:03}", "a red mug", attributes={"colour": "most"}) for number in range(500)]
    others = [a_submission(f"b{n:02}", "a red mug by hand", attributes={"colour": f"c{n}"}) for n in range(30)]
    pipeline.accept(*mugs, *others)
    pipeline.work()
    return pipeline


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.product.product_id for hit in hits]


def walk(pipeline: Pipeline, query: SearchQuery) -> list[Hit]:
    """The hits of all pages, each of which but the last is full."""
    page = pipeline.search(query)
    hits, total = list(page.hits), page.total
    while page.cursor:
        assert len(page.hits) == query.limit
        page = pipeline.search(query, page.cursor)
        assert page.total == total
        hits += page.hits
    assert len(hits) == total.value
    return hits


def why(pipeline: Pipeline, product_id: str, query: SearchQuery) -> ProductExplanation:
    return Explainer(pipeline.searcher).explain("shop", product_id, query)


QUERIES = (
    SearchQuery("a red mug"),
    SearchQuery("a blue bowl", fusion=Fusion.RRF, filter={"price": {"lt": 5}}),
    SearchQuery(image=a_picture("red")),
    SearchQuery(like="p03"),
    SearchQuery(),
    SearchQuery(filter={"not": {"price": 2}}),
)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("by", "limit"), [("price", 1), ("price", 3), ("colour", 2), ("in_stock", 5)])
def test_pages_in_groups_are_the_answer_without_what_is_too_much(
    drawn: Pipeline, query: SearchQuery, by: str, limit: int
) -> None:
    whole = drawn.search(replace(query, limit=100))
    held = Counter(hit.product.attributes.get(by) for hit in whole.hits)
    taken: Counter[Any] = Counter()
    expected = []
    for hit in whole.hits:
        value = hit.product.attributes.get(by)
        taken[value] += 1
        if value is None or taken[value] <= limit:
            group = None if value is None else InGroup(value, held[value])
            expected.append((hit.product.product_id, hit.score and pytest.approx(hit.score, rel=1e-6), group))
    query = replace(query, group=Grouping(by, limit), limit=3)
    assert [(hit.product.product_id, hit.score, hit.group) for hit in walk(drawn, query)] == expected
    facets = drawn.search(replace(query, facets=[by])).facets
    assert facets == drawn.search(replace(query, group=None, limit=100, facets=[by])).facets  # of products


@pytest.mark.parametrize("text", ["a mug", None])
@pytest.mark.parametrize("change", [a_patch, a_deletion])
def test_what_is_gone_hides_none_of_its_group_and_counts_for_nothing(
    drawn: Pipeline, monkeypatch: pytest.MonkeyPatch, text: str | None, change: Any
) -> None:
    """No change is indexed here, so that the legs bring what it was."""
    monkeypatch.setattr(search_legs, "EXACT", 0)
    query = SearchQuery(text, filter={"colour": "red"}, group=Grouping("price"), limit=3)
    (gone,) = [hit for hit in walk(drawn, query) if hit.group and hit.group.value == 1]
    stated = {"changes": {"colour": "blue"}} if change is a_patch else {}
    drawn.accepted(change(gone.product.product_id, **stated))
    (then,) = [hit for hit in walk(drawn, query) if hit.group and hit.group.value == 1]
    assert then.product.product_id != gone.product.product_id
    assert then.group.size == gone.group.size - 1


def test_the_legs_are_asked_deeper_until_a_page_is_full(brands: Pipeline) -> None:
    query = replace(MUG, group=Grouping("colour"), limit=10)
    found = brands.search(query)
    assert len({hit.product.attributes["colour"] for hit in found.hits}) == 10
    assert (found.total.value, found.total.exact, found.hits[0].group) == (31, True, InGroup("most", 500))
    assert len(walk(brands, query)) == 31
    plain = brands.search(replace(query, group=None, limit=25))
    assert {hit.product.attributes["colour"] for hit in plain.hits} == {"most"}


def test_no_more_is_counted_than_pages_hold(brands: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_PLACES", 12)
    monkeypatch.setattr(diversify, "MAX_PLACES", 12)
    query = replace(MUG, group=Grouping("colour"), limit=5)
    found = walk(brands, query)
    assert (len(found), brands.search(query).total.exact) == (12, False)
    reached = {hit.product.product_id for hit in found}
    beyond = next(f"b{n:02}" for n in range(30) if f"b{n:02}" not in reached)
    told = why(brands, beyond, query)
    assert told.cause is Cause.CUT_OFF_BY_LIMIT
    assert (told.rank or 0) > 12


def test_the_legs_are_asked_once_where_that_is_enough_or_nothing_more_is_to_be_had(
    brands: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    search = brands.store.search
    monkeypatch.setattr(brands.store, "search", lambda *given, **also: asked.append(1) or search(*given, **also))
    for stated in (
        {"group": Grouping("colour"), "filter": {"colour": {"prefix": "c"}}},  # enough
        {"group": Grouping("colour"), "filter": {"colour": "most"}},  # of one group no second hit is to be had
        {"group": Grouping("colour"), "min_score": 0.6, "fusion": Fusion.RRF},  # what comes next scores less
        {},
    ):
        asked.clear()
        brands.search(replace(MUG, **stated))
        assert len(asked) == 1, stated


def test_the_legs_are_asked_as_deep_at_once_as_groups_are_large(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of twenty takes a hundred and sixty of these."""
    pipeline.accept(*(a_submission(f"p{n:03}", attributes={"price": n // 8}) for n in range(240)))
    pipeline.work()
    asked: list[int] = []
    search = pipeline.store.search
    monkeypatch.setattr(pipeline.store, "search", lambda *given, **also: asked.append(1) or search(*given, **also))
    assert len(pipeline.search(replace(MUG, group=Grouping("price"))).hits) == 20
    assert len(asked) == 1


@pytest.mark.parametrize("legs", [{Leg.TEXT: 1.0}, {Leg.TEXT: 1.0, Leg.KEYWORD: 1.0}])
def test_an_answer_that_cannot_be_looked_for_deeper_is_the_one_that_is_there(
    brands: Pipeline, monkeypatch: pytest.MonkeyPatch, legs: Any
) -> None:
    search, asked = brands.store.search, []

    def once(*given: Any, **also: Any) -> Any:
        asked.append(1)
        if len(asked) > 1:
            raise StoreUnavailable("gone")
        return search(*given, **also)

    monkeypatch.setattr(brands.store, "search", once)
    found = brands.search(replace(MUG, legs=legs, group=Grouping("colour")))
    assert len(asked) == 2
    assert (ids(found.hits), found.degraded) == (["a000"], ())


def test_nearly_the_same_picture_is_shown_once_and_the_others_are_counted(drawn: Pipeline) -> None:
    query = SearchQuery("a red mug", limit=100)
    whole = drawn.search(query).hits
    hits = walk(drawn, replace(query, collapse_duplicates=True, limit=3))
    pictured = [hit for hit in whole if hit.product.pictures]
    best = {colour: next(hit for hit in pictured if hit.product.attributes["colour"] == colour) for colour in COLOURS}
    bare = {hit.product.product_id for hit in whole if not hit.product.pictures}
    kept = {hit.product.product_id for hit in best.values()}
    assert ids(hits) == [one for one in ids(whole) if one in bare | kept]
    held = Counter(hit.product.attributes["colour"] for hit in pictured)
    for hit in hits:
        expected = held[hit.product.attributes["colour"]] - 1 if hit.product.product_id in kept else 0
        assert hit.duplicates == expected


def test_a_duplicate_takes_no_place_in_its_group(drawn: Pipeline) -> None:
    """And what stands behind its group hides no picture like its own."""
    query = SearchQuery(image=a_picture("red"), limit=100)
    both = drawn.search(replace(query, collapse_duplicates=True, group=Grouping("in_stock", 2))).hits
    taken: Counter[bool] = Counter()
    colours: set[str] = set()
    expected = []
    for hit in drawn.search(query).hits:
        colour, in_stock = hit.product.attributes["colour"], hit.product.attributes["in_stock"]
        alike = bool(hit.product.pictures) and colour in colours
        if taken[in_stock] < 2 and not alike:
            expected.append(hit.product.product_id)
            taken[in_stock] += 1
            colours |= {colour} if hit.product.pictures else set()
    assert ids(both) == expected
    assert taken == {True: 2, False: 2}


def test_who_browses_cannot_collapse(drawn: Pipeline) -> None:
    with pytest.raises(Invalid) as raised:
        drawn.search(SearchQuery(collapse_duplicates=True))
    assert (raised.value.code, raised.value.field) == ("bad_collapse", "collapse_duplicates")


def test_the_shop_may_change_while_somebody_browses_in_groups(drawn: Pipeline) -> None:
    query = SearchQuery(group=Grouping("colour"), limit=2, filter={"price": {"exists": True}})
    first = drawn.search(query)
    drawn.accepted(a_submission("a", "a mug", attributes={"colour": "new", "price": 1}))
    drawn.accepted(a_submission("q", "a mug", attributes={"colour": "new", "price": 1}))
    drawn.accepted(a_submission("r", "a mug", attributes={"colour": "late", "price": 1}))
    second = drawn.search(query, first.cursor)
    shown = [hit.product.attributes["colour"] for hit in (*first.hits, *second.hits)]
    assert len(shown) == len(set(shown))
    assert "new" not in shown  # its first one stands before the page


# --- explained


def test_what_stands_behind_its_group_says_behind_which(drawn: Pipeline) -> None:
    for query in (SearchQuery("a red mug"), SearchQuery()):
        whole = drawn.search(replace(query, limit=100)).hits
        grouped = replace(query, group=Grouping("price", 2))
        shown = [hit for hit in drawn.search(replace(grouped, limit=100)).hits if hit.product.attributes.get("price")]
        heads = {hit.product.attributes["price"]: hit.product.product_id for hit in reversed(shown)}
        for hit in whole[::5]:
            told = why(drawn, hit.product.product_id, replace(grouped, limit=100))
            listed = drawn.search(replace(grouped, limit=100)).hits
            if hit.product.product_id in ids(listed):
                place = ids(listed).index(hit.product.product_id) + 1
                assert (told.cause, told.rank, told.behind) == (Cause.FOUND, place, None)
            else:
                head = heads[hit.product.attributes["price"]]
                assert (told.cause, told.rank, told.behind) == (Cause.GROUPED, None, head)
                assert told.detail == f"it has the same price as {head}, and 2 of them are shown before it"


def test_a_duplicate_says_of_which_product(drawn: Pipeline) -> None:
    query = SearchQuery("a red mug", collapse_duplicates=True)
    best, other = [hit for hit in drawn.search(replace(query, collapse_duplicates=False)).hits if hit.matched][:2]
    assert best.product.attributes["colour"] == other.product.attributes["colour"] == "red"
    told = why(drawn, other.product.product_id, query)
    assert (told.cause, told.behind) == (Cause.DUPLICATE, best.product.product_id)
    assert told.detail == f"its picture is nearly that of {best.product.product_id}, which is shown before it"
    assert why(drawn, best.product.product_id, query).cause is Cause.FOUND


def test_what_scores_too_little_stands_behind_nobody(drawn: Pipeline) -> None:
    query = replace(MUG, group=Grouping("colour"), min_score=0.3)
    last = drawn.search(replace(MUG, limit=100)).hits[-1]
    assert why(drawn, last.product.product_id, query).cause is Cause.CUT_OFF_BY_MIN_SCORE
