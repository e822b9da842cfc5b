"""The cache port, in memory and in Redis: what is kept is there for its time; a Redis that fails is passed over."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest
from prometheus_client import REGISTRY
from redis import Redis

from app.adapters.memory_cache import ENTRY_BYTES, MemoryCache
from app.adapters.redis_cache import PAUSE_S, PREFIX, RedisCache
from app.ports.cache import Cache
from app.services.near_cache import NEAR_S, NearCache

PATIENCE_S = 30.0


@pytest.fixture(params=["memory", "redis", "near"])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    if request.param == "memory":
        yield MemoryCache(2**20)
        return
    url = request.getfixturevalue("redis_url")
    with closing(Redis.from_url(url)) as redis:
        for kept in redis.scan_iter(PREFIX + "*"):
            redis.delete(kept)
    # The wheel's server may be slow to answer on a busy machine; how long it is waited for is tested below.
    with closing(RedisCache(url, timeout_s=10.0)) as opened:
        yield opened if request.param == "redis" else NearCache(MemoryCache(2**20), opened)


def test_what_is_kept_is_there_and_the_last_one_counts(cache: Cache) -> None:
    assert cache.get("one") is None
    cache.put("one", b"first", ttl_s=60)
    cache.put("one", b"\0second\xff", ttl_s=60)
    cache.put("empty", b"", ttl_s=60)
    assert (cache.get("one"), cache.get("empty"), cache.get("other")) == (b"\0second\xff", b"", None)


def test_what_is_kept_goes_when_its_time_is_over(cache: Cache) -> None:
    cache.put("brief", b"1", ttl_s=1)
    deadline = time.monotonic() + PATIENCE_S
    while cache.get("brief") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_in_memory_what_was_not_used_for_longest_makes_room() -> None:
    cache = MemoryCache(3 * (ENTRY_BYTES + 10))
    for name in ("one", "two", "three"):
        cache.put(name, bytes(10), ttl_s=60)
    assert cache.get("one") is not None
    cache.put("four", bytes(10), ttl_s=60)
    assert [name for name in ("one", "two", "three", "four") if cache.get(name) is not None] == [
        "one",
        "three",
        "four",
    ]
    cache.put("four", bytes(20 + ENTRY_BYTES), ttl_s=60)
    assert [name for name in ("one", "three", "four") if cache.get(name) is not None] == ["three", "four"]
    cache.put("five", bytes(30 + 3 * ENTRY_BYTES), ttl_s=60)
    assert cache.get("five") is None
    assert cache.get("four") is not None


def test_without_room_nothing_is_kept() -> None:
    cache = MemoryCache(0)
    cache.put("one", b"", ttl_s=60)
    assert cache.get("one") is None


def test_what_one_process_keeps_another_finds_and_asks_for_once_in_a_while() -> None:
    now = 0.0
    near, other = (MemoryCache(2**20, clock=lambda: now) for _ in range(2))
    far = MemoryCache(2**20, clock=lambda: now)
    NearCache(near, far).put("one", b"1", ttl_s=300)
    cache = NearCache(other, far)
    assert [cache.get("one"), other.get("one")] == [b"1", b"1"]
    now = NEAR_S
    assert [near.get("one"), other.get("one"), cache.get("one"), other.get("one")] == [None, None, b"1", b"1"]
    now = 299.0 - NEAR_S  # what is copied last goes when it should
    assert [cache.get("one"), far.get("one")] == [b"1", b"1"]
    now = 298.0
    assert [cache.get("one"), far.get("one")] == [b"1", None]
    now = 300.0
    assert cache.get("one") is None


def test_in_redis_all_stands_under_names_of_its_own_and_ends(redis_url: str) -> None:
    with closing(RedisCache(redis_url, timeout_s=10.0)) as cache, closing(Redis.from_url(redis_url)) as redis:
        cache.put("mine", b"1", ttl_s=60)
        assert 0 < int(str(redis.ttl(PREFIX + "mine"))) <= 60


def failures(call: str) -> float:
    return REGISTRY.get_sample_value("vitrine_cache_failures_total", {"call": call}) or 0.0


def test_a_redis_that_is_away_is_passed_over_and_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    now = 0.0
    with closing(RedisCache(f"redis://127.0.0.1:{port}/0", clock=lambda: now)) as cache:
        gets, puts = failures("get"), failures("put")
        assert cache.get("one") is None
        cache.put("one", b"1", ttl_s=60)  # which does not ask: it was away a moment ago
        assert (failures("get"), failures("put")) == (gets + 1, puts)
        now = PAUSE_S
        cache.put("one", b"1", ttl_s=60)
        assert failures("put") == puts + 1


def test_a_redis_that_hangs_is_waited_for_no_longer_than_a_moment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []
        Thread(target=lambda: held.append(silent.accept()[0]), daemon=True).start()
        with closing(RedisCache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout_s=0.2)) as cache:
            begun = time.monotonic()
            assert cache.get("one") is None
            assert cache.get("one") is None
            assert time.monotonic() - begun < 0.2 * 8
        for one in held:
            one.close()
