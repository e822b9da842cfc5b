"""The steps of tuning: what holds them up is told and comes to an end, and what they leave behind is nothing."""

import importlib
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, get_ident
from typing import Any

import pytest
from sqlalchemy import text

from app.adapters.celery.jobs import (
    BUILD_LIMIT_S,
    HARD_LIMIT_S,
    SOFT_LIMIT_S,
    TASK_MODULES,
    VISIBILITY_TIMEOUT_S,
    make_celery,
)
from app.api.build_documents import build_document
from app.domain.bands import Band
from app.domain.build_steps import Progress, StepKind
from app.domain.builds import Build, BuildState, IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import Conflict, Invalid, StoreUnavailable
from app.domain.tuning import NOT_TUNED, TUNED, TUNING
from app.domain.uploads import Stage
from app.ports.vectors import Neighbour, VectorRow
from app.services import end_tuning, tune_bands
from app.services.describe_catalog import describe_build
from app.services.end_tuning import LONGEST_WAIT
from app.services.start_build import start_build
from app.services.steer_build import check_again, retire
from app.services.tune import TRIES
from app.services.tune_bands import BandMeter
from tests.building import Shop
from tests.factories import a_deletion, a_submission
from tests.pipelines import Pipeline
from tests.tuning import dies_at, stocked, store_tuned, tune, with_lists

PRODUCTS = 12
BANDS = (Band(1.0, 3, 2),)


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    return stocked(pipeline, PRODUCTS)


@pytest.fixture
def build(shop: Shop) -> Build:
    return with_lists(shop)


def last(shop: Shop, build: Build) -> tuple[str, dict[str, Any]]:
    """The last event of a build, and what it tells."""
    with shop.pipeline.database.reading() as transaction:
        event = transaction.builds.events(build.id)[-1]
    return event.what, dict(event.told)


def shown(shop: Shop, build: Build) -> dict[str, Any]:
    """The document of a build."""
    return dict(build_document(describe_build(shop.pipeline.database, "shop", build.id)))


def away(*_: Any, **__: Any) -> Any:
    raise StoreUnavailable("Milvus does not answer")


def next_step(shop: Shop) -> None:
    shop.wait()
    assert shop.step()


def finished(shop: Shop, build: Build, *, within: int = 40) -> str:
    """Do what is to be done, whenever it is due, and return how tuning ended."""
    for _ in range(within):
        shop.wait()
        shop.step()
        if last(shop, build)[0] in (TUNED, NOT_TUNED):
            return last(shop, build)[0]
    raise AssertionError("it does not end")


def test_why_a_live_build_waits_to_be_tuned_is_told(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(shop, build)
    assert "waiting" not in shown(shop, build)
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "unindexed", away)
        next_step(shop)
    told = shown(shop, build)
    assert (told["state"], told["waiting"]["detail"]) == ("live", "Milvus does not answer")
    assert told["tuning"]["waiting"] == told["waiting"]
    while_it_works: list[dict[str, Any]] = []
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "unindexed", lambda _: (while_it_works.append(shown(shop, build)), 0)[1])
        next_step(shop)
    assert not any("waiting" in one or "waiting" in one["tuning"] for one in while_it_works)
    assert while_it_works
    assert finished(shop, build) == TUNED
    assert "waiting" not in shown(shop, build)


@pytest.mark.parametrize("unindexed", [away, lambda _: 7])
def test_what_waits_for_longer_than_an_hour_is_not_tuned(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch, unindexed: Any
) -> None:
    assert LONGEST_WAIT.total_seconds() == 3_600
    tune(shop, build)
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "unindexed", unindexed)
        for _ in range(3):
            next_step(shop)
        assert last(shop, build)[0] == TUNING
        patched.setattr(end_tuning, "LONGEST_WAIT", 0 * LONGEST_WAIT)
        next_step(shop)
    what, told = last(shop, build)
    assert (what, told["code"]) == (NOT_TUNED, "store_unavailable" if unindexed is away else "indexing")
    assert told["detail"].endswith("after 0 minutes of waiting")
    assert shop.state(build) is BuildState.LIVE
    tune(shop, build)  # may be asked for again
    assert finished(shop, build) == TUNED


def test_a_part_that_comes_to_its_end_has_waited_enough(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_tuning, "LONGEST_WAIT", 0 * LONGEST_WAIT)
    tune(shop, build, compare=("FLAT",))
    parts = 0
    while last(shop, build)[0] == TUNING:
        with monkeypatch.context() as patched:
            patched.setattr(shop.pipeline.store, "drop", away)
            next_step(shop)
        next_step(shop)
        parts += 1
    assert (last(shop, build)[0], parts) == (TUNED, 4)


def test_waiting_begins_anew_once_something_was_measured(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, answers = shop.pipeline.store.search, 0

    def searched(*arguments: Any, **named: Any) -> Any:
        nonlocal answers
        answers -= 1
        if answers < 0:
            away()
        return search(*arguments, **named)

    tune(shop, build)
    next_step(shop)
    monkeypatch.setattr(end_tuning, "LONGEST_WAIT", 0 * LONGEST_WAIT)
    monkeypatch.setattr(shop.pipeline.store, "search", searched)
    for _ in range(3):  # each attempt measures something before the store is away
        answers = 60
        next_step(shop)
        assert answers < 0
        assert last(shop, build)[0] == TUNING
    answers = 0  # what is stored is looked at as ever, and no search is answered any more
    next_step(shop)
    assert last(shop, build)[0] == NOT_TUNED


def no_trial(shop: Shop, build: Build, patch: pytest.MonkeyPatch, name: str, fails: Any = away) -> list[str]:
    """Let the collection that an index type is tried in fail to be made; returns those that are made or tried."""
    made: list[str] = []
    create = shop.pipeline.store.create

    def creating(collection: str, **named: Any) -> None:
        made.append(collection)
        if collection == build.trials[name]:
            fails()
        create(collection, **named)

    patch.setattr(shop.pipeline.store, "create", creating)
    return made


def test_an_index_type_that_cannot_be_loaded_is_passed_over_and_the_build_is_measured(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = no_trial(shop, build, monkeypatch, "HNSW")
    tune(shop, build, compare=("HNSW", "FLAT"))
    assert finished(shop, build) == TUNED
    told = shown(shop, build)["tuned"]
    graph, flat = told["compared"]
    assert graph == {"index": "HNSW", "rows": 0, "params": graph["params"], "passed_over": "Milvus does not answer"}
    assert (flat["index"], flat["rows"]) == ("FLAT", PRODUCTS)
    assert [band["share"] for band in told["bands"]] == [1.0, 0.5]
    assert made.count(build.trials["HNSW"]) == TRIES


def test_an_index_type_that_workers_die_of_is_passed_over(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = no_trial(shop, build, monkeypatch, "HNSW", fails=dies_at(0, None))
    tune(shop, build, compare=("HNSW",))
    next_step(shop)
    for _ in range(TRIES):
        shop.wait()
        with pytest.raises(KeyboardInterrupt):
            shop.step()
    assert finished(shop, build) == TUNED
    assert "died" in shown(shop, build)["tuned"]["compared"][0]["passed_over"]
    assert made.count(build.trials["HNSW"]) == TRIES


def test_a_store_that_is_away_altogether_is_no_fault_of_an_index_type(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(shop, build, compare=("HNSW",))
    with monkeypatch.context() as patched:
        no_trial(shop, build, patched, "HNSW")
        patched.setattr(shop.pipeline.store, "ping", away)
        for _ in range(4 * TRIES):
            next_step(shop)
    assert finished(shop, build) == TUNED
    assert shown(shop, build)["tuned"]["compared"][0]["rows"] == PRODUCTS


def test_a_worker_that_is_stopped_gives_its_part_back_at_once_and_blamelessly(shop: Shop, build: Build) -> None:
    looks, stopped = 0, False

    def stopping() -> bool:
        nonlocal looks
        looks += 1
        return stopped

    shop.worker = replace(shop.worker, tuner=replace(shop.worker.tuner, stopped=stopping))
    tune(shop, build, compare=("FLAT",))
    next_step(shop)
    stopped = True
    for _ in range(9):  # deploys: more than a step has attempts
        before = looks
        next_step(shop)
        assert looks == before + 1
        assert not shop.pipeline.store._collections.keys() & set(build.trials.values())
    assert shown(shop, build)["waiting"]["code"] == "stopped"
    stopped = False
    assert finished(shop, build) == TUNED
    assert shown(shop, build)["tuned"]["compared"][0]["rows"] == PRODUCTS


def test_tasks_of_builds_may_take_hours_and_none_for_ever() -> None:
    celery = make_celery("memory://")
    for name in TASK_MODULES:
        importlib.import_module(name)
    celery.finalize()
    limits = {
        name: (task.soft_time_limit, task.time_limit)
        for name, task in celery.tasks.items()
        if name.startswith("vitrine.")
    }
    assert {limits.pop(f"vitrine.build_{stage}") for stage in ("index", "encode")} == {(None, BUILD_LIMIT_S)}
    assert BUILD_LIMIT_S == 6 * 3_600
    assert set(limits.values()) == {(SOFT_LIMIT_S, HARD_LIMIT_S)}
    assert len(limits) == 4
    assert (celery.conf.task_soft_time_limit, celery.conf.task_time_limit) == (None, None)
    assert SOFT_LIMIT_S < HARD_LIMIT_S < VISIBILITY_TIMEOUT_S


def test_a_child_of_a_worker_that_is_told_to_stop_knows() -> None:
    script = """
        import os, sys
        from celery import signals
        from app.adapters.celery.stopping import stopped, watch

        watch()
        reading, writing = os.pipe()
        before, child = stopped(), os.fork()
        if not child:
            os.read(reading, 1)
            os._exit(40 + stopped())
        signals.worker_shutting_down.send(sender="w", sig="SIGTERM", how="Warm", exitcode=0)
        os.write(writing, b"?")
        told = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(before, stopped(), told)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, timeout=60)
    assert run.stdout.decode().split() == ["False", "True", "41"]


def test_while_all_of_a_catalog_is_uploaded_again_it_waits_and_is_searched_as_before(
    shop: Shop, build: Build
) -> None:
    store_tuned(shop, build, BANDS)
    for number in range(PRODUCTS):
        shop.pipeline.accepted(a_submission(f"p{number:03}", f"another mug {number}"))
    tune(shop, build)
    for _ in range(9):
        next_step(shop)
    assert shown(shop, build)["waiting"]["code"] == "all_changing"
    assert shop.build(build).index.bands == BANDS
    shop.pipeline.work()
    assert finished(shop, build) == TUNED
    assert shop.build(build).index.bands != BANDS


def test_a_build_that_holds_nothing_has_nothing_to_tune_and_is_searched_as_before(shop: Shop, build: Build) -> None:
    store_tuned(shop, build, BANDS)
    for number in range(PRODUCTS):
        shop.pipeline.accepted(a_deletion(f"p{number:03}"))
    shop.pipeline.work()
    tune(shop, build, compare=("HNSW",))
    assert finished(shop, build) == TUNED
    assert "no products" in shown(shop, build)["tuned"]["nothing"]
    assert shown(shop, build)["tuned"]["reached"] is False
    assert shop.build(build).index.bands == BANDS


def test_where_no_band_could_be_measured_nothing_is_reached(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_tuned(shop, build, BANDS)
    monkeypatch.setattr(BandMeter, "measured", lambda *_: ("left_out", {"share": 0.5, "reason": "no product passes"}))
    tune(shop, build)
    assert finished(shop, build) == TUNED
    told = shown(shop, build)["tuned"]
    assert (told["bands"], told["reached"]) == ([], False)
    assert told["nothing"] == "no band could be measured"
    assert shop.build(build).index.bands == BANDS


def test_the_last_attempt_leaves_no_collection(shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shop.pipeline.store
    tune(shop, build)
    with monkeypatch.context() as patched:
        patched.setattr(store, "unindexed", _fails)
        for _ in range(5):
            next_step(shop)
    store.create(build.trials["HNSW"], dimension=64, index=IndexSpec.of("HNSW"))  # of a worker that was killed
    next_step(shop)
    assert last(shop, build)[0] == NOT_TUNED
    assert not store._collections.keys() & set(build.trials.values())


def _fails(*_: Any) -> Any:
    raise ValueError("a defect")


def _refused(*_: Any) -> Any:
    raise Conflict("it is being loaded", code="loading")


@pytest.mark.parametrize("drop", [away, _refused, _fails])
def test_what_cannot_be_dropped_does_not_keep_the_last_attempt_from_being_the_last(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch, drop: Any
) -> None:
    tune(shop, build)
    monkeypatch.setattr(shop.pipeline.store, "unindexed", _fails)
    for _ in range(5):
        next_step(shop)
    monkeypatch.setattr(shop.pipeline.store, "drop", drop)
    next_step(shop)
    assert last(shop, build)[0] == NOT_TUNED


def test_a_trial_that_is_never_dropped_holds_nothing_up_for_ever_and_goes_with_the_build(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = shop.pipeline.store
    with monkeypatch.context() as patched:
        patched.setattr(store, "drop", _refused)
        tune(shop, build, compare=("FLAT",))
        assert finished(shop, build) == NOT_TUNED
        tune(shop, build)  # may be asked for again
        assert finished(shop, build) == NOT_TUNED
    store.create(build.trials["FLAT"], dimension=64, index=IndexSpec.of("FLAT"))
    shop.switch.promote("shop", retired(shop).id, force=True, reason="it is a test")
    retire(shop.pipeline.database, "shop", build.id)
    shop.wait()
    shop.work()
    assert build.trials["FLAT"] not in store._collections


def retired(shop: Shop) -> Build:
    with shop.pipeline.database.reading() as transaction:
        return next(one for one in transaction.builds.all("shop") if one.state is BuildState.RETIRED)


def test_however_often_a_step_was_tried_it_is_tried_again_within_a_minute(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = shop.pipeline.database
    tune(shop, build)
    with database.engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.execute(text("UPDATE build_steps SET attempts = 99 WHERE kind = 'tune'"))
    monkeypatch.setattr(end_tuning, "finish_step", _fails)
    assert shop.step()
    with database.reading() as transaction:
        wait = transaction.build_steps.next_due()[Stage.INDEX] - transaction.now
    assert timedelta() < wait <= timedelta(minutes=1)


def test_what_workers_die_of_is_not_told_as_the_outage_before(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(shop, build)
    monkeypatch.setattr(shop.pipeline.store, "unindexed", away)
    next_step(shop)
    monkeypatch.setattr(shop.pipeline.store, "unindexed", dies_at(0, None))
    for _ in range(5):
        shop.wait()
        with pytest.raises(KeyboardInterrupt):
            shop.step()
    next_step(shop)
    assert last(shop, build) == (NOT_TUNED, {"code": "attempts_exhausted", "detail": "its workers died of it"})


def test_an_index_type_that_nobody_knows_is_refused_by_the_name_of_what_was_asked(shop: Shop, build: Build) -> None:
    with pytest.raises(Invalid, match="NONE") as raised:
        tune(shop, build, compare=("NONE",))
    assert (raised.value.field, raised.value.code) == ("compare", "index_type")


def test_how_far_a_build_is_tuned_is_told(shop: Shop, build: Build) -> None:
    assert "tuning" not in shown(shop, build)
    tune(shop, build, recall=0.9, compare=("FLAT",))
    told = []
    while (now := shown(shop, build)).get("tuning"):
        told.append(now["tuning"])
        next_step(shop)
    assert [one["parts_left"] for one in told] == [None, 3, 2, 1]
    assert {one["recall"] for one in told} == {0.9}
    assert [len(one["compared"]) for one in told] == [0, 0, 1, 1]
    assert [len(one["bands"]) for one in told] == [0, 0, 0, 1]
    assert now["tuned"]["bands"][:1] == told[-1]["bands"]
    assert len(now["tuned"]["bands"]) == 2
    with shop.pipeline.database.reading() as transaction:
        assert transaction.build_steps.told(build.id, StepKind.TUNE) is None


def test_pages_of_another_build_are_filled_while_a_part_is_measured(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, opener = shop.pipeline, replace(shop.worker.opener, page=2)
    shop.worker = replace(shop.worker, opener=opener)
    other = shop.start_with(build.encoder)
    while not progress(shop, other).products:
        assert shop.step()
    shop.worker = replace(shop.worker, lanes=3)
    tune(shop, build)
    shop.wait()
    with p.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.execute(text("UPDATE build_steps SET due_at = '2025-01-01 00:00:00' WHERE kind = 'tune'"))
    unindexed = p.store.unindexed

    def looked(collection: str) -> int:
        shop.wait_for(lambda: progress(shop, other).filled == PRODUCTS, 10)
        return unindexed(collection)

    monkeypatch.setattr(p.store, "unindexed", looked)
    assert shop.step()
    assert shown(shop, build)["tuning"]["parts_left"] is not None


def progress(shop: Shop, build: Build) -> Progress:
    with shop.pipeline.database.reading() as transaction:
        return transaction.build_steps.progress(build.id)


@contextmanager
def lanes(shop: Shop, count: int) -> Iterator[None]:
    """So many steps at once, in a pool of their own."""
    with ThreadPoolExecutor(count) as pool:
        before, shop.worker = shop.worker, replace(shop.worker, lanes=count, pool=pool)
        yield
        shop.worker = before


def put_off(shop: Shop, to: str, *, but: str = "tune") -> None:
    with shop.pipeline.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        moved = text("UPDATE build_steps SET due_at = :to WHERE done_at IS NULL AND kind != :but")
        connection.execute(moved, {"to": f"{to} 00:00:00", "but": but})


def paged(shop: Shop, build: Build) -> Build:
    """Another build, whose pages are to be filled."""
    shop.worker = replace(shop.worker, opener=replace(shop.worker.opener, page=2))
    other = shop.start_with(build.encoder)
    while not progress(shop, other).products:
        assert shop.step()
    return other


def test_pages_that_are_due_only_later_are_filled_while_a_part_is_measured(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, unindexed = paged(shop, build), shop.pipeline.store.unindexed
    tune(shop, build)
    put_off(shop, "2099-01-01")

    def looked(collection: str) -> int:
        if not progress(shop, other).filled:
            time.sleep(0.2)  # whoever looks for steps finds none
            put_off(shop, "2025-01-01")
        shop.wait_for(lambda: progress(shop, other).filled == PRODUCTS)
        return unindexed(collection)

    monkeypatch.setattr(shop.pipeline.store, "unindexed", looked)
    with lanes(shop, 2):
        assert shop.step()
    assert shown(shop, build)["tuning"]["parts_left"] is not None


def test_pages_are_filled_side_by_side(shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    other, upsert = paged(shop, build), shop.pipeline.store.upsert
    both, at_it = Barrier(2), set[int]()

    def written(collection: str, rows: Sequence[VectorRow]) -> None:
        if get_ident() not in at_it:
            at_it.add(get_ident())
            both.wait(30)  # for the other lane's first page
        upsert(collection, rows)

    monkeypatch.setattr(shop.pipeline.store, "upsert", written)
    with lanes(shop, 2):
        assert shop.step()
    assert len(at_it) == 2
    assert progress(shop, other).filled >= 4


def test_no_second_build_is_tuned_beside_and_pages_are(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, unindexed = paged(shop, build), shop.pipeline.store.unindexed
    for one in (build, retired(shop)):
        tune(shop, one)
    held: list[int] = []

    def looked(collection: str) -> int:
        shop.wait_for(lambda: progress(shop, other).filled == PRODUCTS)
        with shop.pipeline.database.engine.connect() as connection:
            tuned = "SELECT count(*) FROM build_steps WHERE kind = 'tune' AND token IS NOT NULL"
            held.append(connection.execute(text(tuned)).scalar_one())
        return unindexed(collection)

    monkeypatch.setattr(shop.pipeline.store, "unindexed", looked)
    put_off(shop, "2025-01-01", but="fill")  # before the pages
    shop.wait()
    with lanes(shop, 3):
        assert shop.step()
    assert set(held) == {1}


class Rough:
    """Lets a store find a share of what it should with less than the usual parameter, and notes what it was."""

    def __init__(self, shop: Shop, patch: pytest.MonkeyPatch) -> None:
        self._search = shop.pipeline.store.search
        self.asked: list[tuple[str, int]] = []
        patch.setattr(shop.pipeline.store, "search", self.search)

    def search(self, collection: str, queries: Vectors, *, index: IndexSpec, **named: Any) -> list[list[Neighbour]]:
        answers = self._search(collection, queries, index=index, **named)
        value = index.search_params.get("nprobe", 16)
        self.asked.append((collection, value))
        return [some[: len(some) * min(value, 16) // 16] for some in answers]


def test_a_ready_build_that_was_tuned_to_a_poor_recall_is_judged_poor(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = shop.pipeline
    monkeypatch.setattr(tune_bands, "GROWN", 0)  # a catalog as small would keep the value it was started with
    rough = Rough(shop, monkeypatch)
    build = start_build(p.database, p.store, p.jobs, "shop", encoder=None, index="IVF_FLAT", params={})
    shop.work()
    assert shop.passed(build)
    tune(shop, build, recall=0.5)
    shop.work()
    poor = shop.build(build).index.bands[0].value
    assert poor < 16
    check_again(p.database, p.jobs, "shop", build.id)
    rough.asked.clear()
    shop.work()
    assert {value for collection, value in rough.asked if collection in build.collections} == {1, poor}
    checks = {one["name"]: one for one in (shop.build(build).report or {})["checks"]}
    assert not checks["recall@10 against exact"]["passed"]


def test_reconciling_looks_as_thoroughly_as_any_search(
    shop: Shop, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    rough = Rough(shop, monkeypatch)
    store_tuned(shop, build, [Band(1.0, 1, 2)])
    found = shop.reconciler.reconcile("shop", dry_run=True)[build.id]
    assert found.rows == 3 * PRODUCTS
    assert sum(found.drifted.values()) == 0  # writing them again would not make a rough search find them
    assert {value for collection, value in rough.asked if collection in build.collections} == {1, 16}
