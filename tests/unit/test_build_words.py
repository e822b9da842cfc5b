"""What an operator is told who asks of a build what it cannot do, or not so."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.builds import Build, BuildState
from app.domain.errors import Conflict, Invalid, NotFound, Refused
from app.domain.tuning import Tuning
from app.services.start_build import start_build
from app.services.start_tuning import start_tuning
from app.services.steer_build import abort, retire, throttle
from app.services.switch_build import the_build
from app.services.untune import untune
from tests.building import Shop
from tests.factories import a_submission
from tests.pipelines import Pipeline


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    for number in range(3):
        pipeline.accepted(a_submission(f"p{number}", f"mug {number}"))
    pipeline.work()
    return Shop(pipeline)


def refusal(act: Callable[[], object]) -> str:
    """Why it cannot be done, which names no command of one who may have asked over HTTP."""
    with pytest.raises(Refused) as raised:
        act()
    assert isinstance(raised.value, Conflict | NotFound)
    assert "`" not in raised.value.detail
    return raised.value.detail


def test_what_cannot_go_live_is_told_why_and_what_may_be_done(shop: Shop) -> None:
    database, first = shop.pipeline.database, shop.pipeline.live()

    def promote(build: Build, **how: Any) -> Callable[[], object]:
        return lambda: shop.switch.promote("shop", build.id, **how)

    dry = shop.begin(dry_run=True)
    assert "is a dry run: it ends with its estimate" in refusal(promote(dry))
    paced = refusal(lambda: throttle(database, shop.pipeline.jobs, "shop", dry.id, rate=1.0))
    assert "is a dry run: it is not being filled" in paced
    another = refusal(lambda: shop.begin(dry_run=True))
    assert "is a dry run that is under way: wait for its estimate, or abort it first" in another
    shop.work()
    assert "is a dry run that is over: it ends with its estimate" in refusal(promote(dry))
    over = refusal(lambda: abort(database, "shop", dry.id))
    assert "is a dry run that is over: there is nothing to abort" in over
    build = shop.begin()
    assert "is building: it can go live once it is ready" in refusal(promote(build))
    assert "is building: abort ends it" in refusal(lambda: retire(database, "shop", build.id))
    shop.work()
    assert "is ready: abort ends it" in refusal(lambda: retire(database, "shop", build.id))
    assert "is live: it answers already" in refusal(promote(first))
    shop.switch.promote("shop", build.id)
    kept = refusal(lambda: abort(database, "shop", first.id))
    assert "is retired and kept for a rollback: retire lets go of it" in kept
    retire(database, "shop", first.id)
    for force in (False, True):
        gone = refusal(promote(first, force=force, reason="why not"))
        assert "is retired and no longer kept: its collections are gone, only a new build can go live" in gone


def test_a_dry_run_goes_live_in_no_state_and_by_no_force(shop: Shop) -> None:
    dry = shop.begin(dry_run=True)
    with shop.pipeline.database.writing() as transaction:  # by somebody who took it for a build
        transaction.builds.take_uploads(dry.id, takes=True)
    for state in (BuildState.READY, BuildState.RETIRED):
        with shop.pipeline.database.writing() as transaction:
            transaction.builds.set_state(dry.id, state)
        for how in ({}, {"force": True, "reason": "why not"}):
            told = refusal(lambda how=how: shop.switch.promote("shop", dry.id, **how))  # type: ignore[misc]
            assert "is a dry run that is over: it ends with its estimate" in told


def test_who_goes_back_on_a_tuning_is_told_to_wait_for_its_end(shop: Shop) -> None:
    live, p = shop.pipeline.live(), shop.pipeline
    start_tuning(p.database, p.jobs, "shop", live.id, Tuning(0.95))
    assert "is being tuned: wait until that has ended" in refusal(lambda: untune(p.database, "shop", live.id))


def test_a_build_that_has_not_passed_goes_live_only_by_force_with_a_reason(shop: Shop) -> None:
    build = shop.begin()
    shop.work()
    with shop.pipeline.database.writing() as transaction:
        transaction.builds.set_report(build.id, {"passed": False, "checks": []})
    told = refusal(lambda: shop.switch.promote("shop", build.id))
    assert "only by force, with a reason" in told
    assert f"GET /v1/catalogs/shop/builds/{build.id} tells what it found" in told
    with pytest.raises(Invalid):
        shop.switch.promote("shop", build.id, force=True)
    shop.switch.promote("shop", build.id, force=True, reason="so it be")
    first = next(one for one in _all(shop) if one.id != build.id)
    shop.switch.rollback("shop", build.id)
    assert f"promoting {build.id}" in refusal(lambda: shop.switch.rollback("shop", first.id))


def _all(shop: Shop) -> list[Build]:
    with shop.pipeline.database.reading() as transaction:
        return transaction.builds.all("shop")


def test_what_goes_live_tells_which_build_is_let_go_of_by_it(shop: Shop) -> None:
    first, builds = shop.pipeline.live(), []
    for _ in range(2):
        build = shop.begin()
        shop.work()
        shop.switch.promote("shop", build.id)
        builds.append(build)
    second, third = builds
    with shop.pipeline.database.reading() as transaction:
        told = [dict(transaction.builds.events(one.id)[-1].told) for one in (third, second)]
        (promoted,) = (one for one in transaction.builds.events(second.id) if one.what == "promoted")
    assert told == [{"let_go": [first.id]}, {"after": third.id}]
    assert promoted.told == {}  # nothing was let go of by that


def test_who_asks_for_a_build_that_there_is_not_is_told_which_route_lists_them(shop: Shop) -> None:
    with shop.pipeline.database.reading() as transaction:
        told = refusal(lambda: the_build(transaction, "shop", "none"))
    assert "GET /v1/catalogs/shop/builds lists them" in told


def test_an_index_type_may_be_written_in_any_case(shop: Shop) -> None:
    p = shop.pipeline

    def started(index: str, **params: int) -> Build:
        build = start_build(
            p.database, p.store, p.jobs, "shop", encoder=None, index=index, params=params, dry_run=True
        )
        abort(p.database, "shop", build.id)
        return build

    assert started("hnsw", M=8).index == started("HNSW", M=8).index
    assert started("Ivf_Sq8").index.type == "IVF_SQ8"
    assert started("flat").index == p.live().index  # which is of that type: nothing of it is changed
    with pytest.raises(Invalid, match="'HSNW' is not one of FLAT, HNSW"):
        started("hsnw")
