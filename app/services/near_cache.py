"""A cache in this process before one that all processes share."""

from app.ports.cache import Cache

NEAR_S = 30
"""Seconds that an answer stays in this process before the shared cache is asked for it again. What that costs it is
then one call in so long, and what was taken out of it by hand is gone as soon."""


class NearCache:
    """`Cache` of the port over two: what was found in the `far` one is kept in the `near` one for a moment.

    A key stands for one content, so that neither can be older than the other. Together they keep it no longer than it
    was to be kept: what is found in the far one at its end stays in the near one for a moment more.
    """

    def __init__(self, near: Cache, far: Cache) -> None:
        self._near = near
        self._far = far

    def get(self, key: str) -> bytes | None:
        """What was kept last, in either."""
        content = self._near.get(key)
        if content is None:
            content = self._far.get(key)
            if content is not None:
                self._near.put(key, content, ttl_s=NEAR_S)
        return content

    def put(self, key: str, content: bytes, *, ttl_s: int) -> None:
        """Keep this for so many seconds at the longest."""
        self._near.put(key, content, ttl_s=min(ttl_s, NEAR_S))
        if ttl_s > NEAR_S:
            self._far.put(key, content, ttl_s=ttl_s - NEAR_S)
