"""The encoders of a process: each is opened once, and none makes another wait."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.errors import EncoderError, EncoderNotFound
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
