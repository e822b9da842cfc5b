"""Builds while uploads go on: nothing is lost, nothing is stale, and nothing comes back that was deleted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from app.adapters.postgres.products import ProductRows
from app.domain.build_steps import NewStep, StepKind
from app.domain.builds import Build, BuildState
from app.domain.embeddings import Vectors
from app.domain.errors import Conflict, EncoderNotFound, EncoderNotLoaded, Invalid, StoreUnavailable
from app.domain.search import SearchQuery
from app.domain.submissions import Submission
from app.domain.uploads import MAX_ATTEMPTS, Stage, UploadState
from app.ports.vectors import VectorRow
from app.services.describe_catalog import list_builds
from app.services.encoders import Encoders
from app.services.finish_step import finish_step
from app.services.follow_live import Aliases
from app.services.run_stage import Outcome
from app.services.steer_build import abort, retire
from tests.building import LEASE, Shop
from tests.factories import a_build, a_deletion, a_patch, a_picture, a_submission
from tests.fakes.encoders import FakeEncoder
from tests.pipelines import Pipeline, titles

RED, BLUE = a_picture("red"), a_picture("blue")


class Killed(BaseException):
    """A worker died: nothing after it is done."""


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """Five products, one of them without a picture."""
    for number in range(4):
        pipeline.accepted(a_submission(f"p{number}", f"mug {number}", pictures=[RED, BLUE][: number % 2 + 1]))
    pipeline.accepted(a_submission("q", "a lamp"))
    pipeline.work()
    return Shop(pipeline)


def expected(shop: Shop) -> dict[str, int]:
    """The rows that the live build has, which every test here has brought up to date."""
    return shop.rows(shop.pipeline.live())


def when_written(shop: Shop, monkeypatch: pytest.MonkeyPatch, collection: str, act: Callable[[], None]) -> None:
    """Do something once, between what a page has read and what it writes."""
    upsert = shop.pipeline.store.upsert
    acted: list[bool] = []

    def interrupted(into: str, rows: Sequence[VectorRow]) -> None:
        if into == collection and not acted:
            acted.append(True)
            act()
        upsert(into, rows)

    monkeypatch.setattr(shop.pipeline.store, "upsert", interrupted)


def die_on_top_of(shop: Shop, monkeypatch: pytest.MonkeyPatch, build: Build, change: Submission) -> None:
    """A worker reads a page, a change goes by, it writes what it had read, and dies before it looks again."""
    overtaken: list[bool] = []

    def overtake() -> None:
        shop.pipeline.accepted(change)
        shop.pipeline.work()
        overtaken.append(True)

    def die(collection: str) -> None:
        if overtaken and collection == build.texts:
            raise Killed

    with monkeypatch.context() as patched:
        when_written(shop, patched, build.images, overtake)
        patched.setattr(shop.pipeline.store, "settle", die)
        with pytest.raises(Killed):
            shop.work()


def test_a_build_is_filled_with_everything_and_checked(shop: Shop) -> None:
    build = shop.start()
    assert shop.state(build) is BuildState.BUILDING
    shop.work()
    assert shop.rows(build) == expected(shop) != {}
    assert (shop.state(build), shop.passed(build)) == (BuildState.READY, True)
    assert shop.events(build) == ["started", "estimated", "opened", "filled", "indexed", "ready"]


def test_an_empty_catalog_has_a_build_at_once(pipeline: Pipeline) -> None:
    shop = Shop(pipeline)
    build = shop.start()
    shop.work()
    assert (shop.state(build), shop.passed(build)) == (BuildState.READY, True)


def test_stored_embeddings_are_used(shop: Shop) -> None:
    encoder = shop.pipeline.encoder
    before = encoder.encoded_images, encoder.encoded_texts
    build = shop.start(other=False)
    shop.work()
    assert shop.rows(build) == expected(shop)
    assert (encoder.encoded_images, encoder.encoded_texts) == before


@pytest.mark.parametrize(
    "change",
    [
        a_submission("p1", "a green mug", pictures=[BLUE]),
        a_submission("p1", "a green mug"),
        a_patch("p1", changes={"colour": "green"}),
        a_deletion("p1"),
    ],
    ids=["fewer pictures", "no picture", "patch", "delete"],
)
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "only accepted"])
@pytest.mark.parametrize("part", ["images", "texts"])
def test_what_overtakes_a_page_while_it_is_written_stays_on_top(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, change: Any, indexed: bool, part: str
) -> None:
    build = shop.start(other=False)
    assert shop.step()
    assert shop.step()

    def overtake() -> None:
        shop.pipeline.accepted(change)
        if indexed:
            shop.pipeline.work()

    when_written(shop, monkeypatch, getattr(build, part), overtake)
    shop.work()
    shop.pipeline.work()
    assert shop.rows(build) == expected(shop)
    with shop.pipeline.database.reading() as transaction:
        compared = transaction.holdings.compare(build.id)
    assert (compared.missing, compared.extra) == (0, 0)


@pytest.mark.parametrize("change", [a_submission("p1", "a green mug"), a_deletion("p1")], ids=["change", "delete"])
def test_what_a_dead_worker_wrote_last_does_not_stay(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    build = shop.start(other=False)
    shop.step()
    shop.step()

    die_on_top_of(shop, monkeypatch, build, change)
    assert shop.rows(build)["p1"] == 1 != expected(shop).get("p1")
    shop.wait()
    shop.work()
    assert shop.rows(build) == expected(shop)
    assert shop.passed(build)


def test_a_page_does_not_write_a_version_whose_pictures_are_not_there_yet(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was accepted after the page had looked which products to bring, and indexed before the page wrote."""
    pipeline = shop.pipeline
    pipeline.fetcher.web["https://shop.example/green.jpg"] = a_picture("green")
    build = shop.start(other=False)
    shop.step()
    shop.step()
    look = ProductRows.standing_between
    looked: list[bool] = []

    def looking(*arguments: Any) -> Any:
        found = look(*arguments)
        if not looked:
            looked.append(True)
            pipeline.accepted(a_submission("p1", "a green mug", pictures=["https://shop.example/green.jpg"]))
        return found

    monkeypatch.setattr(ProductRows, "standing_between", looking)
    when_written(shop, monkeypatch, build.images, pipeline.work)
    shop.work()
    pipeline.work()
    assert pipeline.states("p1")[2] is UploadState.INDEXED
    assert shop.rows(build) == expected(shop)


def test_pictures_that_a_dead_worker_wrote_go_with_the_next_version(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is on its way while the page is brought again, and so not part of it."""
    pipeline = shop.pipeline
    build = shop.start(other=False)
    shop.step()
    shop.step()
    die_on_top_of(shop, monkeypatch, build, a_submission("p1", "a green mug", pictures=[RED]))
    assert shop.rows(build)["p1#1"] == 1
    pipeline.accepted(a_submission("p1", "a blue mug", pictures=[RED]))
    with shop.pipeline.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.execute(text("UPDATE build_steps SET due_at = '2026-01-01 00:00:00'"))
    shop.work()
    pipeline.work()
    assert shop.rows(build) == expected(shop)


def test_an_upload_that_began_before_a_build_was_opened_is_waited_for(shop: Shop) -> None:
    pipeline = shop.pipeline
    upload = pipeline.accepted(a_submission("late", "a late mug"))
    for stage in (Stage.INTAKE, Stage.ENCODE):
        pipeline.run(stage)
    with pipeline.database.writing() as transaction:
        claims = transaction.uploads.claim(Stage.INDEX, limit=1, lease=LEASE)
    finish = pipeline.index.begin(claims)
    with pipeline.database.reading() as transaction:
        before = transaction.builds.writable(["shop"])
    build = shop.start(other=False)
    assert shop.step()
    assert shop.build(build).takes_uploads
    for _ in range(6):
        assert shop.step(pause=lambda: True)  # which gives it back: the upload is not through
    with pytest.MonkeyPatch.context() as patched:  # as it had read the builds before this one was opened
        patched.setattr("app.adapters.postgres.builds.BuildRows.writable", lambda *_: before)
        outcome = finish()
    with pipeline.database.writing() as transaction:
        outcome.record(transaction, transaction.uploads.advance(Stage.INDEX, outcome.done))
    assert pipeline.receipt(upload).state is UploadState.INDEXED
    assert "late" not in shop.rows(build)
    shop.work()
    assert shop.rows(build)["late"] == 1
    assert shop.passed(build)


def test_an_upload_that_was_written_and_is_about_to_be_noted_stays_on_top(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker has read the rows back; then the page wrote what it had read before; then the upload was done."""
    pipeline = shop.pipeline
    build = shop.start(other=False)
    shop.step()
    shop.step()
    outcomes: list[Outcome] = []

    def overtake() -> None:
        pipeline.accepted(a_submission("p1", "a green mug"))
        for stage in (Stage.INTAKE, Stage.ENCODE):
            pipeline.run(stage)
        with pipeline.database.writing() as transaction:
            claims = transaction.uploads.claim(Stage.INDEX, limit=1, lease=LEASE)
        outcomes.append(pipeline.index.begin(claims)())

    when_written(shop, monkeypatch, build.images, overtake)
    shop.work()
    (outcome,) = outcomes
    with pipeline.database.writing() as transaction:
        outcome.record(transaction, transaction.uploads.advance(Stage.INDEX, outcome.done))
    assert pipeline.states("p1")[2] is UploadState.INDEXED
    assert shop.rows(build) == expected(shop)


def test_what_follows_a_step_follows_once(shop: Shop) -> None:
    build = shop.start()
    with shop.pipeline.database.writing() as transaction:
        late = transaction.build_steps.claim(Stage.INDEX, lease=-LEASE)
        step = transaction.build_steps.claim(Stage.INDEX, lease=LEASE)
        assert late is not None and step is not None
        assert finish_step(transaction, step, NewStep(StepKind.SLICE))
        assert not finish_step(transaction, late, NewStep(StepKind.SLICE))
        assert transaction.build_steps.left(build.id) == 1


@pytest.mark.parametrize("call", range(40))
def test_a_worker_killed_at_any_call_costs_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Calls of the database and of the store are counted; before the one with this number the worker dies."""
    left = [call]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == -1:
                raise Killed
            return function(*arguments, **named)

        return dying

    build = shop.start()
    with monkeypatch.context() as patched:
        for target, names in (
            (shop.pipeline.database, ("writing",)),
            (shop.pipeline.store, ("create", "upsert", "settle", "stamps")),
        ):
            for name in names:
                patched.setattr(target, name, counted(getattr(target, name)))
        with pytest.raises(Killed):
            shop.work()
    assert titles(shop.pipeline.search(SearchQuery(text="a lamp", limit=1))) == ["a lamp"]
    shop.wait()
    shop.work()
    assert shop.rows(build) == expected(shop)
    assert (shop.state(build), shop.passed(build)) == (BuildState.READY, True)


def test_a_content_that_the_encoder_fails_on_is_left_out_and_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = shop.other.encode_texts

    def failing(texts: Sequence[str]) -> Vectors:
        vectors = encode(texts)
        vectors[[text == "a lamp" for text in texts]] = np.nan
        return vectors

    monkeypatch.setattr(shop.other, "encode_texts", failing)
    build = shop.start()
    shop.work()
    assert shop.rows(build) == {name: version for name, version in expected(shop).items() if name != "q"}
    assert (shop.state(build), shop.passed(build)) == (BuildState.READY, False)
    failed = {check["name"] for check in (shop.build(build).report or {})["checks"] if not check["passed"]}
    assert failed == {"products missing", "contents its encoder failed on"}
    with pytest.raises(Conflict) as raised:
        shop.switch.promote("shop", build.id)
    assert raised.value.code == "gate_failed"
    with pytest.raises(Invalid):
        shop.switch.promote("shop", build.id, force=True)
    shop.switch.promote("shop", build.id, force=True, reason="one lamp")
    assert shop.pipeline.live().id == build.id
    with shop.pipeline.database.reading() as transaction:
        assert transaction.builds.events(build.id)[-1].told == {"forced": True, "reason": "one lamp"}


def test_an_upload_that_only_another_builds_encoder_fails_on_is_indexed_and_that_build_goes_without(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = shop.start()
    shop.work()
    encode = shop.other.encode_texts
    monkeypatch.setattr(shop.other, "encode_texts", lambda texts: encode(texts) * np.float32("nan"))
    upload = shop.pipeline.accepted(a_submission("q", "a lamp on fire"))
    shop.pipeline.work()
    assert shop.pipeline.receipt(upload).state is UploadState.INDEXED
    assert "q" not in shop.rows(build)
    assert expected(shop)["q"] == 2
    with shop.pipeline.database.reading() as transaction:
        assert transaction.builds.count_failed(build.id) == 1
        assert transaction.holdings.compare(build.id).missing == 1
    with pytest.raises(Conflict) as raised:
        shop.switch.promote("shop", build.id)
    assert raised.value.code == "gate_failed"


def test_a_picture_that_only_another_builds_encoder_fails_on_keeps_that_build_from_going_live(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = shop.start()
    shop.work()
    assert shop.passed(build)
    encode = shop.other.encode_images
    monkeypatch.setattr(shop.other, "encode_images", lambda pictures: encode(pictures) * np.float32("nan"))
    shop.pipeline.accepted(a_submission("q", "a lamp", pictures=[a_picture("yellow")]))
    shop.pipeline.work()
    assert {"q", "q#0"} <= expected(shop).keys()
    assert "q#0" not in shop.rows(build)
    with pytest.raises(Conflict) as raised:
        shop.switch.promote("shop", build.id)
    assert raised.value.code == "gate_failed"


def test_an_upload_that_is_dead_in_the_live_build_is_no_failure_of_one_like_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = shop.start(other=False)
    shop.work()
    encode = shop.pipeline.encoder.encode_texts
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.encoder, "encode_texts", lambda texts: encode(texts) * np.float32("nan"))
        upload = shop.pipeline.accepted(a_submission("new", "a chair"))
        shop.pipeline.work()
    assert shop.pipeline.receipt(upload).state is UploadState.DEAD
    with shop.pipeline.database.reading() as transaction:
        assert transaction.builds.count_failed(build.id) == 0
    shop.switch.promote("shop", build.id)


def no_uploads_wait(shop: Shop, build: Build, code: str) -> None:
    """An upload is indexed whatever is wrong with a build, which is given up."""
    upload = shop.pipeline.accepted(a_submission("q", "a lamp that burns"))
    for _ in range(MAX_ATTEMPTS + 1):
        shop.pipeline.work()
        shop.pipeline.wait()
    assert shop.pipeline.receipt(upload).state is UploadState.INDEXED
    found = shop.build(build)
    assert (found.takes_uploads, found.error_code) == (False, code)
    assert shop.events(build)[-1] == "given up"
    assert expected(shop)["q"] == 2


def test_uploads_do_not_wait_for_the_encoder_of_a_build_that_is_not_live(shop: Shop) -> None:
    build = shop.start()
    shop.work()
    shop.pipeline.loader.forget(shop.other)
    shop.pipeline.encoders._open.clear()  # as in a worker that starts anew
    no_uploads_wait(shop, build, "encoder_not_found")
    assert shop.state(build) is BuildState.FAILED


def test_uploads_do_not_wait_for_the_encoder_of_a_build_that_was_live(shop: Shop) -> None:
    before = shop.pipeline.live()
    build = shop.start()
    shop.work()
    shop.switch.promote("shop", build.id)
    shop.pipeline.loader.forget(shop.pipeline.encoder)
    shop.pipeline.encoders._open.pop(shop.pipeline.encoder.spec.name)
    no_uploads_wait(shop, before, "encoder_not_found")
    assert shop.state(before) is BuildState.RETIRED
    assert shop.state(build) is BuildState.LIVE


def test_no_upload_dies_of_another_builds_encoder(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shop.start()
    shop.work()

    def broken(_: object) -> Vectors:
        raise RuntimeError("device-side assert triggered")

    monkeypatch.setattr(shop.other, "encode_texts", broken)
    no_uploads_wait(shop, build, "attempt_failed")


def test_no_upload_dies_of_another_builds_collection(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shop.start()
    shop.work()
    upsert = shop.pipeline.store.upsert

    def refusing(collection: str, rows: Sequence[VectorRow]) -> None:
        if collection == build.texts:
            raise RuntimeError("no such field")
        upsert(collection, rows)

    monkeypatch.setattr(shop.pipeline.store, "upsert", refusing)
    no_uploads_wait(shop, build, "attempt_failed")


def test_no_upload_dies_of_rows_that_another_build_does_not_give_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = shop.start()
    shop.work()
    stamps = shop.pipeline.store.stamps
    monkeypatch.setattr(
        shop.pipeline.store,
        "stamps",
        lambda name, ids, **how: {} if name == build.texts else stamps(name, ids, **how),
    )
    no_uploads_wait(shop, build, "not_found_back")


def test_uploads_wait_for_a_store_that_is_away_and_no_build_ends(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shop.start()
    shop.work()

    def down(*_: object) -> None:
        raise StoreUnavailable("Milvus does not answer")

    upload = shop.pipeline.accepted(a_submission("q", "a lamp that burns"))
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "upsert", down)
        for _ in range(2 * MAX_ATTEMPTS):
            shop.pipeline.work()
            shop.pipeline.wait()
    assert shop.build(build).takes_uploads
    shop.pipeline.work()
    assert shop.pipeline.receipt(upload).state is UploadState.INDEXED
    assert shop.rows(build)["q"] == 2


@pytest.mark.parametrize("estimated", [False, True])
def test_an_encoder_that_is_away_is_waited_for(shop: Shop, estimated: bool) -> None:
    build = shop.start() if estimated else shop.begin(shop.other.spec)
    shop.pipeline.loader.forget(shop.other)
    shop.pipeline.encoders._open.clear()  # as in a worker that starts anew
    shop.work()
    assert shop.state(build) is BuildState.BUILDING
    with shop.pipeline.database.reading() as transaction:
        waiting = transaction.build_steps.waiting(build.id)
    assert waiting is not None and waiting.code == EncoderNotFound.code


def test_a_build_whose_steps_fail_again_and_again_has_failed_and_takes_no_uploads(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = shop.start()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(shop.pipeline.store, "create", broken)
    for _ in range(MAX_ATTEMPTS + 1):
        shop.work()
        shop.wait()
    found = shop.build(build)
    assert (found.state, found.error_code, found.takes_uploads) == (BuildState.FAILED, "attempt_failed", False)
    assert shop.events(build)[-1] == "failed"
    shop.start()


def test_a_store_that_is_away_costs_a_build_no_attempt(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise StoreUnavailable("Milvus does not answer")

    build = shop.start()
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "upsert", down)
        for _ in range(2 * MAX_ATTEMPTS):
            shop.work()
            shop.wait()
    assert shop.state(build) is BuildState.BUILDING
    shop.work()
    assert shop.rows(build) == expected(shop)


def test_the_collections_of_an_ended_build_are_dropped_after_a_while(shop: Shop) -> None:
    build = shop.start()
    shop.work()
    abort(shop.pipeline.database, "shop", build.id)
    shop.work()
    assert shop.rows(build)
    shop.wait()
    shop.work()
    assert shop.rows(build) == {}
    assert shop.events(build)[-2:] == ["aborted", "dropped"]
    assert shop.pipeline.count("build_products") == 5


def test_a_build_goes_live_once_every_api_process_has_its_encoder(shop: Shop) -> None:
    build = shop.start()
    shop.work()

    def announce(*fingerprints: str) -> None:
        with shop.pipeline.database.writing() as transaction:
            transaction.announcements.announce("api-2", fingerprints)

    announce(shop.pipeline.encoder.spec.fingerprint)
    with pytest.raises(EncoderNotLoaded, match="api-2"):
        shop.switch.promote("shop", build.id)
    assert shop.state(build) is BuildState.READY
    announce(shop.other.spec.fingerprint)
    shop.switch.promote("shop", build.id)
    assert shop.state(build) is BuildState.LIVE


def test_aliases_follow_the_live_build(shop: Shop) -> None:
    aliases = Aliases(shop.pipeline.database, shop.pipeline.store)
    before = shop.pipeline.live()
    names = shop.pipeline.store.aliases
    for _ in range(2):
        aliases.follow()
        assert names == {"vitrine_live_shop_images": before.images, "vitrine_live_shop_texts": before.texts}
    build = shop.start()
    shop.work()
    shop.switch.promote("shop", build.id)
    aliases.follow()
    assert names == {"vitrine_live_shop_images": build.images, "vitrine_live_shop_texts": build.texts}


def test_aliases_of_catalogs_with_like_names_differ() -> None:
    names = [name for catalog in ("a.b", "a-b", "a_b", "ab") for name in a_build(catalog).aliases]
    assert len(set(names)) == 8
    assert all(name.isidentifier() for name in names)


def test_a_query_ends_on_the_build_it_began_with(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.pipeline.live()
    build = shop.start()
    shop.work()
    search = shop.pipeline.store.search
    switched: list[str] = []

    def switching(collection: str, *arguments: Any, **named: Any) -> Any:
        if not switched:
            switched.append(build.id)
            shop.switch.promote("shop", build.id)
        return search(collection, *arguments, **named)

    monkeypatch.setattr(shop.pipeline.store, "search", switching)
    first = shop.pipeline.search(SearchQuery(text="a lamp", limit=1))
    assert (first.build_id, titles(first)) == (before.id, ["a lamp"])
    second = shop.pipeline.search(SearchQuery(text="a lamp", limit=1))
    assert (second.build_id, titles(second)) == (build.id, ["a lamp"])


def test_a_build_is_checked_once_the_store_has_indexed_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    store, build = shop.pipeline.store, shop.start()
    left = [900, 400, 0]
    sealed: list[str] = []
    monkeypatch.setattr(store, "seal", sealed.append)
    monkeypatch.setattr(store, "unindexed", lambda name: left[0] if name == build.texts else 0)
    shop.work()
    assert shop.state(build) is BuildState.BUILDING
    with shop.pipeline.database.reading() as transaction:
        waiting = transaction.build_steps.waiting(build.id)
    assert waiting is not None
    assert (waiting.code, "900" in waiting.detail) == ("indexing", True)
    for _ in range(MAX_ATTEMPTS + 2):  # however long it takes
        shop.wait()
        shop.work()
    assert shop.state(build) is BuildState.BUILDING
    del left[:2]
    shop.wait()
    shop.work()
    assert shop.state(build) is BuildState.READY
    assert sorted(sealed) == sorted(build.collections)


def test_going_back_twice_does_not_go_forward(shop: Shop) -> None:
    first, build = shop.pipeline.live(), shop.start()
    shop.work()
    shop.switch.promote("shop", build.id)
    shop.switch.rollback("shop", build.id)
    with pytest.raises(Conflict) as raised:
        shop.switch.rollback("shop", first.id)
    assert (raised.value.code, build.id in raised.value.detail) == ("rolled_back", True)
    shop.switch.promote("shop", build.id)
    assert shop.switch.rollback("shop", build.id).id == first.id


def test_a_build_that_the_store_has_lost_does_not_go_live(shop: Shop) -> None:
    first, build = shop.pipeline.live(), shop.start()
    shop.work()
    shop.pipeline.store.drop(build.texts)
    with pytest.raises(StoreUnavailable):
        shop.switch.promote("shop", build.id)
    assert shop.pipeline.live().id == first.id


def test_a_page_of_a_build_with_a_rate_is_some_seconds_of_it(pipeline: Pipeline) -> None:
    for number in range(40):
        pipeline.accepted(a_submission(f"p{number:02}"))
    pipeline.work()
    shop = Shop(pipeline, page=100)
    build = shop.start(rate=2)
    while shop.step():
        pass
    with pipeline.database.reading() as transaction:
        assert 0 < transaction.build_steps.progress(build.id).filled <= 10


def test_the_models_of_builds_that_may_answer_are_looked_for_where_they_lay(shop: Shop) -> None:
    database, encoders, loader = shop.pipeline.database, shop.pipeline.encoders, shop.pipeline.loader
    build = shop.begin(shop.other.spec)
    shop.work()
    shop.switch.promote("shop", build.id)

    def faults() -> list[str | None]:
        return [one.fault and one.fault.code for one in list_builds(database, "shop", encoders)]

    assert faults() == [None, None]
    loader.forget(shop.pipeline.encoder)
    assert faults() == [None, "encoder_not_found"]
    loader.forget(shop.other)
    assert faults() == ["encoder_not_found", "encoder_not_found"]
    retire(database, "shop", list_builds(database, "shop")[1].build.id)
    assert faults() == ["encoder_not_found", None]
    assert [one.fault for one in list_builds(database, "shop")] == [None, None]


def test_a_model_that_is_still_to_be_fetched_is_no_fault(shop: Shop) -> None:
    database, loader = shop.pipeline.database, shop.pipeline.loader
    encoders = Encoders(loader, configured="none")  # of a process that did not fill the build
    loader.know(hub := FakeEncoder("owner/model@revision", weights="2"))
    shop.begin(hub.spec)
    shop.work()

    def told() -> tuple[bool, str | None]:
        newest = list_builds(database, "shop", encoders)[0]
        return newest.to_fetch, newest.fault and newest.fault.code

    assert told() == (False, None)
    loader.forget(hub)
    assert told() == (True, None)
    loader.know(hub)
    encoders.of(hub.spec)
    loader.forget(hub)
    assert told() == (False, "encoder_not_cached")
    assert not list_builds(database, "shop")[0].to_fetch
