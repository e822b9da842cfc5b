"""The encoders of a process: each is opened once, and none makes another wait."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.domain.errors import EncoderError, EncoderNotCached, EncoderNotFound, EncoderRefused, Invalid
from app.ports.encoders import Encoder
from app.services.encoders import Encoders
from tests.fakes.encoders import FakeEncoder, FakeLoader


class SlowLoader(FakeLoader):
    """Says when it begins to load `slow`, and waits to be let go on."""

    def __init__(self) -> None:
        super().__init__(FakeEncoder("slow", weights="1"), FakeEncoder("quick"))
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.loaded: list[str] = []

    def load(self, name: str) -> Encoder:
        self.loaded.append(name)
        if name == "slow":
            self.begun.set()
            assert self.go_on.wait(30)
        return super().load(name)


def test_an_encoder_that_loads_makes_no_other_wait_and_is_loaded_once() -> None:
    loader = SlowLoader()
    encoders = Encoders(loader, configured="quick")
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(encoders.named, "slow") for _ in range(4)]
        assert loader.begun.wait(30)
        quick = [pool.submit(encoders.named, "quick"), pool.submit(encoders.of, FakeEncoder("quick").spec)]
        try:
            assert len({id(future.result(10)) for future in quick}) == 1
        finally:
            loader.go_on.set()
        assert len({id(future.result(10)) for future in asking}) == 1
    assert sorted(loader.loaded) == ["quick", "slow"]


def test_a_model_that_is_not_there_is_not_looked_for_at_every_question() -> None:
    class Counting(FakeLoader):
        asked = 0

        def load(self, name: str) -> Encoder:
            Counting.asked += 1
            return super().load(name)

    encoders = Encoders(Counting(), configured="none")
    for _ in range(3):
        with pytest.raises(EncoderNotFound):
            encoders.named("none")
    assert Counting.asked == 1


def test_strangers_are_told_which_encoder_fails_and_the_operator_where_it_lies() -> None:
    place = "/srv/secret/shoes-v2"
    moved = Encoders(FakeLoader(FakeEncoder(place, weights="1")), configured="none")
    for failing, detail in (
        (lambda: moved.named("/srv/secret/shoes-v1"), "/srv/secret/shoes-v1"),
        (lambda: moved.of(FakeEncoder(place).spec), place),
    ):
        with pytest.raises(EncoderError) as caught:
            failing()
        assert detail in caught.value.detail
        assert detail.rpartition("/")[2] in caught.value.shown
        assert "secret" not in caught.value.shown


def test_who_names_an_encoder_that_there_is_not_is_told_what_was_named() -> None:
    place = "/srv/models/shoes-v1"
    with pytest.raises(Invalid) as caught:
        Encoders(FakeLoader(), configured="none").stated(place)
    assert (caught.value.code, caught.value.field) == ("encoder_not_found", "encoder")
    assert place in caught.value.shown


def test_a_model_that_is_gone_or_changed_is_seen_although_it_is_open() -> None:
    here, was = FakeEncoder("/models/here"), FakeEncoder("/models/was", weights="1")
    loader = FakeLoader(here, was)
    encoders = Encoders(loader, configured=here.spec.name)
    for spec in (here.spec, was.spec):
        encoders.of(spec)
        encoders.check(spec)
    loader.know(FakeEncoder("/models/was", weights="2"))
    with pytest.raises(EncoderRefused) as raised:
        encoders.check(was.spec)
    assert raised.value.code == "fingerprint_mismatch"
    loader.forget(was)
    with pytest.raises(EncoderNotFound) as missing:
        encoders.check(was.spec)
    assert "/models" not in missing.value.shown
    assert encoders.of(was.spec).spec == was.spec  # who has it open goes on with it
    encoders.check(replace(here.spec, name="/models/before"))  # it was moved to where the settings say
    loader.know(was)
    encoders.check(was.spec)


def test_a_model_of_the_hub_is_missing_once_it_was_here_and_is_gone() -> None:
    loader = FakeLoader(hub := FakeEncoder("owner/model@revision"))
    encoders = Encoders(loader, configured="none")
    loader.forget(hub)
    assert not encoders.check(hub.spec)  # whoever opens it first fetches it
    loader.know(hub)
    assert encoders.check(hub.spec)
    encoders.of(hub.spec)
    loader.forget(hub)
    with pytest.raises(EncoderNotCached):
        encoders.check(hub.spec)


def test_a_look_opens_nothing_and_waits_for_nobody_who_does() -> None:
    loader = SlowLoader()
    encoders = Encoders(loader, configured="quick")
    with ThreadPoolExecutor(2) as pool:
        opening = pool.submit(encoders.named, "slow")
        assert loader.begun.wait(30)
        try:
            assert pool.submit(encoders.check, FakeEncoder("slow", weights="1").spec).result(10)
        finally:
            loader.go_on.set()
        opening.result(10)
    assert encoders.check(FakeEncoder("quick").spec)
    assert loader.loaded == ["slow"]
