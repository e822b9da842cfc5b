"""The database port on SQLite and Postgres: builds, and what each of them holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.postgres.database import SqlDatabase
from app.domain.bands import Band
from app.domain.build_steps import NewStep, StepKind
from app.domain.builds import BuildState, IndexSpec
from app.domain.errors import Conflict
from app.domain.products import Catalog
from app.domain.uploads import Claim, Stage, UploadState
from app.ports.uploads import Failure
from tests.databases import accept
from tests.factories import a_build, an_upload


def claim(database: SqlDatabase) -> list[Claim]:
    with database.writing() as transaction:
        return transaction.uploads.claim(Stage.INDEX, limit=100, lease=timedelta(minutes=1))


def advance(database: SqlDatabase, claims: list[Claim]) -> set[str]:
    with database.writing() as transaction:
        return transaction.uploads.advance(Stage.INDEX, claims)


def test_a_catalog_has_one_live_and_one_unfinished_build(database: SqlDatabase) -> None:
    old, new = a_build(at=datetime(2026, 1, 1, tzinfo=UTC)), a_build(state=BuildState.BUILDING, weights="1")
    with database.writing() as transaction:
        transaction.builds.add(old)
        transaction.builds.add(new)
        for state in (BuildState.LIVE, BuildState.BUILDING, BuildState.READY):
            with pytest.raises(Conflict, match=state.value):
                transaction.builds.add(a_build(state=state))
        transaction.builds.add(a_build(state=BuildState.RETIRED, at=datetime(2025, 1, 1, tzinfo=UTC)))
    with database.writing() as transaction:
        assert transaction.builds.live("shop") == old
        assert transaction.builds.live("another") is None
        assert {one.id for one in transaction.builds.writable(["shop", "another"])["shop"]} == {old.id, new.id}
        assert transaction.builds.writable(["another"]) == {"another": []}
        assert [one.state for one in transaction.builds.all("shop")] == ["building", "live", "retired"]
        transaction.builds.set_state(old.id, BuildState.RETIRED)
        transaction.builds.set_state(new.id, BuildState.LIVE)
        assert transaction.builds.live("shop") == replace(new, state=BuildState.LIVE, live_at=transaction.now)


def test_dry_runs_are_in_no_builds_way(database: SqlDatabase) -> None:
    dry, another = (replace(a_build(state=BuildState.BUILDING), dry_run=True) for _ in range(2))
    with database.writing() as transaction:
        for build in (a_build(state=BuildState.READY), dry, another):
            transaction.builds.add(build)
        assert transaction.builds.get(dry.id) == dry
        with pytest.raises(Conflict):
            transaction.builds.add(a_build(state=BuildState.BUILDING))


def test_a_dry_run_is_forgotten_once_nothing_is_left_to_do_of_it(database: SqlDatabase) -> None:
    over, dropping, failed, another = (
        replace(a_build(catalog, BuildState.ABORTED), dry_run=True) for catalog in ("shop", "shop", "shop", "toys")
    )
    real = a_build(state=BuildState.ABORTED)
    with database.writing() as transaction:
        transaction.catalogs.put(Catalog("toys", {}))
        for build in (over, dropping, failed, another, real):
            transaction.builds.add(build)
            transaction.build_steps.add(build.id, [NewStep(StepKind.DROP)])
            transaction.builds.record(build.id, "started", {})
            transaction.builds.fail_contents(build.id, {"a" * 64: Failure("no", "no")})
            transaction.holdings.hold(build.id, {"p1": 1})
        while (step := transaction.build_steps.claim(Stage.INDEX, lease=timedelta(minutes=1))) is not None:
            assert step.build.id == dropping.id or transaction.build_steps.finish(step)
    with database.writing() as transaction:
        transaction.builds.forget_dry_runs("shop")
    with database.reading() as transaction:
        assert {one.id for one in transaction.builds.all("shop")} == {dropping.id, real.id}
        assert [one.id for one in transaction.builds.all("toys")] == [another.id]
        for gone in (over, failed):
            assert transaction.builds.events(gone.id) == []
            assert transaction.builds.count_failed(gone.id) == 0
        for kept in (dropping, another, real):
            assert len(transaction.builds.events(kept.id)) == transaction.builds.count_failed(kept.id) == 1


def test_since_when_a_build_is_live_or_retired_is_noted_when_it_comes_to_be(database: SqlDatabase) -> None:
    build, moments = a_build(state=BuildState.READY), []
    for state in (None, BuildState.LIVE, BuildState.LIVE, BuildState.RETIRED, BuildState.RETIRED, BuildState.LIVE):
        with database.writing() as transaction:
            if state is None:
                transaction.builds.add(build)
            else:
                transaction.builds.set_state(build.id, state)
            found = transaction.builds.get(build.id)
            assert found is not None
            moments.append((transaction.now, found.live_at, found.retired_at))
    went_live, retired, again = moments[1][0], moments[3][0], moments[5][0]
    assert [moment[1:] for moment in moments] == [
        (None, None),
        (went_live, None),
        (went_live, None),
        (went_live, retired),
        (went_live, retired),
        (again, retired),
    ]


def test_a_build_remembers_the_most_pictures_it_may_hold_until_it_is_certain(database: SqlDatabase) -> None:
    build = a_build()
    with database.writing() as transaction:
        transaction.builds.add(build)
        assert transaction.holdings.hold(build.id, {"p": 3, "q": 0}) == {"p": 0, "q": 0}
        assert transaction.holdings.count(build.id) == 0
        assert transaction.holdings.hold(build.id, {"p": 1}) == {"p": 3}
        transaction.holdings.held(build.id, {"p": (1, 1), "q": (4, 0)})
        assert transaction.holdings.count(build.id) == 2
        assert transaction.holdings.hold(build.id, {"p": 1, "q": 2, "r": 0}) == {"p": 1, "q": 0, "r": 0}
        transaction.holdings.dropped(build.id, ["p", "none"])
        assert transaction.holdings.count(build.id) == 1
        assert transaction.holdings.hold(build.id, {"p": 0}) == {"p": 0}


def test_what_an_older_version_may_still_write_is_not_forgotten(database: SqlDatabase) -> None:
    build = a_build()
    accept(database, an_upload(state=UploadState.ENCODED))
    older = claim(database)
    accept(database, an_upload(version=2, state=UploadState.ENCODED))
    with database.writing() as transaction:
        transaction.builds.add(build)
        transaction.holdings.hold(build.id, {"p": 5})  # the older one's pictures
        transaction.holdings.held(build.id, {"p": (2, 1)})
        assert transaction.holdings.hold(build.id, {"p": 1}) == {"p": 5}
        transaction.holdings.dropped(build.id, ["p"])
        assert transaction.holdings.count(build.id) == 0
        assert transaction.holdings.hold(build.id, {"p": 1}) == {"p": 5}
    advance(database, older)
    advance(database, claim(database))
    with database.writing() as transaction:
        transaction.holdings.held(build.id, {"p": (2, 1)})
        assert transaction.holdings.hold(build.id, {"p": 1}) == {"p": 1}


def test_what_tuning_found_is_read_with_the_next_query(database: SqlDatabase) -> None:
    build = a_build()
    index = replace(IndexSpec.of("HNSW"), bands=(Band(1.0, 100, 1), Band(0.05, 400, 3)))
    with database.writing() as transaction:
        transaction.builds.add(build)
        before = transaction.builds.searched("shop")
        assert before is not None
        assert before[1].index.bands == ()
        transaction.builds.set_tuned(build.id, index, {"recall": 0.95})
    with database.reading() as transaction:
        found, read = transaction.builds.searched("shop"), transaction.builds.get(build.id)
    assert found is not None
    assert read is not None
    assert found[1].index == read.index == index
    assert read.tuned == {"recall": 0.95}
    with database.writing() as transaction:
        transaction.builds.set_tuned(build.id, build.index, None)
    with database.reading() as transaction:
        assert transaction.builds.get(build.id) == build
        found = transaction.builds.searched("shop")
    assert found is not None
    assert found[1].index == build.index
