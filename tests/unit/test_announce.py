"""An API process says that it is there and which encoders it has loaded, and a promotion waits for that."""

from datetime import timedelta

import pytest

from app.bootstrap.herald import Herald
from app.domain.builds import BuildState
from app.services import announce
from app.services.announce import Announcer
from tests.building import Shop
from tests.factories import a_submission
from tests.pipelines import Pipeline

WITHIN = timedelta(seconds=10)


@pytest.fixture
def shop(pipeline: Pipeline) -> Shop:
    pipeline.accepted(a_submission())
    pipeline.work()
    return Shop(pipeline)


def lacking(shop: Shop, fingerprint: str, within: timedelta = WITHIN) -> set[str]:
    with shop.pipeline.database.reading() as transaction:
        return transaction.announcements.lacking(fingerprint, within=within)


def test_a_process_lacks_what_it_has_not_loaded_until_it_has(shop: Shop) -> None:
    build = shop.start()
    announcer = Announcer(shop.pipeline.database, shop.pipeline.encoders, "api")
    first, other = shop.pipeline.encoder.spec.fingerprint, shop.other.spec.fingerprint
    assert lacking(shop, other) == set()
    announcer.load()
    announcer.announce()
    assert (lacking(shop, first), lacking(shop, other)) == (
        set(),
        {"api"},
    )  # which is not ready, and not to be had yet
    shop.work()
    assert shop.state(build) is BuildState.READY
    announcer.load()
    announcer.announce()
    assert lacking(shop, other) == set()
    announcer.withdraw()
    assert lacking(shop, "none") == set()


def test_an_encoder_that_cannot_be_loaded_keeps_no_other_from_being_announced(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.start()
    shop.work()

    def crash(_: object) -> None:
        raise RuntimeError("no device")

    announcer = Announcer(shop.pipeline.database, shop.pipeline.encoders, "api")
    with monkeypatch.context() as patched:
        patched.setattr(shop.pipeline.encoder, "encode_texts", crash)
        announcer.load()
    announcer.announce()
    assert lacking(shop, shop.other.spec.fingerprint) == set()
    assert lacking(shop, shop.pipeline.encoder.spec.fingerprint) == {"api"}


def test_a_process_that_died_is_not_waited_for_and_forgotten(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Announcer(shop.pipeline.database, shop.pipeline.encoders, "dead")
    dead.announce()
    assert lacking(shop, "none") == {"dead"}
    assert lacking(shop, "none", within=-WITHIN) == set()
    monkeypatch.setattr(announce, "GONE", -WITHIN)
    dead.announce()
    assert shop.pipeline.count("announcements") == 0


def test_a_herald_announces_by_itself_and_withdraws(shop: Shop) -> None:
    herald = Herald(shop.pipeline.database, shop.pipeline.encoders)
    try:
        shop.wait_for(lambda: lacking(shop, "none") != set())
        shop.wait_for(lambda: lacking(shop, shop.pipeline.encoder.spec.fingerprint) == set())
    finally:
        herald.close()
    assert shop.pipeline.count("announcements") == 0
