"""The estimate of a build: counted exactly, measured on a sample, and leaving nothing behind."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from app.domain.build_steps import BUILDING, NewStep, StepKind
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.embeddings import Vectors, text_hash
from app.domain.errors import Conflict, StoreUnavailable
from app.domain.estimates import ESTIMATED, RESERVE_BYTES
from app.domain.index_size import index_bytes
from app.domain.uploads import MAX_ATTEMPTS, Stage
from app.services.describe_catalog import list_builds
from app.services.steer_build import abort, throttle
from tests.building import Shop
from tests.factories import a_deletion, a_picture, a_submission
from tests.fakes.encoders import DIMENSION
from tests.pipelines import Pipeline

RED, BLUE = a_picture("red"), a_picture("blue")


class Killed(BaseException):
    """A worker died: nothing after it is done."""


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """Five products of three captions and two pictures, and one that is deleted."""
    for number in range(4):
        pipeline.accepted(a_submission(f"p{number}", f"mug {number % 2}", pictures=[RED, BLUE][: number % 2 + 1]))
    pipeline.accepted(a_submission("q", "a lamp"))
    pipeline.accepted(a_submission("gone", "a chair", pictures=[a_picture("green")]))
    pipeline.work()
    pipeline.accepted(a_deletion("gone"))
    pipeline.work()
    return Shop(pipeline)


def told(shop: Shop, build: Build) -> dict[str, Any]:
    """What was estimated."""
    with shop.pipeline.database.reading() as transaction:
        (event,) = [one for one in transaction.builds.events(build.id) if one.what == "estimated"]
    return dict(event.told)


def counts(shop: Shop, build: Build) -> dict[str, int]:
    names = ("products", "pictures", "captions", "stored", "pictures_to_encode", "captions_to_encode")
    return {name: told(shop, build)[name] for name in names}


def collections(shop: Shop) -> set[str]:
    return set(shop.pipeline.store._collections)


def of(*builds: Build) -> set[str]:
    """The names of the collections of these builds."""
    return {name for one in builds for name in (one.images, one.texts)}


def test_what_a_dry_run_counts_is_exact(shop: Shop) -> None:
    shop.pipeline.accepted(a_submission("late", "a sofa"))  # which goes to a build with its upload
    build = shop.begin(shop.other.spec, dry_run=True)
    shop.work()
    everything = {"products": 5, "pictures": 2, "captions": 3}
    assert counts(shop, build) == {**everything, "stored": 0, "pictures_to_encode": 2, "captions_to_encode": 3}
    assert told(shop, build)["sampled"] == {"pictures": 1, "captions": 1, "rows": 11}
    lamp = np.eye(1, DIMENSION, dtype=np.float32)[0]
    with shop.pipeline.database.writing() as transaction:
        transaction.embeddings.add(shop.other.spec.fingerprint, {text_hash("a lamp"): lamp})
        stored = len(transaction.embeddings.known(shop.other.spec.fingerprint, [text_hash("a lamp")]))
    assert stored == 1
    again = shop.begin(shop.other.spec, dry_run=True)
    shop.work()
    left = counts(shop, again)
    # The first sample is stored now, and the lamp, which may have been in it.
    assert (left["pictures_to_encode"], left["captions_to_encode"] in {1, 2}) == (1, True)
    assert left["stored"] == 5 - left["pictures_to_encode"] - left["captions_to_encode"]


def listed(shop: Shop) -> list[Build]:
    return [one.build for one in list_builds(shop.pipeline.database, "shop")]


def test_a_dry_run_changes_nothing_and_is_not_listed_afterwards(shop: Shop) -> None:
    live = shop.pipeline.live()
    before = shop.pipeline.everything()
    build = shop.begin(shop.other.spec, dry_run=True)
    assert listed(shop) == [build, live]
    shop.work()
    assert (shop.state(build), shop.build(build).takes_uploads) == (BuildState.ABORTED, False)
    assert shop.events(build) == ["started", "estimated"]
    assert collections(shop) == of(live)
    assert shop.pipeline.everything() == before
    assert listed(shop) == [live]
    assert "free_bytes" not in told(shop, build)
    shop.wait()
    shop.work()
    assert shop.events(build) == ["started", "estimated", "dropped"]
    assert listed(shop) == [live]


def test_a_dry_run_that_failed_or_was_aborted_is_not_listed_either(shop: Shop) -> None:
    live, build = shop.pipeline.live(), shop.begin(shop.other.spec, dry_run=True)
    abort(shop.pipeline.database, "shop", build.id)
    shop.pipeline.loader.forget(shop.other)
    failing = shop.begin(shop.other.spec, dry_run=True)
    shop.work()
    assert (shop.state(build), shop.state(failing)) == (BuildState.ABORTED, BuildState.BUILDING)
    assert listed(shop) == [failing, live]
    abort(shop.pipeline.database, "shop", failing.id)
    assert listed(shop) == [live]


@pytest.mark.parametrize("state", ["estimating", "filling", "paused", "ready"])
@pytest.mark.parametrize("other", [True, False], ids=["encodes", "writes alone"])
def test_a_dry_run_answers_beside_an_unfinished_build_and_costs_it_nothing(
    shop: Shop, state: str, other: bool
) -> None:
    live = shop.pipeline.live()
    real = shop.begin(shop.other.spec, rate=0 if state == "paused" else None)
    for _ in range({"estimating": 1, "filling": 5, "paused": 100, "ready": 100}[state]):
        assert any(shop.step(stage) for stage in BUILDING) or state in ("paused", "ready")
    before, filled = shop.state(real), shop.rows(real) if state != "estimating" else {}
    assert before is (BuildState.READY if state == "ready" else BuildState.BUILDING)
    dry = shop.begin(shop.other.spec if other else None, dry_run=True)
    while shop.state(dry) is BuildState.BUILDING:
        assert any(shop.step(stage) for stage in BUILDING)
    assert told(shop, dry)["products"] == 5
    assert shop.state(real) is before
    assert (shop.rows(real) if state != "estimating" else {}) == filled
    if state == "paused":
        throttle(shop.pipeline.database, shop.pipeline.jobs, "shop", real.id, rate=None)
    shop.work()
    assert (shop.state(real), shop.passed(real)) == (BuildState.READY, True)
    assert collections(shop) == of(live, real)
    assert shop.rows(real) == shop.rows(live)


def test_a_build_starts_beside_a_dry_run_and_each_keeps_only_its_like_out(shop: Shop) -> None:
    dry, real = shop.begin(shop.other.spec, dry_run=True), shop.begin(shop.other.spec)
    for dry_run, code, other in ((False, "build_unfinished", real), (True, "dry_run_unfinished", dry)):
        with pytest.raises(Conflict) as raised:
            shop.begin(dry_run=dry_run)
        assert (raised.value.code, other.id in raised.value.detail) == (code, True)
    shop.work()
    assert told(shop, dry)["products"] == 5
    assert (shop.state(real), shop.passed(real)) == (BuildState.READY, True)


def test_a_dry_run_is_told_of_until_another_begins_after_its_collections_are_gone(shop: Shop) -> None:
    first = shop.begin(dry_run=True)
    shop.work()
    second = shop.begin(dry_run=True)  # so soon that what the first one made is not dropped yet
    shop.work()
    shop.wait()
    shop.work()
    assert told(shop, first)["products"] == told(shop, second)["products"] == 5
    real = shop.begin()
    abort(shop.pipeline.database, "shop", real.id)
    third = shop.begin(dry_run=True)
    with shop.pipeline.database.reading() as transaction:
        found = {one.id for one in transaction.builds.all("shop")}
    assert found == {shop.pipeline.live().id, real.id, third.id}
    shop.work()
    assert told(shop, third)["products"] == 5


def test_a_dry_run_that_a_release_without_a_column_for_it_began_ends_with_its_estimate_too(shop: Shop) -> None:
    live, dry = shop.pipeline.live(), shop.begin()
    with shop.pipeline.database.writing() as transaction:
        transaction.build_steps.forget(dry.id)
        transaction.build_steps.add(dry.id, [NewStep(StepKind.DRY_RUN)])
    shop.work()
    assert (shop.state(dry), told(shop, dry)["products"]) == (BuildState.ABORTED, 5)
    assert collections(shop) == of(live)


@pytest.mark.parametrize("kind", [StepKind.ESTIMATE, StepKind.OPEN])
def test_a_dry_run_is_not_opened_by_whoever_takes_it_for_a_build(shop: Shop, kind: StepKind) -> None:
    live, dry = shop.pipeline.live(), shop.begin(dry_run=True)
    with shop.pipeline.database.writing() as transaction:
        transaction.build_steps.forget(dry.id)
        transaction.build_steps.add(dry.id, [NewStep(kind)])
    shop.work()
    assert (shop.state(dry), shop.build(dry).takes_uploads) == (BuildState.ABORTED, False)
    assert "opened" not in shop.events(dry)
    assert collections(shop) == of(live)
    shop.wait()
    shop.work()
    assert shop.events(dry)[-1] == "dropped"


def test_another_index_encodes_nothing(shop: Shop) -> None:
    encoder = shop.pipeline.encoder
    before = encoder.encoded_images, encoder.encoded_texts
    build = shop.begin(dry_run=True)
    while shop.step(Stage.INDEX):
        pass
    assert counts(shop, build)["stored"] == 5
    assert told(shop, build)["encoding_seconds"] == told(shop, build)["database_bytes"] == 0
    assert (encoder.encoded_images, encoder.encoded_texts) == before


def test_an_estimate_takes_a_tenth_of_the_work_and_stores_what_it_encodes(pipeline: Pipeline) -> None:
    for number in range(31):
        pipeline.accepted(a_submission(f"p{number}", f"mug {number}"))
    pipeline.work()
    shop = Shop(pipeline)
    build = shop.begin(shop.other.spec, dry_run=True)
    shop.work()
    assert told(shop, build)["sampled"] == {"pictures": 0, "captions": 4, "rows": 31}
    names = [text_hash(f"mug {number}") for number in range(31)]
    with pipeline.database.reading() as transaction:
        assert len(transaction.embeddings.known(shop.other.spec.fingerprint, names)) == 4


def test_an_empty_catalog_takes_nothing(pipeline: Pipeline) -> None:
    shop = Shop(pipeline)
    build = shop.begin(shop.other.spec, dry_run=True)
    shop.work()
    assert counts(shop, build) == dict.fromkeys(counts(shop, build), 0)
    assert shop.state(build) is BuildState.ABORTED


def test_a_rate_bounds_the_time(shop: Shop) -> None:
    build = shop.begin(rate=0.001)
    while shop.step():
        pass
    assert told(shop, build)["seconds"] == 5_000


def test_a_build_that_does_not_fit_has_failed_before_it_makes_anything(shop: Shop) -> None:
    live, store = shop.pipeline.live(), shop.pipeline.store
    store.free = RESERVE_BYTES + 100
    build = shop.begin(shop.other.spec)
    shop.work()
    found = shop.build(build)
    assert (found.state, found.error_code, found.takes_uploads) == (BuildState.FAILED, "disk_short", False)
    assert found.error_detail is not None
    assert "0.54 GB" in found.error_detail
    assert shop.events(build) == ["started", "estimated", "failed"]
    assert collections(shop) == of(live)
    dry = shop.begin(shop.other.spec, dry_run=True)
    shop.work()
    assert shop.state(dry) is BuildState.ABORTED
    assert (told(shop, dry)["free_bytes"], told(shop, dry)["fits"]) == (store.free, False)
    store.free = RESERVE_BYTES + 1_000_000
    fits = shop.begin(shop.other.spec)
    shop.work()
    assert (shop.state(fits), told(shop, fits)["fits"]) == (BuildState.READY, True)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("call", range(27))
def test_a_worker_killed_at_any_call_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, call: int, dry_run: bool
) -> None:
    """Calls of the database and of the store are counted; from the one with this number on the worker is dead."""
    left = [call]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return function(*arguments, **named)

        return dying

    live, build = shop.pipeline.live(), shop.begin(shop.other.spec, dry_run=dry_run)
    with monkeypatch.context() as patched:
        for target, names in (
            (shop.pipeline.database, ("writing",)),
            (shop.pipeline.store, ("create", "upsert", "settle", "stamps", "seal", "drop")),
        ):
            for name in names:
                patched.setattr(target, name, counted(getattr(target, name)))
        with pytest.raises(Killed):
            shop.work()
    shop.wait()
    shop.work()
    assert counts(shop, build)["products"] == 5
    assert shop.state(build) is (BuildState.ABORTED if dry_run else BuildState.READY)
    assert collections(shop) == (of(live) if dry_run else of(live, build))


def test_what_a_dead_worker_left_goes_with_a_build_that_was_aborted(shop: Shop) -> None:
    live, build = shop.pipeline.live(), shop.begin()
    shop.pipeline.store.create(build.rehearsal.texts, dimension=DIMENSION, index=build.index)
    abort(shop.pipeline.database, "shop", build.id)
    shop.wait()
    shop.work()
    assert collections(shop) == of(live)


def test_an_estimate_ends_however_short_a_turn_is_and_measures_the_less(shop: Shop) -> None:
    for number in range(60):
        shop.pipeline.accepted(a_submission(f"more{number}", f"more of {number}"))
    shop.pipeline.work()
    build = shop.begin(shop.other.spec, dry_run=True)
    while shop.step(pause=lambda: True) or shop.step(Stage.ENCODE, pause=lambda: True):
        pass
    assert shop.state(build) is BuildState.ABORTED
    with shop.pipeline.database.reading() as transaction:
        (told,) = [event.told for event in transaction.builds.events(build.id) if event.what == ESTIMATED]
    assert 0 < told["sampled"]["captions"] < 7  # a tenth of all, where there is time


def test_a_content_that_the_encoder_fails_on_does_not_keep_a_build_from_its_estimate(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(texts: list[str]) -> Vectors:
        return np.full((len(texts), DIMENSION), np.nan, dtype=np.float32)

    monkeypatch.setattr(shop.other, "encode_texts", failing)
    build = shop.begin(shop.other.spec, dry_run=True)
    shop.work()
    assert counts(shop, build)["captions_to_encode"] == 3


def test_a_store_that_is_away_is_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise StoreUnavailable("Milvus does not answer")

    build = shop.begin(dry_run=True)
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "upsert", down)
        for _ in range(2 * MAX_ATTEMPTS):
            shop.work()
            shop.wait()
    assert shop.state(build) is BuildState.BUILDING
    shop.work()
    assert shop.state(build) is BuildState.ABORTED


def test_a_model_that_does_not_load_fails_the_dry_run_with_a_reason(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Vectors:
        raise RuntimeError("device-side assert triggered")

    monkeypatch.setattr(shop.other, "encode_texts", broken)
    build = shop.begin(shop.other.spec, dry_run=True)
    for _ in range(MAX_ATTEMPTS + 1):
        shop.work()
        shop.wait()
    found = shop.build(build)
    assert (found.state, found.error_code) == (BuildState.FAILED, "attempt_failed")


def test_the_log_tells_how_good_the_estimate_was(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build = shop.begin(shop.other.spec, rate=4.0)
    with caplog.at_level(logging.INFO):
        while shop.state(build) is BuildState.BUILDING:
            shop.work()
    with shop.pipeline.database.reading() as transaction:
        ready = transaction.builds.events(build.id)[-1].told
    assert ready["estimated_seconds"] == told(shop, build)["seconds"] == 1.2
    assert ready["ratio"] == pytest.approx(ready["seconds"] / 1.2, abs=0.1)
    (line,) = [record.__dict__ for record in caplog.records if record.message == "build.ready"]
    assert {name: line[name] for name in ("seconds", "estimated_seconds", "ratio")} == {
        name: ready[name] for name in ("seconds", "estimated_seconds", "ratio")
    }


def test_a_build_that_was_throttled_is_not_compared_with_its_estimate(shop: Shop) -> None:
    build = shop.begin(shop.other.spec)
    for rate in (0.0, None):  # paused, and let go on
        throttle(shop.pipeline.database, shop.pipeline.jobs, "shop", build.id, rate=rate)
    while shop.state(build) is BuildState.BUILDING:
        shop.work()
    with shop.pipeline.database.reading() as transaction:
        ready = transaction.builds.events(build.id)[-1].told
    assert {"seconds", "estimated_seconds"} <= ready.keys()
    assert "ratio" not in ready


@pytest.mark.parametrize(
    ("index", "params", "row", "fixed"),
    [
        ("FLAT", {}, 2_048, 0),
        ("HNSW", {"M": 16}, 2_048 + 128, 0),
        ("HNSW_SQ", {"M": 32}, 512 + 256, 0),
        ("IVF_FLAT", {"nlist": 128}, 2_048 + 8, 128 * 2_048),
        ("IVF_SQ8", {"nlist": 1}, 512 + 8, 2_048),
        ("IVF_PQ", {"nlist": 128, "m": 32, "nbits": 4}, 16 + 8, (128 + 16) * 2_048),
    ],
)
def test_the_size_of_an_index(index: str, params: dict[str, int], row: int, fixed: int) -> None:
    spec = IndexSpec.of(index, params)
    assert index_bytes(spec, 512, 1_000) == 1_000 * row + fixed


def test_a_sample_that_takes_long_to_write_keeps_its_lease(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of the store takes half of a lease; together they take two."""
    p, worker, lease = shop.pipeline, shop.worker, timedelta(seconds=0.8)
    shop.worker = replace(worker, lease=lease, estimator=replace(worker.estimator, lease=lease))
    taken: list[object] = []

    def slow(call: Callable[..., None]) -> Callable[..., None]:
        def called(*given: Any, **named: Any) -> None:
            time.sleep(0.4)
            call(*given, **named)
            with p.database.writing() as transaction:
                taken.append(transaction.build_steps.claim(Stage.INDEX, lease=lease))

        return called

    dry = shop.begin(dry_run=True)
    assert shop.step()  # counted
    for name in ("create", "seal"):
        monkeypatch.setattr(p.store, name, slow(getattr(p.store, name)))
    assert shop.step()
    assert taken == [None] * 4
    assert told(shop, dry)["products"] == 5
