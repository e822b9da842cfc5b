"""Going back on a tuning, and measuring without storing."""

import pytest

from app.domain.bands import Band
from app.domain.build_steps import StepKind
from app.domain.builds import Build, BuildState
from app.domain.errors import Conflict, NotFound
from app.domain.tuning import MEASURED, TUNED, TUNING, UNTUNED, Tuning
from app.services.start_tuning import start_tuning
from app.services.steer_build import retire
from app.services.untune import untune
from tests.building import Shop
from tests.pipelines import Pipeline
from tests.tuning import stocked, store_tuned, tune, with_lists

PRODUCTS = 12
BANDS = (Band(1.0, 3, 1), Band(0.5, 7, 4))
MADE, WHOLE, HALF = ({"search_params": {"nprobe": one[0]}, "over_fetch": one[1]} for one in ((16, 2), (3, 1), (7, 4)))


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    return stocked(pipeline, PRODUCTS)


@pytest.fixture
def build(shop: Shop) -> Build:
    return with_lists(shop)


def reset(shop: Shop, build: Build) -> Build:
    return untune(shop.pipeline.database, "shop", build.id)


def last_told(shop: Shop, build: Build) -> object:
    with shop.pipeline.database.reading() as transaction:
        return dict(transaction.builds.events(build.id)[-1].told)


def test_a_tuned_build_is_searched_as_it_was_made_once_it_is_put_back_and_its_events_tell_the_change(
    shop: Shop, build: Build
) -> None:
    store_tuned(shop, build, BANDS)
    with shop.pipeline.database.reading() as transaction:
        before = transaction.builds.searched("shop")
    assert before is not None
    assert before[1].searched()[0].search_params == {"nprobe": 3}
    assert reset(shop, build) == build
    with shop.pipeline.database.reading() as transaction:  # what every query of every process reads
        now = transaction.builds.searched("shop")
    assert now is not None
    for filtered in (False, True):
        searched, over_fetch = now[1].searched(filtered=filtered)
        assert (searched.search_params, over_fetch) == ({"nprobe": 16}, None)
    assert shop.build(build).tuned is None
    assert shop.events(build)[-1] == UNTUNED
    assert last_told(shop, build) == {
        "changes": [{"share": 1.0, "before": WHOLE, "now": MADE}, {"share": 0.5, "before": HALF, "now": MADE}]
    }


def test_where_nothing_is_tuned_nothing_is_changed(shop: Shop, build: Build) -> None:
    before = shop.events(build)
    assert reset(shop, build) == build
    live = shop.pipeline.live()
    tune(shop, build)
    shop.work()
    reset(shop, build)
    assert reset(shop, build) == build
    assert shop.events(build) == [*before, TUNING, TUNED, UNTUNED]
    assert live.id == build.id


def test_while_a_build_is_tuned_it_is_not_put_back_and_that_says_what_to_do(shop: Shop, build: Build) -> None:
    store_tuned(shop, build, BANDS)
    tune(shop, build)
    for _ in range(2):  # asked for, and in the middle of it
        with pytest.raises(Conflict, match="wait until that has ended") as raised:
            reset(shop, build)
        assert raised.value.code == "being_tuned"
        assert shop.build(build).index.bands == BANDS
        assert shop.step()
    shop.work()
    assert reset(shop, build).index.bands == ()


def test_what_no_search_uses_any_more_is_not_put_back(shop: Shop, build: Build) -> None:
    with shop.pipeline.database.reading() as transaction:
        first = next(one for one in transaction.builds.all("shop") if one.state is BuildState.RETIRED)
    store_tuned(shop, first, BANDS)
    retire(shop.pipeline.database, "shop", first.id)
    with pytest.raises(Conflict, match="no longer kept"):
        reset(shop, first)
    with pytest.raises(NotFound):
        untune(shop.pipeline.database, "shop", "none")


def test_a_dry_run_tells_what_it_would_change_and_changes_nothing(shop: Shop, build: Build) -> None:
    store_tuned(shop, build, BANDS)
    before = shop.build(build)
    tune(shop, build, dry_run=True)
    shop.work()
    assert shop.build(build) == before
    assert shop.events(build)[-2:] == [TUNING, MEASURED]
    told = last_told(shop, build)
    assert isinstance(told, dict)
    assert [band["share"] for band in told["bands"]] == [1.0, 0.5]
    found = [{name: band[name] for name in ("search_params", "over_fetch")} for band in told["bands"]]
    assert told["changes"] == [
        {"share": 1.0, "before": WHOLE, "now": found[0]},
        {"share": 0.5, "before": HALF, "now": found[1]},
    ]
    tune(shop, build)
    shop.work()
    short = {name: told[name] for name in ("recall", "reached", "changes")}
    assert last_told(shop, build) == {**short, "bands": 2}
    assert [
        {"search_params": {"nprobe": one.value}, "over_fetch": one.over_fetch}
        for one in shop.build(build).index.bands
    ] == found


def test_only_a_dry_run_says_so_in_its_step_for_a_release_before_knew_of_none(shop: Shop, build: Build) -> None:
    for dry_run in (False, True):
        tune(shop, build, dry_run=dry_run)
        steps = []
        with shop.pipeline.database.reading() as transaction:
            steps.append(transaction.build_steps.told(build.id, StepKind.TUNE))
        assert shop.step()
        with shop.pipeline.database.reading() as transaction:
            steps.append(transaction.build_steps.told(build.id, StepKind.TUNE))
        assert [step and step[0].get("dry_run") for step in steps] == [True if dry_run else None] * 2
        assert all(step and step[0]["recall"] == 0.95 for step in steps)
        shop.work()


def test_whoever_compares_index_types_only_looks(shop: Shop, build: Build) -> None:
    before, p = shop.build(build), shop.pipeline
    start_tuning(p.database, p.jobs, "shop", build.id, Tuning.asked(0.9, ["FLAT"]))
    shop.work()
    assert shop.build(build) == before
    told = last_told(shop, build)
    assert isinstance(told, dict)
    assert shop.events(build)[-1] == MEASURED
    assert ([one["index"] for one in told["compared"]], len(told["bands"])) == (["FLAT"], 2)
