"""What a search asks of Milvus ends with the time that the search has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pytest
from pymilvus import MilvusClient

from app.adapters.milvus.layouts import ServerLayout
from app.adapters.milvus.store import MilvusStore
from tests.factories import FLAT

QUERY = np.ones((1, 1), dtype=np.float32)
FIELDS = [{"name": "vector", "params": {"dim": 1}}, {"name": "words"}]


class Server:
    """A connection and its client: keeps the time-out of every call."""

    lite = False
    layout = ServerLayout()

    def __init__(self) -> None:
        self.given: dict[str, float] = {}

    @contextmanager
    def open(self) -> Iterator[MilvusClient]:
        yield cast("MilvusClient", self)

    @contextmanager
    def reading(self, _: str) -> Iterator[MilvusClient]:
        yield cast("MilvusClient", self)

    def describe_collection(self, _: str, *, timeout: float) -> Any:
        self.given["describe"] = timeout
        return {"fields": FIELDS}

    def search(self, _: str, *, timeout: float, **__: Any) -> Any:
        self.given["search"] = timeout
        return [[]]


@pytest.mark.parametrize(("timeout", "given"), [(2.0, 2.0), (60.0, 30.0), (None, 30.0)])
@pytest.mark.parametrize(
    "search",
    [
        lambda store, timeout: store.search("images", QUERY, limit=1, index=FLAT, timeout=timeout),
        lambda store, timeout: store.search_words("texts", ["mug"], limit=1, timeout=timeout),
    ],
)
def test_a_first_search_of_a_collection_has_no_more_time_than_others(
    search: Callable[[MilvusStore, float | None], Any], timeout: float | None, given: float
) -> None:
    store, server = MilvusStore("http://milvus:19530"), Server()
    store.connection = server  # type: ignore[assignment]
    search(store, timeout)
    assert server.given == {"describe": given, "search": given}
