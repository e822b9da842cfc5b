"""Receipts over the API: an upload that waits says why and until when, one that is not dead why it is not retried."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.errors import FetchFailed, StoreUnavailable
from tests.factories import a_picture
from tests.integration.refusals import refused
from tests.integration.shops import Shop, at_rest, inline

URL = "https://shop.example/slow.jpg"
SLOW = "the picture's server takes too long"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with at_rest(tmp_path) as shop:
        shop.declare("shop")
        yield shop


def slow(_: str) -> bytes:
    raise FetchFailed(SLOW)


def test_an_upload_whose_picture_does_not_come_says_so_while_it_waits(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetcher = shop.application.searcher.encoder.fetcher
    accepted = shop.put("shop", "p", images=[{"url": URL}])
    assert not {"last_error", "next_attempt_at"} & shop.receipt(accepted["upload_id"]).keys()
    with monkeypatch.context() as patched:
        patched.setattr(fetcher, "fetch", slow)
        shop.work()
    (told,) = shop.client.get("/v1/uploads").json()["uploads"]
    assert told == shop.receipt(accepted["upload_id"])
    assert (told["state"], told["attempts"]) == ("accepted", 1)
    assert told["last_error"] == {"code": "fetch_failed", "detail": SLOW}
    assert datetime.fromisoformat(told["next_attempt_at"]) > datetime.now(UTC)
    assert "error" not in told


def test_an_outage_is_told_as_a_code_and_forgotten_when_it_is_over(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise StoreUnavailable("no route to db7.internal")

    accepted = shop.put("shop", "p", images=inline(a_picture()))
    with monkeypatch.context() as patched:
        patched.setattr(shop.application.store, "upsert", down)
        shop.work()
    told = shop.receipt(accepted["upload_id"])
    assert (told["state"], told["attempts"]) == ("encoded", 0)
    assert told["last_error"]["code"] == "store_unavailable"
    assert "db7.internal" not in str(told)  # three hex digits alone may stand in an id
    with shop.application.database.engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE uploads SET due_at = '2026-01-01 00:00:00'")
    shop.work()
    told = shop.receipt(accepted["upload_id"])
    assert told["state"] == "indexed"
    assert not {"last_error", "next_attempt_at", "error"} & told.keys()


def test_what_is_not_dead_is_not_retried_and_the_refusal_says_what_to_do(shop: Shop) -> None:
    accepted = shop.put("shop", "p")
    answer = shop.client.post(f"/v1/uploads/{accepted['upload_id']}:retry")
    refused(answer, 409, "not_retryable", "upload_id")
    assert "fetched" in answer.json()["detail"]
    assert "state the product anew" in answer.json()["detail"]
