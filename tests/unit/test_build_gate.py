"""The gate: a worse encoder, an index that misses and one that is slow do not go live by themselves."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app.domain.builds import Build, BuildState
from app.domain.embeddings import Pixels, Vectors
from app.domain.errors import Conflict
from app.domain.uploads import Stage
from app.services import gate
from tests.building import Shop
from tests.factories import a_deletion, a_picture, a_submission
from tests.fakes.encoders import COLOURS
from tests.pipelines import Pipeline


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    """A mug of each colour, with a picture of it, and things without any."""
    for colour in COLOURS:
        pipeline.accepted(a_submission(colour, f"a {colour} mug", pictures=[a_picture(colour)]))
    for number in range(30):
        pipeline.accepted(a_submission(f"p{number}", f"thing {number} of {number % 7} parts"))
    pipeline.work()
    return Shop(pipeline, page=50)


def checked(shop: Shop, build: Build) -> dict[str, dict[str, Any]]:
    """The checks of a build by name, once it is ready."""
    shop.work()
    found = shop.build(build)
    assert found.state is BuildState.READY
    return {check["name"]: check for check in (found.report or {})["checks"]}


def failed(shop: Shop, build: Build) -> set[str]:
    names = {name for name, check in checked(shop, build).items() if not check["passed"]}
    if names:
        with pytest.raises(Conflict) as raised:
            shop.switch.promote("shop", build.id)
        assert raised.value.code == "gate_failed"
    else:
        shop.switch.promote("shop", build.id)
    return names


def test_an_encoder_as_good_as_the_live_one_passes(shop: Shop) -> None:
    build = shop.start()
    checks = checked(shop, build)
    assert checks["captions that find their picture in 10"]["measured"] == 1.0
    assert checks["recall@10 against exact"]["measured"] == 1.0
    assert failed(shop, build) == set()


def test_an_encoder_that_takes_pictures_for_something_else_does_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        shop.pipeline.accepted(a_submission(f"wall{number}", f"wall {number}", pictures=[a_wall(number)]))
    shop.pipeline.work()
    encode = shop.other.encode_images
    monkeypatch.setattr(shop.other, "encode_images", lambda pictures: -encode(pictures))
    build = shop.start()
    assert failed(shop, build) == {"captions that find their picture in 10"}
    losers = (shop.build(build).report or {})["losers"]
    assert {one["product_id"] for one in losers} >= {"blue", "green", "yellow"}
    shop.switch.promote("shop", build.id, force=True, reason="the old one is worse still")
    assert shop.state(build) is BuildState.LIVE
    shop.switch.rollback("shop", build.id)
    with pytest.raises(Conflict) as raised:
        shop.switch.promote("shop", build.id)  # however often it was live, it has not passed
    assert raised.value.code == "gate_failed"


def a_wall(number: int) -> bytes:
    """A picture of no colour the encoder knows, like no other."""
    return a_picture("red", size=(20 + number, 24))


def test_an_encoder_that_is_better_than_the_live_one_passes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    worse = shop.start()
    encode = shop.other.encode_images

    def blind(pictures: Sequence[Pixels]) -> Vectors:
        return np.repeat(encode(pictures[:1]), len(pictures), axis=0)

    with monkeypatch.context() as patched:
        patched.setattr(shop.other, "encode_images", blind)
        shop.work()
    shop.switch.promote("shop", worse.id, force=True, reason="to begin with")
    better = shop.start_with(shop.pipeline.encoder.spec)
    assert failed(shop, better) == set()


def test_an_index_that_does_not_find_what_is_nearest_does_not_pass(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = shop.start()
    search = shop.pipeline.store.search

    def missing(collection: str, queries: Vectors, *, limit: int, **named: Any) -> Any:
        answers = search(collection, queries, limit=3 * limit, **named)
        return [some[::3] if collection == build.texts else some[:limit] for some in answers]

    monkeypatch.setattr(shop.pipeline.store, "search", missing)
    assert failed(shop, build) == {"recall@10 against exact"}


def test_an_index_that_hides_rows_does_not_pass(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shop.start()
    search = shop.pipeline.store.search

    def hiding(collection: str, queries: Vectors, **named: Any) -> Any:
        answers = search(collection, queries, **named)
        if collection != build.images:
            return answers
        return [[one for one in some if one.product_id != "red"] for some in answers]

    monkeypatch.setattr(shop.pipeline.store, "search", hiding)
    assert "found by their own vector" in failed(shop, build)


def test_what_changes_once_it_is_sampled_is_not_lost(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shop.start()
    look = gate.found_by_own_vector

    def change_and_look(*arguments: Any) -> float:
        changes = [a_deletion(f"p{number}") for number in range(10)]
        changes += [a_submission(f"p{number}", f"another thing {number}") for number in range(10, 20)]
        for one in changes:
            shop.pipeline.accepted(one)
        shop.pipeline.work()
        return look(*arguments)

    monkeypatch.setattr(gate, "found_by_own_vector", change_and_look)
    assert checked(shop, build)["found by their own vector"]["measured"] == 1.0


def test_an_index_that_takes_longer_does_not_pass(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shop.start()
    search = shop.pipeline.store.search

    def slow(collection: str, *arguments: Any, **named: Any) -> Any:
        time.sleep(0.02 if collection == build.texts else 0)
        return search(collection, *arguments, **named)

    monkeypatch.setattr(shop.pipeline.store, "search", slow)
    assert failed(shop, build) == {"milliseconds of a search"}


def test_nothing_is_encoded_for_the_check(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shop.start()
    while shop.step() or shop.step(Stage.ENCODE):
        encoded = shop.other.encoded_texts, shop.pipeline.encoder.encoded_texts
        with shop.pipeline.database.reading() as transaction:
            if transaction.builds.events(build.id)[-1].what == "filled":
                break
    shop.work()
    assert shop.state(build) is BuildState.READY
    assert (shop.other.encoded_texts, shop.pipeline.encoder.encoded_texts) == encoded
