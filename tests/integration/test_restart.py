"""The embedded service, closed in the middle of its work: the next start goes on where it stopped."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from celery.worker import state

from app.domain.embeddings import Pixels, Vectors
from app.domain.errors import Misconfigured
from tests.factories import a_picture
from tests.fakes.encoders import FakeEncoder
from tests.integration.shops import Shop, embedded, inline


class Slow(FakeEncoder):
    """Says when it begins to encode pictures, and waits to be let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        self.begun.set()
        assert self.go_on.wait(30)
        return super().encode_images(pictures)

    def go_on_when_stopping(self) -> None:
        while state.should_stop is None:
            time.sleep(0.01)
        self.go_on.set()


def test_a_service_closed_in_the_middle_of_its_work_goes_on_at_the_next_start(tmp_path: Path) -> None:
    slow = Slow()
    with embedded(tmp_path, slow, encode_batch=2) as shop:
        shop.declare("shop")
        pictures = [a_picture(size=(20 + place, 20)) for place in range(12)]
        accepted = [shop.put("shop", f"p{place}", images=inline(one)) for place, one in enumerate(pictures)]
        assert slow.begun.wait(30)
        threading.Thread(target=slow.go_on_when_stopping).start()
    with embedded(tmp_path) as shop:
        assert {one["state"] for one in shop.settled(*accepted)} == {"indexed"}
        assert shop.vectors("shop") == (12, 12)
        assert slow.encoded_images < 12  # it was closed before its work was done
        with pytest.raises(Misconfigured) as raised, embedded(tmp_path):
            pass
        assert raised.value.code == "data_held"


def worker_of(shop: Shop) -> dict[str, str]:
    told: dict[str, str] = shop.client.get("/health/ready").json()["parts"]["worker"]
    return told


def test_a_worker_that_ends_by_itself_is_told_of_and_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with embedded(tmp_path) as shop:
        shop.declare("shop")
        shop.settled(shop.put("shop", "before"))
        assert worker_of(shop) == {"status": "ok"}
        shop.application.jobs._celery.control.shutdown()
        while (told := worker_of(shop))["status"] == "ok":
            time.sleep(0.02)
        assert told["code"] == "worker_stopped"
        assert "worker.stopped" in caplog.messages
        receipts = shop.settled(shop.put("shop", "after"))
        assert [one["state"] for one in receipts] == ["indexed"]
        assert worker_of(shop) == {"status": "ok"}
