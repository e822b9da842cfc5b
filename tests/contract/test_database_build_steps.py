"""The database port on SQLite and Postgres: the work of builds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.adapters.postgres.database import SqlDatabase
from app.domain.build_steps import NewStep, Progress, Step, StepKind
from app.domain.builds import Build, BuildState
from app.domain.uploads import Stage, UploadKind, UploadState
from app.ports.uploads import Failure
from tests.databases import accept
from tests.factories import a_build, an_upload

MINUTE = timedelta(minutes=1)
OVER = timedelta(seconds=-1)
PAGES = [NewStep(StepKind.FILL, "", "m", 10), NewStep(StepKind.FILL, "m", "", 5)]
WHY = Failure("outage", "the store is away")


def a_building(database: SqlDatabase, *steps: NewStep) -> Build:
    build = a_build(state=BuildState.BUILDING)
    with database.writing() as transaction:
        transaction.builds.add(build)
        transaction.build_steps.add(build.id, steps)
    return build


def claim(database: SqlDatabase, stage: Stage = Stage.INDEX, *, lease: timedelta = MINUTE) -> Step | None:
    with database.writing() as transaction:
        return transaction.build_steps.claim(stage, lease=lease)


def claimed(database: SqlDatabase, stage: Stage = Stage.INDEX, *, lease: timedelta = MINUTE) -> Step:
    step = claim(database, stage, lease=lease)
    assert step is not None
    return step


def test_steps_are_taken_in_order_by_the_workers_of_their_stage_and_each_by_one(database: SqlDatabase) -> None:
    build = a_building(database, *PAGES)
    first, second = claimed(database), claimed(database)
    assert [first.page, second.page] == PAGES
    assert (first.build, first.attempts, first.touched) == (build, 1, False)
    assert claim(database) is None
    with database.writing() as transaction:
        transaction.build_steps.hand_over(second, Stage.ENCODE)
    assert claim(database) is None
    assert claimed(database, Stage.ENCODE).page == PAGES[1]


def test_a_step_whose_worker_died_is_taken_again_and_the_dead_one_can_no_longer_end_it(database: SqlDatabase) -> None:
    a_building(database, PAGES[0])
    dead = claimed(database, lease=OVER)
    with database.writing() as transaction:
        assert transaction.build_steps.go_on(dead, lease=OVER, touched=True)
    alive = claimed(database)
    assert (alive.attempts, alive.touched) == (2, True)
    with database.writing() as transaction:
        assert not transaction.build_steps.go_on(dead, lease=MINUTE)
        assert not transaction.build_steps.finish(dead)
        assert transaction.build_steps.finish(alive)
        assert not transaction.build_steps.finish(alive)


def test_a_step_is_given_back_with_its_reason_and_handed_over_without(database: SqlDatabase) -> None:
    build = a_building(database, PAGES[0])
    for blameless, attempts in ((True, 1), (False, 2)):
        with database.writing() as transaction:
            step = transaction.build_steps.claim(Stage.INDEX, lease=MINUTE)
            assert step is not None
            transaction.build_steps.release(step, WHY, delay=timedelta(), blameless=blameless)
            assert transaction.build_steps.waiting(build.id) == WHY
        again = claimed(database, lease=OVER)
        assert (again.attempts, again.error_code) == (attempts, "outage")
        with database.reading() as transaction:
            assert transaction.build_steps.waiting(build.id) is None  # it is worked on
        with database.writing() as transaction:
            transaction.build_steps.release(again, WHY, delay=timedelta(), blameless=True)
    step = claimed(database)
    with database.writing() as transaction:
        transaction.build_steps.hand_over(step, Stage.ENCODE)
        assert transaction.build_steps.waiting(build.id) is None
    assert claim(database) is None
    assert claimed(database, Stage.ENCODE).attempts == 1


def test_a_worker_that_died_leaves_no_reason_of_an_attempt_before(database: SqlDatabase) -> None:
    build = a_building(database, PAGES[0])
    for restarted in (False, True):
        with database.writing() as transaction:
            step = transaction.build_steps.claim(Stage.INDEX, lease=MINUTE)
            assert step is not None
            transaction.build_steps.release(step, WHY, delay=timedelta(), blameless=True)
            assert transaction.build_steps.waiting(build.id) == WHY
        dead = claimed(database, lease=OVER)
        assert (dead.error_code, dead.error_detail) == (WHY.code, WHY.detail)
        with database.writing() as transaction:
            if restarted:
                transaction.build_steps.forget_leases()
        alive = claimed(database, lease=OVER)
        assert (alive.error_code, alive.error_detail) == (None, None)
        with database.writing() as transaction:
            assert transaction.build_steps.waiting(build.id) is None


def test_what_a_step_of_one_kind_waits_for_is_told_apart(database: SqlDatabase) -> None:
    build = a_building(database, NewStep(StepKind.TUNE), NewStep(StepKind.RECONCILE))
    tuning, reconciling = Failure("indexing", "9 rows"), Failure("outage", "the store is away")
    with database.writing() as transaction:
        for reason in (tuning, reconciling):
            step = transaction.build_steps.claim(Stage.INDEX, lease=MINUTE)
            assert step is not None
            transaction.build_steps.release(step, reason, delay=MINUTE, blameless=True)
        assert transaction.build_steps.waiting(build.id) == reconciling
        assert transaction.build_steps.told(build.id, StepKind.TUNE) == ({}, tuning)


def test_a_worker_may_take_any_step_but_those_of_a_kind(database: SqlDatabase) -> None:
    a_building(database, NewStep(StepKind.TUNE), *PAGES)
    with database.writing() as transaction:
        taken = [transaction.build_steps.claim(Stage.INDEX, lease=MINUTE, but=StepKind.TUNE) for _ in range(3)]
    assert [one.page if one else None for one in taken] == [*PAGES, None]
    assert claimed(database).page.kind is StepKind.TUNE


def test_what_stands_in_a_step_may_be_replaced_where_it_is_given_back(database: SqlDatabase) -> None:
    build = a_building(database, NewStep(StepKind.TUNE, told={"one": 1}))
    for told, then in ((None, {"one": 1}), ({"two": [2]}, {"two": [2]})):
        step = claimed(database)
        with database.writing() as transaction:
            transaction.build_steps.release(step, WHY, delay=timedelta(), blameless=True, told=told)
            assert transaction.build_steps.told(build.id, StepKind.TUNE) == (then, WHY)
            assert transaction.build_steps.told(build.id, StepKind.CHECK) is None
    step = claimed(database)
    assert step.page.told == {"two": [2]}
    with database.writing() as transaction:
        assert transaction.build_steps.finish(step)
        assert transaction.build_steps.told(build.id, StepKind.TUNE) is None


def test_progress_counts_the_products_of_the_pages_that_are_done(database: SqlDatabase) -> None:
    build = a_building(database, NewStep(StepKind.OPEN), *PAGES)
    with database.writing() as transaction:
        assert transaction.build_steps.left(build.id) == 3
        assert transaction.build_steps.progress(build.id) == Progress(15, 0)
        for _ in range(2):
            step = transaction.build_steps.claim(Stage.INDEX, lease=MINUTE)
            assert step is not None
            transaction.build_steps.finish(step)
        progress = transaction.build_steps.progress(build.id)
        assert (progress.products, progress.filled, transaction.build_steps.left(build.id)) == (15, 10, 1)
        assert progress.last_at == transaction.now
        transaction.build_steps.forget(build.id)
        assert transaction.build_steps.left(build.id) == 0


def test_a_rate_spaces_the_pages_and_nothing_else_and_zero_pauses_them(database: SqlDatabase) -> None:
    build = a_building(database, *PAGES)
    with database.writing() as transaction:
        transaction.builds.set_rate(build.id, 0.1)
    first = claimed(database)
    with database.writing() as transaction:
        transaction.build_steps.finish(first)
    assert claim(database) is None
    with database.reading() as transaction:
        wait = (transaction.build_steps.next_due()[Stage.INDEX] - transaction.now).total_seconds()
    assert 60 < wait <= 100  # ten products at a tenth of one a second
    with database.writing() as transaction:
        transaction.builds.set_rate(build.id, 0)
        assert transaction.build_steps.next_due() == {}
        transaction.build_steps.add(build.id, [NewStep(StepKind.CHECK)])
        assert transaction.build_steps.next_due().keys() == {Stage.INDEX}
    assert claimed(database).page.kind is StepKind.CHECK
    assert claim(database) is None
    with database.writing() as transaction:
        transaction.builds.set_rate(build.id, None)
    assert claim(database) is not None


def test_a_rate_that_changes_holds_for_pages_that_were_begun(database: SqlDatabase) -> None:
    build = a_building(database, *PAGES)
    with database.writing() as transaction:
        for _ in PAGES:
            step = transaction.build_steps.claim(Stage.INDEX, lease=MINUTE)
            assert step is not None
            transaction.build_steps.hand_over(step, Stage.ENCODE)
        transaction.builds.set_rate(build.id, 0.1)
        transaction.build_steps.charge_again(build.id)
    assert claim(database, Stage.ENCODE) is not None
    assert claim(database, Stage.ENCODE) is None


def test_the_slowest_rate_is_a_page_a_day(database: SqlDatabase) -> None:
    build = a_building(database, *PAGES)
    with database.writing() as transaction:
        transaction.builds.set_rate(build.id, 1e-300)
    first = claimed(database)
    with database.writing() as transaction:
        transaction.build_steps.finish(first)
    with database.reading() as transaction:
        wait = transaction.build_steps.next_due()[Stage.INDEX] - transaction.now
    assert timedelta(hours=23) < wait <= timedelta(days=1)


def test_steps_can_be_put_off_and_leases_forgotten(database: SqlDatabase) -> None:
    build = a_building(database, PAGES[0])
    with database.writing() as transaction:
        transaction.build_steps.add(build.id, [NewStep(StepKind.DROP)], delay=MINUTE)
    assert claimed(database).page == PAGES[0]
    assert claim(database) is None
    with database.writing() as transaction:
        transaction.build_steps.forget_leases()
    assert claimed(database).page == PAGES[0]
    assert claim(database) is None


@pytest.mark.parametrize("state", [BuildState.ABORTED, BuildState.FAILED])
def test_what_happened_to_a_build_stays_told(database: SqlDatabase, state: BuildState) -> None:
    build = a_building(database)
    with database.writing() as transaction:
        transaction.builds.record(build.id, "started", {"by": "test"})
        transaction.builds.record(build.id, "ended", {})
        transaction.builds.fail_contents(build.id, {"a": WHY})
        transaction.builds.fail_contents(build.id, {"a": WHY, "b": WHY})
        transaction.builds.set_report(build.id, {"checks": []})
        transaction.builds.set_state(build.id, state, WHY)
        transaction.builds.take_uploads(build.id, takes=False)
    with database.reading() as transaction:
        events = transaction.builds.events(build.id)
        assert [(event.what, event.told) for event in events] == [("started", {"by": "test"}), ("ended", {})]
        assert transaction.builds.failed_contents(build.id, ["a", "c"]) == {"a": WHY}
        assert transaction.builds.failed_contents(build.id, []) == {}
        assert transaction.builds.count_failed(build.id) == 2
        found = transaction.builds.get(build.id)
        assert found is not None
        assert (found.state, found.error_code, found.takes_uploads) == (state, "outage", False)
        assert found.report == {"checks": []}
        assert transaction.builds.writable(["shop"]) == {"shop": []}
        assert transaction.builds.get("none") is None


def test_the_previous_build_is_the_one_that_was_live_last_and_still_takes_uploads(database: SqlDatabase) -> None:
    builds = [a_build(state=BuildState.BUILDING) for _ in range(3)]
    for build in builds:
        with database.writing() as transaction:
            transaction.builds.add(build)
            transaction.builds.set_state(build.id, BuildState.LIVE)
        with database.writing() as transaction:
            transaction.builds.hold_still("shop")
            transaction.builds.set_state(build.id, BuildState.RETIRED)
    for build in reversed(builds):
        with database.writing() as transaction:
            found = transaction.builds.previous("shop")
            assert found is not None and found.id == build.id
            transaction.builds.take_uploads(build.id, takes=False)
    with database.reading() as transaction:
        assert transaction.builds.previous("shop") is None


def test_a_build_is_compared_with_what_is_indexed_and_what_is_gone(database: SqlDatabase) -> None:
    build = a_build()
    indexed, deleted = UploadState.INDEXED, UploadKind.DELETE
    accept(database, *(an_upload(name, state=indexed) for name in ("held", "older", "missing", "kept", "leaving")))
    accept(database, an_upload("older", 2, state=indexed), an_upload("coming"))
    accept(database, an_upload("kept", 2, kind=deleted, state=indexed), an_upload("leaving", 2, kind=deleted))
    with database.writing() as transaction:
        transaction.builds.add(build)
        transaction.holdings.held(build.id, dict.fromkeys(("held", "older", "kept", "leaving"), (1, 0)))
        compared = transaction.holdings.compare(build.id)
        assert (compared.held, compared.missing, compared.extra) == (1, 2, 1)
        assert transaction.holdings.sample(build.id, 2) == ["held"]
        transaction.holdings.clear(build.id)
        assert transaction.holdings.compare(build.id).missing == 3
        assert transaction.holdings.sample(build.id, 2) == []


def test_a_sample_is_spread_over_what_a_build_holds(database: SqlDatabase) -> None:
    build, names = a_build(), [f"p{number}" for number in range(9)]
    accept(database, *(an_upload(name, state=UploadState.INDEXED) for name in names))
    with database.writing() as transaction:
        transaction.builds.add(build)
        transaction.holdings.held(build.id, dict.fromkeys(names, (1, 0)))
        assert transaction.holdings.sample(build.id, 3) == ["p2", "p5", "p8"]
        assert transaction.holdings.sample(build.id, 5) == ["p1", "p3", "p5", "p7", "p8"]  # to the end
        assert transaction.holdings.sample(build.id, 8) == names[1:]
        assert transaction.holdings.sample(build.id, 9) == names
        assert transaction.holdings.sample(build.id, 100) == names


def test_products_are_divided_into_pages_by_their_ids(database: SqlDatabase) -> None:
    accept(database, *(an_upload(f"p{number}", state=UploadState.INDEXED) for number in range(7)))
    accept(database, an_upload("p3", 2, kind=UploadKind.DELETE))
    with database.reading() as transaction:
        products = transaction.products
        assert products.page_ends("shop", 4) == [("p4", 4), ("p6", 2)]
        assert products.page_ends("shop", 6) == [("p6", 6)]
        assert products.page_ends("another", 6) == []
        standing = products.standing_between("shop", "p2", "p4")
        assert {name: (one.version, one.deleted) for name, one in standing.items()} == {
            "p3": (2, True),
            "p4": (1, False),
        }
        assert list(products.standing_between("shop", "p5", "")) == ["p6"]
        versions = products.versions("shop", ["p3", "p4", "none"])
        assert {one.product.product_id: (one.version, one.deleted) for one in versions} == {
            "p3": (2, True),
            "p4": (1, False),
        }
    with database.writing() as transaction:
        assert transaction.products.standing("shop", ["p3", "p4", "none"]) == standing
        assert transaction.products.standing("shop", []) == {}


def test_the_estimate_of_a_dry_run_is_taken_before_what_is_due_longer_and_its_end_is_not(
    database: SqlDatabase,
) -> None:
    build = a_building(database, *PAGES)
    dry = replace(a_build(state=BuildState.BUILDING), dry_run=True)
    with database.writing() as transaction:
        transaction.builds.add(dry)
        transaction.build_steps.add(dry.id, [NewStep(StepKind.DROP), NewStep(StepKind.DRY_RUN)])
    taken = [claimed(database) for _ in range(4)]
    assert [(one.build, one.page.kind) for one in taken] == [
        *((dry, StepKind.DRY_RUN), (build, StepKind.FILL), (build, StepKind.FILL), (dry, StepKind.DROP)),
    ]


def test_a_step_of_a_kind_that_nobody_here_knows_is_left_to_those_who_do(database: SqlDatabase) -> None:
    build = a_building(database, NewStep(StepKind.OPEN), PAGES[0])
    with database.engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.execute(text("UPDATE build_steps SET kind = 'a_newer_one' WHERE kind = 'open'"))
    assert claimed(database).page == PAGES[0]
    assert claim(database) is None
    with database.writing() as transaction:
        transaction.build_steps.forget_leases()
        assert set(transaction.build_steps.next_due()) == {Stage.INDEX}
    step = claimed(database)
    with database.writing() as transaction:
        transaction.build_steps.finish(step)
        assert transaction.build_steps.next_due() == {}
        assert transaction.build_steps.left(build.id) == 1
