"""On SQLite and Postgres: two processes that share a cache show nobody an older shop than was accepted before."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import count
from typing import Any

import orjson
import pytest

from app.adapters.memory_cache import MemoryCache
from app.adapters.postgres.database import SqlDatabase
from app.domain.answers import SearchResult
from app.domain.search import SearchQuery
from app.domain.uploads import UploadKind
from app.services.cached_search import CachedSearch
from app.services.catalog_columns import CatalogColumns
from app.services.catalog_now import CatalogReader
from app.services.record_queries import QueryRecorder
from app.services.seal_cursors import Cursors
from app.services.search import Searcher
from app.services.searches_first import SearchesFirst
from tests.databases import accept
from tests.factories import a_build, a_catalog, a_product, an_upload

WRITES = 120  # of each product, and more until so many answers came from the cache
HITS = 100
PATIENCE_S = 60.0
READERS = 4
PAUSE_S = 0.002  # between two writes of a product, so that answers are asked for twice


def a_process(database: SqlDatabase, cache: MemoryCache) -> CachedSearch:
    """What browsing needs of an API process."""
    needed: dict[str, Any] = {
        "database": database,
        "catalogs": CatalogReader(database, CatalogColumns()),
        "recorder": QueryRecorder(database, 0),
        "first": SearchesFirst(),
        "cursors": Cursors(database),
        "budget_s": 30.0,
    }
    return CachedSearch(Searcher(**{one.name: needed.get(one.name) for one in fields(Searcher)}), cache)


def written(result: SearchResult) -> bytes:
    return orjson.dumps({hit.product.product_id: hit.product.attributes["price"] for hit in result.hits})


def test_no_update_is_hidden(database: SqlDatabase) -> None:
    """`p` is changed again and again, and `q` deleted with every other change; the price of each is its version."""
    cache = MemoryCache(2**24)
    processes = [a_process(database, cache), a_process(database, cache)]
    with database.writing() as transaction:
        transaction.builds.add(a_build())
    done: dict[str, int] = {"p": 0, "q": 0}
    begun: dict[str, int] = {"p": 0, "q": 0}
    hits, deadline = [0] * READERS, time.monotonic() + PATIENCE_S
    over = threading.Event()

    def write(product_id: str) -> None:
        for version in count(1):
            if version > WRITES and (sum(hits) >= HITS or time.monotonic() > deadline):
                return
            gone = product_id == "q" and version % 2 == 0
            begun[product_id] = version
            stated = a_product(product_id, price=version)
            accept(database, an_upload(stated, version, kind=UploadKind.DELETE if gone else UploadKind.UPSERT))
            done[product_id] = version
            time.sleep(PAUSE_S)

    def read(number: int) -> None:
        while not over.is_set():
            before = dict(done)
            answer = processes[number % 2].search("shop", SearchQuery(limit=10), None, written)
            check(orjson.loads(answer.content), before, dict(begun))
            hits[number] += answer.cached

    with ThreadPoolExecutor(READERS + 2) as threads:
        reading = [threads.submit(read, number) for number in range(READERS)]
        try:
            for writing in [threads.submit(write, name) for name in ("p", "q")]:
                writing.result()
        finally:
            over.set()
        for one in reading:
            one.result()
    assert sum(hits) >= HITS


def check(shown: Mapping[str, int], before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """What was accepted before the query is in its answer, or something that came later."""
    for name in ("p", "q"):
        possible = range(before[name], after[name] + 1)
        if name in shown:
            assert shown[name] in possible
            assert name == "p" or shown[name] % 2
        else:
            assert any(version == 0 or (name == "q" and version % 2 == 0) for version in possible)


@pytest.mark.parametrize("shared", [True, False])
def test_two_processes_share_what_is_kept_in_one_place(database: SqlDatabase, shared: bool) -> None:
    cache = MemoryCache(2**20)
    one, other = a_process(database, cache), a_process(database, cache if shared else MemoryCache(2**20))
    with database.writing() as transaction:
        transaction.builds.add(a_build())
    for version in (1, 2, 3):  # one reads the changes as they come, the other all at once
        accept(database, an_upload("p", version), an_upload(f"p{version}"))
        one.search("shop", SearchQuery(), None, written_ids)
    assert other.search("shop", SearchQuery(), None, written_ids).cached is shared


def written_ids(result: SearchResult) -> bytes:
    return orjson.dumps([hit.product.product_id for hit in result.hits])


def test_a_revision_is_told_with_the_live_build(database: SqlDatabase) -> None:
    def revision() -> int:
        with database.reading() as transaction:
            found = transaction.builds.searched("shop")
        assert found is not None
        return found.revision

    with database.writing() as transaction:
        transaction.catalogs.put(a_catalog("other"))
        transaction.builds.add(a_build())
        transaction.catalogs.revise([])
    assert revision() == 0
    for names in (["other", "shop"], {"shop"}, ["other"]):
        with database.writing() as transaction:
            transaction.catalogs.revise(names)
    assert revision() == 2


def test_many_that_revise_catalogs_at_once_wait_for_none_who_waits_for_them(database: SqlDatabase) -> None:
    names = [f"c{number}" for number in range(6)]
    with database.writing() as transaction:
        for name in names:
            transaction.catalogs.put(a_catalog(name))
            transaction.builds.add(a_build(name))

    def revise(turn: int) -> None:
        for _ in range(20):
            with database.writing() as transaction:
                transaction.catalogs.revise(names[turn:] + names[:turn])

    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(revise, turn) for turn in range(4)]:
            one.result()
    with database.reading() as transaction:
        found = [transaction.builds.searched(name) for name in names]
    assert [one and one.revision for one in found] == [80] * 6
