"""A cache that all API processes share, in Redis. It is there to save time: it is not waited for, and may be away."""

import logging
import time
from collections.abc import Callable
from typing import Literal, cast

from prometheus_client import Counter
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

TIMEOUT_S = 0.05
"""A hit takes Redis less than a millisecond; a search takes some tens, and would be overtaken by waiting longer."""
PAUSE_S = 5.0
"""After a failure it is left alone: searches go on without it, and do not each wait to find that out."""
PREFIX = "vitrine:answer:"

FAILURES = Counter("vitrine_cache_failures", "Calls of the cache that failed or were too slow", ["call"])


class RedisCache:
    """`Cache` of the port. Safe to use from several threads. `clock` gives seconds that never go back."""

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        # Not tried again: a time-out that is met three times is none.
        self._redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
        )
        self._clock = clock
        self._rests_until = float("-inf")

    def get(self, key: str) -> bytes | None:
        """What was kept last, unless its time is over, its room was needed, or Redis does not say so in time."""
        return cast(bytes | None, self._asked("get", lambda: self._redis.get(PREFIX + key)))

    def put(self, key: str, content: bytes, *, ttl_s: int) -> None:
        """Keep this for so many seconds, if Redis can be had."""
        self._asked("put", lambda: self._redis.set(PREFIX + key, content, ex=ttl_s))

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()

    def _asked(self, name: Literal["get", "put"], call: Callable[[], object]) -> object:
        if self._clock() < self._rests_until:
            return None
        try:
            return call()
        except (RedisError, OSError) as error:
            self._rests_until = self._clock() + PAUSE_S
            FAILURES.labels(name).inc()
            log.warning("cache.passed_over", extra={"call": name, "detail": str(error), "pause_s": PAUSE_S})
            return None
