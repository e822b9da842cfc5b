"""milvus-lite's process stands still while shoppers search: they are answered in time, and wholly once it goes on."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.domain.search import Leg
from app.services.search_breaker import FAILURES
from tests.factories import a_picture
from tests.integration.refusals import SEARCH, refused
from tests.integration.shops import Shop, embedded, inline

BUDGET_S = 0.5
MARGIN_S = 1.5  # a busy machine
PATIENCE_S = 30.0


class StoppableShop:
    """A shop whose vector store can be stopped."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        process = shop.application.store.connection._process  # type: ignore[union-attr]
        assert process is not None
        self._pid = process._process.pid

    def signal(self, number: int) -> None:
        os.kill(self._pid, number)

    def search(self, **stated: Any) -> tuple[Any, float]:
        begun = time.monotonic()
        answer = self.shop.client.post(SEARCH, json={"text": "a red mug", **stated})
        return answer, time.monotonic() - begun

    def breaker(self) -> str:
        """Its state, as the metrics tell it."""
        families = text_string_to_metric_families(self.shop.client.get("/metrics").text)
        samples = next(one.samples for one in families if one.name == "vitrine_search_breaker")
        (state,) = (one.labels["state"] for one in samples if one.value == 1.0)
        return state


@pytest.fixture
def stoppable(tmp_path: Path) -> Iterator[StoppableShop]:
    with embedded(tmp_path, search_budget_s=BUDGET_S, cache_mb=0) as shop:  # kept answers outlast an outage
        shop.declare("shop")  # which loads its collections
        shop.settled(shop.put("shop", "p", images=inline(a_picture("red"))))
        stoppable = StoppableShop(shop)
        yield stoppable
        stoppable.signal(signal.SIGCONT)


def test_searches_are_answered_in_time_then_at_once_and_then_wholly(stoppable: StoppableShop) -> None:
    answer, _ = stoppable.search()
    assert (answer.json()["degraded"], stoppable.breaker()) == ([], "closed")
    stoppable.signal(signal.SIGSTOP)
    for _ in range(1 + FAILURES // len(Leg)):
        answer, took = stoppable.search()
        refused(answer, 503, "store_unavailable")
        assert answer.headers["retry-after"]
        assert BUDGET_S * 0.9 <= took < BUDGET_S + MARGIN_S
    until = time.monotonic() + MARGIN_S
    while stoppable.breaker() != "open":  # what is overdue by a hair is not yet a failure
        assert time.monotonic() < until
    store = stoppable.shop.application.store
    with patch.object(store, "search") as by_vectors, patch.object(store, "search_words") as by_words:
        refused(stoppable.search()[0], 503, "store_unavailable")
    assert not by_vectors.called
    assert not by_words.called
    assert stoppable.breaker() == "open"
    assert stoppable.shop.search("shop") == ["p"]  # to browse needs no vectors
    begun = time.monotonic()
    ready = stoppable.shop.client.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]["vectors"]["status"]) == (503, "unavailable")
    assert time.monotonic() - begun < MARGIN_S
    stoppable.signal(signal.SIGCONT)
    until = time.monotonic() + PATIENCE_S
    while (answer := stoppable.search()[0]).status_code != 200 or answer.json()["degraded"]:
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)
    assert [hit["product_id"] for hit in answer.json()["hits"]] == ["p"]
    assert stoppable.breaker() == "closed"
    assert stoppable.shop.client.get("/health/ready").json()["parts"]["vectors"] == {"status": "ok"}


def test_an_upload_that_comes_meanwhile_is_indexed_afterwards(stoppable: StoppableShop) -> None:
    stoppable.signal(signal.SIGSTOP)
    while stoppable.breaker() != "open":
        refused(stoppable.search()[0], 503, "store_unavailable")
    accepted = stoppable.shop.put("shop", "q", images=inline(a_picture("blue")))
    stoppable.signal(signal.SIGCONT)
    (receipt,) = stoppable.shop.settled(accepted)
    assert receipt["state"] == "indexed"
