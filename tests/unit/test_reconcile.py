"""Reconciling: what drifted is found completely and repaired, and nothing else is touched, while uploads go on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, text

from app.adapters.postgres.tables import embeddings
from app.domain.build_steps import StepKind
from app.domain.builds import Build, BuildState
from app.domain.drift import Drift, Reconciled
from app.domain.errors import NotFound
from app.domain.uploads import Stage
from app.ports.vectors import Stamp, VectorRow
from app.services import reconcile as reconciling
from app.services.reconcile import RECONCILED
from tests.building import Shop, go_on
from tests.factories import a_deletion, a_picture, a_submission
from tests.pipelines import Pipeline

RED, BLUE, GREEN = a_picture("red"), a_picture("blue"), a_picture("green")
NUMBERS = range(20)


@pytest.fixture(autouse=True)
def pages_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "PAGE", 3)


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """Twenty products of two pictures each, one of which was deleted again."""
    for number in NUMBERS:
        pipeline.accepted(a_submission(f"p{number}", f"mug {number}", pictures=[RED, BLUE]))
    pipeline.work()
    pipeline.accepted(a_deletion("p19"))
    pipeline.work()
    return Shop(pipeline)


def rows(shop: Shop, collection: str) -> dict[str, VectorRow]:
    _, stored = shop.pipeline.store._collection(collection)
    return stored


def everything(shop: Shop) -> dict[str, VectorRow]:
    live = shop.pipeline.live()
    return dict(rows(shop, live.texts) | rows(shop, live.images))


def same(one: VectorRow, other: VectorRow) -> bool:
    return (one.id, one.product_id, one.stamp, one.attributes) == (
        other.id,
        other.product_id,
        other.stamp,
        other.attributes,
    ) and bool(np.array_equal(one.vector, other.vector))


def reconcile(shop: Shop, *, dry_run: bool = False) -> Reconciled:
    (found,) = shop.reconciler.reconcile("shop", dry_run=dry_run).values()
    return found


def written(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written or deleted from now on."""
    told: list[str] = []
    store = shop.pipeline.store
    upsert, remove = store.upsert, store.delete

    def upserted(collection: str, some: Sequence[VectorRow]) -> None:
        told.extend(row.id for row in some)
        upsert(collection, some)

    def deleted(collection: str, ids: Sequence[str]) -> None:
        there = store.stamps(collection, ids)
        told.extend(there)
        remove(collection, ids)

    monkeypatch.setattr(store, "upsert", upserted)
    monkeypatch.setattr(store, "delete", deleted)
    return told


def test_a_clean_store_is_left_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    touched = written(shop, monkeypatch)
    assert reconcile(shop) == Reconciled(rows=19 * 3)
    assert touched == []


def inject(shop: Shop) -> dict[str, Drift]:
    """Drift of every kind, in both collections; what it is by row id."""
    live = shop.pipeline.live()
    texts, images = rows(shop, live.texts), rows(shop, live.images)
    other = shop.pipeline.encoder.encode_texts(["something else"])[0]
    del texts["p0"], images["p1#0"], images["p2#0"], images["p2#1"], texts["p2"]
    texts["p3"] = replace(texts["p3"], stamp=Stamp(0, texts["p3"].stamp.digest))
    images["p4#1"] = replace(images["p4#1"], stamp=Stamp(1, 7))
    texts["p5"] = replace(texts["p5"], vector=-texts["p5"].vector)
    images["p6#0"] = replace(images["p6#0"], vector=other)
    images["p7#2"] = replace(images["p7#1"], id="p7#2")
    texts["p19"] = replace(texts["p18"], id="p19", product_id="p19")
    images["nobody#3"] = replace(images["p8#0"], id="nobody#3", product_id="nobody")
    texts["~"] = replace(texts["p8"], id="~", product_id="~")
    images["~"] = replace(texts["p8"], id="~", product_id="~")  # of one id with the other
    images["p9"] = replace(texts["p8"], id="p9", product_id="p9")
    texts["p9#0"] = replace(images["p9#0"], stamp=Stamp(3, 4))
    return {
        **dict.fromkeys(["p0", "p1#0", "p2#0", "p2#1", "p2"], Drift.MISSING),
        **dict.fromkeys(["p3", "p4#1"], Drift.STALE),
        **dict.fromkeys(["p5", "p6#0"], Drift.UNSEARCHABLE),
        **dict.fromkeys(["p7#2", "p19", "nobody#3", "~", "~ ", "p9", "p9#0"], Drift.ORPHANED),
    }


def counted(injected: dict[str, Drift]) -> dict[Drift, int]:
    return {kind: list(injected.values()).count(kind) for kind in Drift}


def test_drift_of_every_kind_is_found_completely_and_repaired(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(shop)
    injected = inject(shop)
    touched = written(shop, monkeypatch)
    assert reconcile(shop, dry_run=True) == Reconciled(57, counted(injected), 0)
    assert touched == []
    assert reconcile(shop) == Reconciled(57, counted(injected), len(injected))
    repaired = {row_id.partition("#")[0].strip() for row_id in injected}
    assert {row_id.partition("#")[0] for row_id in touched} == repaired
    after = everything(shop)
    assert after.keys() == before.keys()
    assert all(same(after[row_id], row) for row_id, row in before.items())
    assert reconcile(shop) == Reconciled(rows=57)


def test_each_build_that_takes_uploads_is_compared(shop: Shop) -> None:
    live = shop.pipeline.live()
    build = shop.start()
    shop.work()
    rows(shop, build.texts).pop("p4")
    rows(shop, live.images).pop("p5#0")
    found = shop.reconciler.reconcile("shop")
    assert {name: one.drifted[Drift.MISSING] for name, one in found.items()} == {live.id: 1, build.id: 1}
    assert {one.repaired for one in found.values()} == {1}


def test_a_build_that_is_being_filled_is_not(shop: Shop) -> None:
    build = shop.start()
    shop.step()
    assert shop.state(build) is BuildState.BUILDING
    assert shop.build(build).takes_uploads
    assert list(shop.reconciler.reconcile("shop")) == [shop.pipeline.live().id]


def test_what_is_on_its_way_has_not_drifted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = shop.pipeline
    pipeline.accepted(a_submission("p3", "another mug", pictures=[GREEN]))
    pipeline.accepted(a_submission("new", "a new mug"))
    for stage in (Stage.INTAKE, Stage.ENCODE):
        pipeline.run(stage)
    touched = written(shop, monkeypatch)
    assert reconcile(shop) == Reconciled(rows=18 * 3)
    assert touched == []


def test_what_changes_while_it_is_compared_has_not_drifted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change between any two looks, at the database or at the store."""
    store = shop.pipeline.store
    live = shop.pipeline.live()
    number, inside = 0, False

    def changing(look: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **named: Any) -> Any:
            nonlocal number, inside
            if not inside:  # the change looks at the store itself
                number, inside = number + 1, True
                pictures = [GREEN, RED, BLUE][: 1 + number % 3]
                shop.pipeline.accepted(a_submission("p4", f"mug {number}", pictures=pictures))
                shop.pipeline.accepted(a_deletion("p5") if number % 2 else a_submission("p5", f"back {number}"))
                shop.pipeline.work()
                inside = False
            return look(*arguments, **named)

        return changed

    monkeypatch.setattr(store, "stamps_between", changing(store.stamps_between))
    looked = [changing(look) for look in (store.stamps, store.search)]
    for look, name in zip(looked, ("stamps", "search"), strict=True):
        with monkeypatch.context() as patched:
            patched.setattr(store, name, look)
            for _ in range(6):
                assert shop.reconciler.finder.examine(live, "p3", "p6").drifted == {}


def test_a_product_that_is_there_only_while_the_store_is_asked_has_not_drifted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, live = shop.pipeline.store, shop.pipeline.live()

    def for_a_moment(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(collection: str, *arguments: Any, **named: Any) -> Any:
            if collection != live.texts or named:  # a worker that reads back what it wrote is not looking
                return look(collection, *arguments, **named)
            shop.pipeline.accepted(a_submission("p19", "back"))
            shop.pipeline.work()
            found = look(collection, *arguments)
            assert "p19" in found
            shop.pipeline.accepted(a_deletion("p19"))
            shop.pipeline.work()
            return found

        return looked

    monkeypatch.setattr(store, "stamps_between", for_a_moment(store.stamps_between))
    monkeypatch.setattr(store, "stamps", for_a_moment(store.stamps))
    assert shop.reconciler.finder.examine(live, "p18", "p19").drifted == {}


def test_a_row_that_comes_before_its_product_is_indexed_has_not_drifted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, live = shop.pipeline.store, shop.pipeline.live()
    rows(shop, live.texts)["p18x"] = replace(rows(shop, live.texts)["p18"], id="p18x", product_id="p18x")
    stamps = store.stamps

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        shop.pipeline.accepted(a_submission("p18x", "new"))
        for stage in (Stage.INTAKE, Stage.ENCODE):
            shop.pipeline.run(stage)
        return stamps(*arguments, **named)

    monkeypatch.setattr(store, "stamps", meanwhile)
    assert shop.reconciler.finder.examine(live, "p18", "p19").drifted == {}


@pytest.mark.parametrize("change", [a_deletion("p3"), a_submission("p3", "newer", pictures=[GREEN]), None])
def test_a_repair_neither_overwrites_a_newer_upload_nor_revives_a_deleted_product(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    monkeypatch.setattr(reconciling, "PAGE", 100)
    live = shop.pipeline.live()
    rows(shop, live.texts).pop("p3")
    rows(shop, live.texts).pop("p8")
    rows(shop, live.images)["unknown#4"] = replace(rows(shop, live.images)["p9#0"], id="unknown#4")
    upsert = shop.pipeline.store.upsert
    # What is deleted as nobody's is somebody's now, and has that very row; what is brought again is overtaken again.
    pictures = [a_picture("red", size=(20 + n, 20)) for n in range(5)]
    found = a_submission("unknown", "found", pictures=pictures)
    changes = [[found] if change is None else [found, change], [a_submission("p8", "again")], [a_deletion("p8")]]

    def overtaken(collection: str, some: Sequence[VectorRow]) -> None:
        monkeypatch.setattr(shop.pipeline.store, "upsert", upsert)
        for one in changes.pop(0):
            shop.pipeline.accepted(one)
        shop.pipeline.work()
        upsert(collection, some)
        monkeypatch.setattr(shop.pipeline.store, "upsert", overtaken if changes else upsert)

    monkeypatch.setattr(shop.pipeline.store, "upsert", overtaken)
    assert reconcile(shop).repaired == 3
    assert changes == []
    there = set(everything(shop))
    assert reconcile(shop) == reconcile(shop, dry_run=True)
    assert reconcile(shop).left == 0
    assert {f"unknown#{n}" for n in range(5)} < there
    wanted = {None: {"p3", "p3#0", "p3#1"}, "newer": {"p3", "p3#0"}, "": set()}
    titled = None if change is None else change.product.title
    assert {row_id for row_id in there if row_id.partition("#")[0] == "p3"} == wanted[titled]


def test_a_row_that_no_search_finds_is_told_and_not_counted_as_repaired(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = shop.pipeline.live()
    search = shop.pipeline.store.search

    def hiding(collection: str, queries: Any, **named: Any) -> Any:
        answers = search(collection, queries, **named)
        if collection == live.texts:
            return [[one for one in some if one.id != "p7"] for some in answers]
        return answers

    monkeypatch.setattr(shop.pipeline.store, "search", hiding)
    found = reconcile(shop)
    assert (found.drifted[Drift.UNSEARCHABLE], found.repaired, found.left) == (1, 0, 1)


def test_a_row_whose_embedding_is_lost_is_told_and_not_counted_as_repaired(shop: Shop) -> None:
    rows(shop, shop.pipeline.live().texts).pop("p7")
    with shop.pipeline.database.engine.begin() as connection:
        connection.execute(delete(embeddings))
    found = reconcile(shop)
    assert (found.drifted[Drift.MISSING], found.repaired) == (1, 0)


def test_a_build_without_its_collections_is_written_anew(shop: Shop) -> None:
    before = everything(shop)
    live = shop.pipeline.live()
    shop.pipeline.store.drop(live.texts)
    shop.pipeline.store.drop(live.images)
    told = reconcile(shop, dry_run=True)
    assert (told.rows, told.drifted[Drift.MISSING], told.repaired) == (57, 57, 0)
    found = reconcile(shop)
    assert (found.drifted[Drift.MISSING], found.repaired) == (57, 57)
    assert all(same(row, before[row_id]) for row_id, row in everything(shop).items())


def test_a_build_that_has_ended_meanwhile_gets_nothing(shop: Shop) -> None:
    live = shop.pipeline.live()
    rows(shop, live.texts).pop("p3")
    with shop.pipeline.database.writing() as transaction:
        transaction.builds.take_uploads(live.id, takes=False)
    finder = shop.reconciler.finder
    drifted = finder.examine(live, "", "").drifted
    assert finder.repair(live, drifted) == 0
    assert "p3" not in rows(shop, live.texts)


def test_an_unknown_catalog_is_said(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.reconciler.reconcile("none")


def told(shop: Shop, build: Build) -> list[dict[str, int]]:
    with shop.pipeline.database.reading() as transaction:
        return [dict(event.told) for event in transaction.builds.events(build.id) if event.what == RECONCILED]


def test_it_is_done_by_itself_again_and_again(shop: Shop) -> None:
    live = shop.pipeline.live()
    shop.reconciler.schedule()
    shop.reconciler.schedule()
    assert not shop.step()  # not yet
    inject(shop)
    shop.wait()
    assert shop.step()
    assert not shop.step()
    (first,) = told(shop, live)
    assert first == {"rows": 57, "missing": 5, "orphaned": 7, "stale": 2, "unsearchable": 2, "repaired": 16}
    shop.wait()
    shop.work()
    assert told(shop, live)[1:] == [Reconciled(rows=57).told]


def test_it_goes_on_where_its_worker_was_stopped_or_killed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    live = shop.pipeline.live()
    shop.reconciler.schedule()
    inject(shop)
    shop.wait()
    assert shop.step(pause=lambda: True)
    assert told(shop, live) == []
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "stamps_between", _dies)
        with pytest.raises(KeyboardInterrupt):
            shop.step()
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.store, "stamps_between", _fails)
        for _ in range(9):  # it never ends for that, and the live build stays live
            shop.wait()
            assert shop.step()
    for _ in NUMBERS:
        shop.wait()
        shop.step(pause=lambda: True)
    first = told(shop, live)[0]
    assert first == {"rows": 57, "missing": 5, "orphaned": 7, "stale": 2, "unsearchable": 2, "repaired": 16}
    assert shop.state(live) is BuildState.LIVE


def _dies(*_: Any) -> Any:
    raise KeyboardInterrupt


def _fails(*_: Any) -> Any:
    raise ValueError("a defect")


def test_it_is_not_done_by_itself_where_the_setting_says_so(shop: Shop) -> None:
    shop.reconciler.schedule()
    never = replace(shop.reconciler, every=None)
    shop.worker = replace(shop.worker, reconciler=never)
    never.schedule()
    shop.wait()
    shop.work()
    assert told(shop, shop.pipeline.live()) == []
    with shop.pipeline.database.reading() as transaction:
        assert transaction.build_steps.lacking(StepKind.RECONCILE) == [shop.pipeline.live()]
        assert transaction.build_steps.next_due() == {}


def test_a_build_that_ends_is_not_reconciled_any_more(shop: Shop) -> None:
    shop.reconciler.schedule()
    build = shop.start()
    shop.work()
    shop.reconciler.schedule()
    shop.switch.promote("shop", build.id, force=True, reason="it is a test")
    live = build
    other = shop.start_with(shop.pipeline.encoder.spec)
    shop.work()
    shop.reconciler.schedule()
    shop.switch.promote("shop", other.id, force=True, reason="it is a test")  # the first one is no longer kept
    with shop.pipeline.database.engine.connect() as connection:
        held = connection.execute(
            text("SELECT build_id FROM build_steps WHERE kind = 'reconcile' AND done_at IS NULL")
        ).scalars()
        assert set(held) == {live.id, other.id}


def test_the_interval_begins_when_it_has_ended(shop: Shop) -> None:
    shop.reconciler.schedule()
    shop.wait()
    assert shop.step(pause=go_on)
    with shop.pipeline.database.reading() as transaction:
        due = transaction.build_steps.next_due()[Stage.INDEX]
        assert due - transaction.now > timedelta(minutes=59)
