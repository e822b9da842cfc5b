"""Before a build goes live it is asked what was asked of the live one, and what somebody has judged."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.builds import Build, BuildState
from app.domain.embeddings import Vectors
from app.domain.errors import Conflict
from app.domain.products import AttributeType
from app.domain.queries import JudgedQuery
from app.domain.search import Leg, SearchQuery
from app.domain.uploads import Stage
from app.ports.vectors import Stamp, VectorRow
from app.services.gate import Budgets
from app.services.keep_queries import judge_queries
from app.services.search_legs import Legs
from app.services.steer_build import check_again
from tests.building import Shop
from tests.factories import a_catalog, a_deletion, a_picture, a_submission
from tests.fakes.encoders import COLOURS
from tests.pipelines import Pipeline

OVERLAP, NDCG = "overlap@10 of recorded queries", "nDCG@10 of judged queries"


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """A mug of each colour, and twenty other things of each colour, all with pictures."""
    for colour in COLOURS:
        pipeline.accepted(a_submission(colour, f"a {colour} mug", pictures=[a_picture(colour)]))
        for number in range(20):
            picture = a_picture(colour, size=(20 + number, 24))
            pipeline.accepted(a_submission(f"{colour}{number}", f"thing {colour}{number}", pictures=[picture]))
    pipeline.work()
    return Shop(pipeline, page=50)


def ask(shop: Shop, *queries: SearchQuery) -> None:
    for query in queries:
        shop.pipeline.search(query)
    shop.pipeline.searcher.recorder.write()


def judge(shop: Shop) -> None:
    """Every colour's mug is what is best for its name, and its things are good too."""
    judged = [
        JudgedQuery(f"{colour} mug", {colour: 3, **{f"{colour}{number}": 1 for number in range(20)}})
        for colour in COLOURS
    ]
    judge_queries(shop.pipeline.database, "shop", judged)


def checks(shop: Shop, build: Build) -> dict[str, dict[str, Any]]:
    shop.work()
    assert shop.state(build) is BuildState.READY
    return {check["name"]: check for check in (shop.build(build).report or {})["checks"]}


def spoil(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the other encoder take words for each other: one colour's for the next one's."""
    encode = shop.other.encode_texts
    following = dict(zip(COLOURS, [*list(COLOURS)[1:], *COLOURS], strict=False))

    def wrong(texts: Sequence[str]) -> Vectors:
        return encode([" ".join(following.get(word, word) for word in text.split()) for text in texts])

    monkeypatch.setattr(shop.other, "encode_texts", wrong)


def test_the_same_answers_overlap_wholly(shop: Shop) -> None:
    ask(shop, SearchQuery("red mug"), SearchQuery(like="blue"), SearchQuery("in red", like="blue"))
    judge(shop)
    found = checks(shop, build := shop.start())
    assert (found[OVERLAP]["measured"], found[OVERLAP]["of"]) == (1.0, 3)
    assert found[NDCG]["of"] == len(COLOURS)
    assert found[NDCG]["measured"] == pytest.approx(found[NDCG]["at_least"] + 0.02, abs=1e-3)
    assert (shop.build(build).report or {})["queries"] == []
    assert shop.passed(build)


def test_no_check_is_made_of_queries_where_none_are_kept(shop: Shop) -> None:
    assert not {OVERLAP, NDCG} & checks(shop, shop.start()).keys()


def test_a_worse_encoder_is_blocked_by_judged_queries_and_the_losers_stand_side_by_side(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(shop, SearchQuery("blue mug"))
    judge(shop)
    spoil(shop, monkeypatch)
    found = checks(shop, build := shop.start())
    assert found[OVERLAP]["measured"] < 1.0
    assert found[OVERLAP]["passed"]  # answers may differ as long as nobody says which are the better
    assert not found[NDCG]["passed"]
    assert not found["recall@10 of judged queries"]["passed"]
    queries = (shop.build(build).report or {})["queries"]
    assert {one["measure"] for one in queries} == {"overlap@10", "nDCG@10"}
    assert {one["query"]["text"] for one in queries} == {f"{colour} mug" for colour in COLOURS}
    for one in queries:
        assert one["now"] < one["before"]
        wanted = one["query"]["text"].split()[0]
        grade = {"grade": 3} if one["measure"] == "nDCG@10" else {}
        assert one["live"][0] == {"product_id": wanted, "title": f"a {wanted} mug", **grade}
        assert one["build"] != one["live"]
    with pytest.raises(Conflict) as raised:
        shop.switch.promote("shop", build.id)
    assert raised.value.code == "gate_failed"


def test_a_better_encoder_passes_and_nothing_loses(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        spoil(shop, patched)
        worse = shop.start()
        shop.work()
        shop.switch.promote("shop", worse.id, force=True, reason="to begin with")
        judge(shop)
        better = shop.start_with(shop.pipeline.encoder.spec)
        found = checks(shop, better)
    assert found[NDCG]["measured"] > found[NDCG]["at_least"] + 0.1
    assert (shop.build(better).report or {})["queries"] == []
    assert shop.passed(better)


def test_a_budget_can_bound_how_much_answers_change(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(shop, *(SearchQuery(f"{colour} mug") for colour in COLOURS))
    spoil(shop, monkeypatch)
    checker = shop.worker.checker
    gate = replace(checker.gate, budgets=Budgets(overlap=0.9))
    shop.worker = replace(shop.worker, checker=replace(checker, gate=gate))
    found = checks(shop, shop.start())
    assert (found[OVERLAP]["passed"], found[OVERLAP]["at_least"]) == (False, 0.9)


def test_a_query_counts_as_often_as_it_was_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    alike, unlike = SearchQuery(like="red", legs={Leg.IMAGE: 1.0}), SearchQuery("blue mug", legs={Leg.TEXT: 1.0})
    ask(shop, alike, alike, alike, unlike)
    spoil(shop, monkeypatch)
    found = checks(shop, build := shop.start())
    (loser,) = (shop.build(build).report or {})["queries"]
    assert loser["query"] == {"text": "blue mug", "legs": {"text": 1.0}}
    assert found[OVERLAP]["measured"] == pytest.approx((3 + loser["now"]) / 4, abs=1e-4)


def test_builds_are_compared_by_their_vectors_and_not_by_words_that_one_may_lack(shop: Shop) -> None:
    for colour in COLOURS:
        shop.pipeline.accepted(a_submission(f"{colour}-x", f"a {colour} mug", attributes={"care": "XT-9000"}))
    shop.pipeline.work()
    ask(shop, SearchQuery("red XT-9000"), SearchQuery("XT 9000", legs={Leg.KEYWORD: 1.0}))
    shop.pipeline.store.forget_words()
    found = checks(shop, build := shop.start())
    assert (found[OVERLAP]["measured"], found[OVERLAP]["of"]) == (1.0, 1)
    assert shop.pipeline.store.search_words(build.texts, ["xt9000"], limit=5)


def test_a_query_that_can_no_longer_be_asked_is_passed_over(shop: Shop) -> None:
    ask(shop, SearchQuery("red mug"), SearchQuery(like="red"), SearchQuery("x", filter={"colour": "red"}))
    shop.pipeline.accepted(a_deletion("red"))
    shop.pipeline.work()
    with shop.pipeline.database.writing() as transaction:
        catalog = a_catalog()
        transaction.catalogs.put(replace(catalog, attributes={"size": AttributeType.NUMBER}))
    found = checks(shop, shop.start())
    assert (found[OVERLAP]["measured"], found[OVERLAP]["of"]) == (1.0, 1)


def test_words_are_encoded_by_those_who_encode_and_once(shop: Shop) -> None:
    ask(shop, SearchQuery("red mug"), SearchQuery("blue mug"), SearchQuery(like="red"))
    judge(shop)
    build = shop.start()
    live, other = shop.pipeline.encoder, shop.other
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE)
    before = live.encoded_texts, other.encoded_texts
    while shop.step():
        pass
    assert shop.state(build) is BuildState.BUILDING
    assert (live.encoded_texts, other.encoded_texts) == before
    shop.work()
    assert shop.state(build) is BuildState.READY
    encoded = live.encoded_texts - before[0], other.encoded_texts - before[1]
    assert encoded == (len(COLOURS), len(COLOURS))
    check_again(shop.pipeline.database, shop.pipeline.jobs, "shop", build.id)
    shop.work()
    assert (live.encoded_texts - before[0], other.encoded_texts - before[1]) == encoded


def test_encoding_words_lets_uploads_go_first_and_keeps_what_it_has(shop: Shop) -> None:
    judge(shop)
    build = shop.start()
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE)
    while shop.step():
        pass
    times = 0
    before = shop.other.encoded_texts + shop.pipeline.encoder.encoded_texts
    while shop.state(build) is BuildState.BUILDING:
        shop.step(Stage.ENCODE, pause=lambda: True)
        while shop.step():
            pass
        times += 1
        assert times < 20
    assert times == 2 * len(COLOURS) / 2 + 1  # two words at a time, under either encoder
    assert shop.other.encoded_texts + shop.pipeline.encoder.encoded_texts - before == 2 * len(COLOURS)


def test_rows_that_the_store_has_and_should_not_are_counted(shop: Shop) -> None:
    build = shop.start()
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE)
    store = shop.pipeline.store
    vector = shop.other.encode_texts(["nobody's"])[0]
    store.upsert(build.texts, [VectorRow("ghost", "ghost", Stamp(1, 1), vector, {})])
    store.delete(build.images, ["red#0"])
    found = checks(shop, build)
    rows = {kind: found[f"rows {kind} in the store"] for kind in ("missing", "orphaned", "stale")}
    assert {kind: check["measured"] for kind, check in rows.items()} == {"missing": 1, "orphaned": 1, "stale": 0}
    assert rows["missing"]["of"] == 2 * 21 * len(COLOURS)
    assert not shop.passed(build)


def test_a_long_check_keeps_its_lease(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker looks for steps all the while: were the lease over, it would begin the check once more."""
    build = shop.start()
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE)
    ask(shop, *(SearchQuery(like=f"red{number}") for number in range(10)))
    lease = timedelta(seconds=3)
    shop.worker = replace(shop.worker, lease=lease, checker=replace(shop.worker.checker, lease=lease))
    search, others = Legs.search, []

    def slow(legs: Legs, *arguments: Any) -> Any:
        time.sleep(0.25)
        with shop.pipeline.database.writing() as transaction:
            others.append(transaction.build_steps.claim(Stage.INDEX, lease=lease))
        return search(legs, *arguments)

    monkeypatch.setattr(Legs, "search", slow)
    assert shop.step()
    assert shop.state(build) is BuildState.READY
    assert others == [None] * 20


def test_a_ready_build_is_checked_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(shop, monkeypatch)
    found = checks(shop, build := shop.start())
    assert NDCG not in found
    judge(shop)
    database, jobs = shop.pipeline.database, shop.pipeline.jobs
    check_again(database, jobs, "shop", build.id)
    with pytest.raises(Conflict) as raised:
        check_again(database, jobs, "shop", build.id)
    assert raised.value.code == "being_checked"
    assert not checks(shop, build)[NDCG]["passed"]
    assert shop.events(build)[-2:] == ["ready", "checked"]


def test_a_build_that_goes_live_while_it_is_checked_again_stays_live(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(shop, build := shop.start())
    assert shop.passed(build)
    report = shop.build(build).report
    check_again(shop.pipeline.database, shop.pipeline.jobs, "shop", build.id)
    compare = shop.worker.checker.gate.finder.__class__.examine

    def promoting(*arguments: Any) -> Any:
        if shop.state(build) is BuildState.READY:
            shop.switch.promote("shop", build.id)
        return compare(*arguments)

    monkeypatch.setattr(shop.worker.checker.gate.finder.__class__, "examine", promoting)
    judge(shop)
    shop.work()
    assert shop.state(build) is BuildState.LIVE
    assert shop.build(build).report == report
    with pytest.raises(Conflict) as raised:
        check_again(shop.pipeline.database, shop.pipeline.jobs, "shop", build.id)
    assert raised.value.code == "build_state"
