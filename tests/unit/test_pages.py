"""Page after page of an answer, while the shop changes: nothing repeats, and nothing is left out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.domain.answers import SearchResult
from app.domain.builds import BuildState
from app.domain.errors import Malformed
from app.domain.search import SearchQuery
from app.services import search
from app.services.seal_cursors import LIFE_S, Cursors
from tests.factories import a_build, a_catalog, a_deletion, a_patch, a_picture, a_submission
from tests.pipelines import Pipeline

COUNT = 23
CHEAP = {"price": {"lt": 1_000}}
QUERIES = (
    SearchQuery("a red mug", limit=4),
    SearchQuery("a mug", filter=CHEAP, limit=4),
    SearchQuery(image=a_picture("red"), limit=4),
    SearchQuery(like="p03", filter=CHEAP, limit=4),
    SearchQuery(limit=4),
    SearchQuery(filter=CHEAP, limit=4),
)


@pytest.fixture
def stocked(pipeline: Pipeline) -> Pipeline:
    """A shop of mugs, some with a picture."""
    colours = ("red", "green", "blue", "yellow")
    pipeline.accept(
        *(
            a_submission(
                f"p{number:02}",
                f"a {colours[number % 4]} mug {number}",
                pictures=[a_picture(colours[number % 4])] if number % 3 else [],
                attributes={"price": number},
            )
            for number in range(COUNT)
        )
    )
    pipeline.work()
    return pipeline


def ids(result: SearchResult) -> list[str]:
    return [hit.product.product_id for hit in result.hits]


def pages(pipeline: Pipeline, query: SearchQuery) -> Iterator[SearchResult]:
    """Every page of an answer, and after each the caller may do something."""
    page = pipeline.search(query)
    yield page
    while page.cursor:
        page = pipeline.search(query, page.cursor)
        yield page


def refused(pipeline: Pipeline, query: SearchQuery, cursor: str | None) -> str:
    with pytest.raises(Malformed) as raised:
        pipeline.search(query, cursor)
    assert raised.value.field == "cursor"
    return raised.value.code


@pytest.mark.parametrize("query", QUERIES)
def test_pages_together_are_the_whole_answer(stocked: Pipeline, query: SearchQuery) -> None:
    whole = stocked.search(replace(query, limit=100))
    assert whole.cursor is None
    found = list(pages(stocked, query))
    assert [one for page in found for one in ids(page)] == ids(whole)
    assert {page.total for page in found} == {whole.total}
    shown = [(hit.score, hit.matched) for page in found for hit in page.hits]
    expected = [(hit.score and pytest.approx(hit.score, rel=1e-6), hit.matched) for hit in whole.hits]
    assert shown == expected


def test_the_last_page_has_no_cursor_however_it_ends(stocked: Pipeline) -> None:
    for query in (SearchQuery("mug"), SearchQuery()):
        assert stocked.search(replace(query, limit=COUNT)).cursor is None
        before_last = stocked.search(replace(query, limit=COUNT - 1))
        assert before_last.cursor
        assert len(stocked.search(query, before_last.cursor).hits) == 1
        (last,) = ids(stocked.search(query, before_last.cursor))
        stocked.accepted(a_deletion(last))
        assert stocked.search(query, before_last.cursor).hits == []
        stocked.accepted(a_submission(last))
        stocked.work()


@pytest.mark.parametrize("query", QUERIES)
def test_a_shop_that_changes_between_pages_repeats_nothing_and_leaves_nothing_out(
    stocked: Pipeline, query: SearchQuery
) -> None:
    first = ids(stocked.search(replace(query, limit=100)))
    changed: set[str] = set()
    shown: list[str] = []
    for number, page in enumerate(pages(stocked, query)):
        shown += ids(page)
        later = [one for one in first if one not in shown]
        stocked.accept(a_deletion(shown[-1]), *(a_deletion(one) for one in later[1:2]))
        stocked.accept(*(a_patch(one, changes={"price": 5_000}) for one in later[3:4]))
        changed |= {*later[1:2], *later[3:4]}
        stocked.accept(a_submission(f"new{number}", "a red mug", pictures=[a_picture("red")]))
        stocked.accept(a_submission(f"o{number}", "a red mug", attributes={"price": 1}))  # before all, by its id
        stocked.work()
    assert len(shown) == len(set(shown))
    assert not set(first) - set(shown) - changed
    if query.filter:
        assert not changed & set(shown)
    if not query.browses:
        assert set(shown) <= set(first)


def test_a_page_is_filled_with_what_follows_what_is_gone(stocked: Pipeline) -> None:
    query = SearchQuery("a mug", limit=5)
    first = stocked.search(query)
    whole = ids(stocked.search(replace(query, limit=100)))
    stocked.accept(*(a_deletion(one) for one in whole[5:17]))
    assert ids(stocked.search(query, first.cursor)) == whole[17:22]


def test_a_page_goes_on_after_another_build_was_promoted_and_its_own_is_gone(stocked: Pipeline) -> None:
    query = SearchQuery(image=a_picture("red"), limit=5)
    first, whole = stocked.search(query), ids(stocked.search(replace(query, limit=100)))
    before, encoded = stocked.live(), stocked.encoder.encoded_images
    other = a_build(state=BuildState.READY, weights="1")
    with stocked.database.writing() as transaction:
        transaction.builds.add(other)
        transaction.builds.set_state(before.id, BuildState.RETIRED)
        transaction.builds.set_state(other.id, BuildState.LIVE)
    stocked.store.drop(before.images)
    stocked.store.drop(before.texts)
    second = stocked.search(query, first.cursor)
    assert ids(second) == whole[5:10]
    assert (second.build_id, second.encoder) == (before.id, first.encoder)
    assert stocked.live().id == other.id
    assert stocked.encoder.encoded_images == encoded


def test_a_cursor_stands_alone_or_beside_the_query_it_goes_on_with(stocked: Pipeline) -> None:
    for query in QUERIES:
        first = stocked.search(query)
        expected = ids(stocked.search(query, first.cursor))
        assert ids(stocked.search(SearchQuery(limit=4), first.cursor)) == expected
        assert ids(stocked.search(SearchQuery(limit=2), first.cursor)) == expected[:2]
        assert len(ids(stocked.search(replace(query, limit=7), first.cursor))) == 7
        assert refused(stocked, SearchQuery("something else"), first.cursor) == "cursor_mismatch"
        assert refused(stocked, replace(query, filter={"price": 3}), first.cursor) == "cursor_mismatch"


def test_a_cursor_lives_an_hour_from_its_page_on(stocked: Pipeline) -> None:
    query = SearchQuery("mug", limit=2)
    first = stocked.search(query)
    stocked.now += LIFE_S - 1
    second = stocked.search(query, first.cursor)
    stocked.now += 2
    assert refused(stocked, query, first.cursor) == "cursor_expired"
    assert stocked.search(query, second.cursor).hits


def test_a_cursor_of_another_catalog_is_none_of_this_one(stocked: Pipeline) -> None:
    stocked.declare(a_catalog("other"))
    cursor = stocked.search(SearchQuery(limit=2)).cursor
    with pytest.raises(Malformed) as raised:
        stocked.searcher.search("other", SearchQuery(limit=2), cursor)
    assert raised.value.code == "bad_cursor"


def test_a_cursor_is_good_in_every_process_of_the_service(stocked: Pipeline) -> None:
    query = SearchQuery("mug", limit=2)
    found = ids(stocked.search(query, stocked.search(query).cursor))
    restarted = replace(stocked.searcher, cursors=Cursors(stocked.database))
    again = restarted.search("shop", query, stocked.search(query).cursor)
    assert ids(again) == found


def test_a_ranking_is_kept_as_far_as_a_cursor_may_be_long(stocked: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_PLACES", 9)
    found = list(pages(stocked, SearchQuery("mug", limit=4)))
    assert [len(page.hits) for page in found] == [4, 4, 1]
    assert {page.total.value for page in found} == {COUNT}


def test_one_key_is_made_however_many_ask_first(pipeline: Pipeline) -> None:
    makers = [Cursors(pipeline.database) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(Cursors._key, makers))) == 1
    assert pipeline.count("secrets") == 1
