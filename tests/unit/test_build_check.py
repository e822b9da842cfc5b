"""The check of a build ends, whatever becomes of queries, models and workers, and costs no build that was ready."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain.builds import Build, BuildState
from app.domain.embeddings import EncoderSpec, Vectors
from app.domain.errors import EncoderRefused, StoreUnavailable
from app.domain.queries import JudgedQuery
from app.domain.search import Leg, SearchQuery
from app.domain.uploads import MAX_ATTEMPTS, Stage
from app.ports.encoders import Encoder
from app.services.encoders import Encoders
from app.services.gate import Gate
from app.services.keep_queries import forget_queries, judge_queries, kept_queries
from app.services.search_legs import Legs
from app.services.steer_build import abort, check_again
from tests.building import Shop
from tests.factories import a_picture, a_submission
from tests.fakes.encoders import COLOURS, FakeEncoder
from tests.pipelines import Pipeline

UNASKED = "judged queries that could not be asked"


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """A mug of each colour, and more things than a first page shows."""
    for colour in COLOURS:
        pipeline.accepted(a_submission(colour, f"a {colour} mug", pictures=[a_picture(colour)]))
        for number in range(10):
            pipeline.accepted(a_submission(f"{colour}{number}", f"a {colour} thing of {number} parts"))
    pipeline.work()
    return Shop(pipeline, page=50)


def judge(shop: Shop, *texts: str) -> None:
    judge_queries(shop.pipeline.database, "shop", [JudgedQuery(text, {"red": 1}) for text in texts])


def ask(shop: Shop, *queries: SearchQuery) -> None:
    for query in queries:
        shop.pipeline.search(query)
    shop.pipeline.searcher.recorder.write()


def filled(shop: Shop, build: Build) -> None:
    while shop.events(build)[-1] != "filled":
        assert shop.step() or shop.step(Stage.ENCODE)


def attempted(shop: Shop) -> None:
    """More often than anything is tried."""
    for _ in range(3 * MAX_ATTEMPTS):
        shop.work()
        shop.wait()


def checks(shop: Shop, build: Build) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in (shop.build(build).report or {})["checks"]}


def failing_on(encoder: FakeEncoder, word: str) -> Callable[[Sequence[str]], Vectors]:
    encode = encoder.encode_texts

    def encoded(texts: Sequence[str]) -> Vectors:
        vectors = encode(texts)
        vectors[[word in text for text in texts]] = np.nan
        return vectors

    return encoded


@pytest.mark.parametrize("which", ["live", "other"])
def test_words_that_an_encoder_fails_on_cost_the_build_nothing_but_are_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    encoder = shop.pipeline.encoder if which == "live" else shop.other
    ask(shop, SearchQuery("poison mug"), SearchQuery("red mug"))
    judge(shop, "poison mug", "red mug")
    monkeypatch.setattr(encoder, "encode_texts", failing_on(encoder, "poison"))
    build = shop.start()
    attempted(shop)
    assert shop.state(build) is BuildState.READY
    found = checks(shop, build)
    assert (found[UNASKED]["measured"], found[UNASKED]["of"], found[UNASKED]["passed"]) == (1, 2, False)
    assert found["nDCG@10 of judged queries"]["of"] == found["overlap@10 of recorded queries"]["of"] == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_live_build_whose_model_is_gone_keeps_nobody_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """It may be refused when it is opened, or as late as at its first use."""
    live, open_encoder = shop.pipeline.live(), Encoders.of
    refused: list[str] = []

    def refuse(*_: object) -> Any:
        refused.append("once")
        raise EncoderRefused("another model stands there", code="fingerprint_mismatch")

    def opened(encoders: Encoders, spec: EncoderSpec) -> Encoder:
        return open_encoder(encoders, spec) if late or spec != live.encoder else refuse()

    ask(shop, SearchQuery("red mug"), SearchQuery(like="red"))
    judge(shop, *(f"{number} mugs" for number in range(9)))
    build = shop.start()
    filled(shop, build)
    monkeypatch.setattr(Encoders, "of", opened)
    if late:
        monkeypatch.setattr(shop.pipeline.encoder, "encode_texts", refuse)
    attempted(shop)
    assert shop.state(build) is BuildState.READY
    assert refused == ["once"]
    found = checks(shop, build)
    assert found["overlap@10 of recorded queries"]["of"] == 1  # a product is asked with what is stored
    assert (found[UNASKED]["measured"], found[UNASKED]["passed"]) == (9, False)


def test_what_is_judged_too_late_to_be_asked_is_told(shop: Shop) -> None:
    judge(shop, "red mug")
    build = shop.start()
    filled(shop, build)
    for stage in (Stage.INDEX, Stage.ENCODE):
        while shop.step(stage):
            pass
    judge(shop, "red mug", "blue mug")
    shop.work()
    assert checks(shop, build)[UNASKED]["measured"] == 1
    check_again(shop.pipeline.database, shop.pipeline.jobs, "shop", build.id)
    shop.work()
    assert UNASKED not in checks(shop, build)


@pytest.mark.parametrize("state", [BuildState.READY, BuildState.LIVE])
def test_a_second_check_that_fails_costs_no_build(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, state: BuildState
) -> None:
    def broken(*_: Any) -> Any:
        if state is BuildState.LIVE and shop.state(build) is BuildState.READY:
            shop.switch.promote("shop", build.id)
        raise RuntimeError("a defect")

    first, build = shop.pipeline.live(), shop.start()
    shop.work()
    report = shop.build(build).report
    monkeypatch.setattr(Gate, "judge", broken)
    check_again(shop.pipeline.database, shop.pipeline.jobs, "shop", build.id)
    attempted(shop)
    assert (shop.state(build), shop.build(build).report) == (state, report)
    assert ("check failed" in shop.events(build)) == (state is BuildState.READY)
    assert shop.build(build).takes_uploads
    assert shop.pipeline.live().id == (build.id if state is BuildState.LIVE else first.id)


def test_a_check_of_a_build_that_ends_meanwhile_ends_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(shop, *(f"{number} mugs" for number in range(10)))
    build = shop.start()
    filled(shop, build)
    search, asked = Legs.search, []

    def counted(legs: Legs, *arguments: Any) -> Any:
        if not asked:
            abort(shop.pipeline.database, "shop", build.id)
        asked.append(arguments)
        return search(legs, *arguments)

    monkeypatch.setattr(Legs, "search", counted)
    monkeypatch.setattr("app.services.check_build._EVERY_S", 0.0)
    shop.work()
    assert len(asked) == 2  # one query, of both builds
    assert shop.events(build)[-1] == "aborted"
    assert shop.build(build).report is None


def test_uploads_go_first_in_a_check_which_is_done_to_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(shop, "red mug", "blue mug")
    build = shop.start()
    filled(shop, build)
    while shop.step(Stage.INDEX) or shop.step(Stage.ENCODE):
        if shop.events(build)[-1] != "filled":
            break
    monkeypatch.setattr("app.services.check_build._EVERY_S", 0.0)
    check_again(shop.pipeline.database, shop.pipeline.jobs, "shop", build.id)
    looked: list[bool] = []

    def turn_is_over() -> bool:
        looked.append(True)
        return True

    while shop.events(build)[-1] != "checked":
        assert shop.step(pause=turn_is_over)
    assert len(looked) > 2


def test_that_everything_is_indexed_is_noted_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("Milvus does not answer")

    build = shop.start()
    with monkeypatch.context() as patched:
        patched.setattr(Gate, "judge", away)
        attempted(shop)
    assert shop.state(build) is BuildState.BUILDING
    shop.work()
    assert shop.events(build).count("indexed") == 1
    assert shop.state(build) is BuildState.READY


def test_what_is_forgotten_is_no_longer_in_a_report(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(shop, SearchQuery("red secret", legs={Leg.TEXT: 1.0}))
    encode = shop.other.encode_texts
    monkeypatch.setattr(
        shop.other, "encode_texts", lambda texts: encode([one.replace("red", "blue") for one in texts])
    )
    judge(shop, "red mug")
    build = shop.start()
    shop.work()
    assert "secret" in str(shop.build(build).report)
    measures = {one["measure"] for one in (shop.build(build).report or {})["queries"]}
    forget_queries(shop.pipeline.database, "shop")
    assert "secret" not in str(shop.build(build).report)
    left = {one["measure"] for one in (shop.build(build).report or {})["queries"]}
    assert left == measures - {"overlap@10"}


def test_a_query_of_any_length_is_answered_and_a_long_one_not_recorded(shop: Shop) -> None:
    ask(shop, SearchQuery("mug", filter={"any": [{"price": {"lt": number}} for number in range(250)]}))
    ask(shop, SearchQuery("mug", filter={"any": [{"price": {"lt": number}} for number in range(15)]}))
    (kept,) = kept_queries(shop.pipeline.database, "shop").recorded
    assert len((kept.query.filter or {})["any"]) == 15


def test_a_query_whose_good_answers_are_not_in_the_catalog_says_nothing(shop: Shop) -> None:
    judged = [JudgedQuery("red mug", {"nobody": 3, "red": 0}), JudgedQuery("blue mug", {"nobody": 1, "blue": 3})]
    judge_queries(shop.pipeline.database, "shop", judged)
    build = shop.start()
    shop.work()
    found = checks(shop, build)
    assert (found[UNASKED]["measured"], found[UNASKED]["of"]) == (1, 2)
    assert found["nDCG@10 of judged queries"]["of"] == 1
    assert not shop.passed(build)


def test_a_worker_that_is_stopped_in_a_check_gives_it_back_blamelessly(shop: Shop) -> None:
    build = shop.start()
    filled(shop, build)
    worker = shop.worker
    shop.worker = replace(worker, checker=replace(worker.checker, stopped=lambda: True))
    for _ in range(2 * MAX_ATTEMPTS):
        assert shop.step()
        shop.wait()
    assert shop.state(build) is BuildState.BUILDING
    shop.worker = worker
    shop.work()
    assert shop.passed(build)
