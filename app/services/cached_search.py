"""Answers that are kept: a query that was asked a moment ago is not searched for again unless anything changed.

Every query reads first which build is live and what has changed, cached or not; that is in the key. So nothing has to
be taken out of the cache, and an answer is never older than what was accepted before it was asked for. The key is
taken before the answer is made: a change that comes meanwhile may be in an answer that is kept under the older key,
and no answer lacks what its key stands for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, NamedTuple

from prometheus_client import Counter

from app.domain.answers import SearchResult
from app.domain.cursors import digest_of
from app.domain.errors import StoreUnavailable
from app.domain.search import SearchQuery
from app.ports.cache import Cache
from app.services.search import Searcher
from app.services.search_moment import Moment
from app.services.single_flight import SingleFlight
from app.services.stopwatch import Stopwatch

TTL_S = 300
"""By its key an answer would be good for as long as nothing changes; five minutes bound what a mistake could do."""

FORMAT = 2
"""Of the answers: one more whenever the same search is to be answered or told otherwise. Releases share a cache."""

ANSWERS = Counter(
    "vitrine_answers",
    "First pages by how they were come by: hit (kept), wait (an equal query was under way), miss, or never kept",
    ["by"],
)
By = Literal["hit", "wait", "miss"]


class _Made(NamedTuple):
    content: bytes
    kept: bool
    by: By


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query, written down. `cached` says that it was not made for this query, and may be again."""

    content: bytes
    timings_ms: Mapping[str, float]
    cached: bool


class CachedSearch:
    """Answers queries from a cache where it can. Safe to use from several threads."""

    def __init__(self, searcher: Searcher, cache: Cache) -> None:
        self._searcher = searcher
        self._cache = cache
        self._flights = SingleFlight[_Made]()

    def search(
        self, catalog: str, query: SearchQuery, cursor: str | None, write: Callable[[SearchResult], bytes]
    ) -> Answer:
        """The answer to a query as `write` writes it down. Raises what searching raises."""
        if cursor is not None or not _is_kept(query):
            ANSWERS.labels("uncached").inc()
            result = self._searcher.search(catalog, query, cursor)
            return Answer(write(result), result.timings_ms, cached=False)
        watch = Stopwatch()
        moment = self._searcher.begin(catalog, query)
        watch.lap("plan")
        key = _key(moment, query)
        made = self._joined(key, lambda: self._found_or_made(moment, query, key, write, watch))
        ANSWERS.labels(made.by).inc()
        if made.by == "miss":
            return Answer(made.content, watch.readings(), cached=False)
        self._searcher.asked(catalog, query)
        watch.lap("cache")
        return Answer(made.content, watch.readings(), cached=made.kept)

    def _found_or_made(
        self, moment: Moment, query: SearchQuery, key: str, write: Callable[[SearchResult], bytes], watch: Stopwatch
    ) -> _Made:
        content = self._cache.get(key)
        if content is not None:
            return _Made(content, True, "hit")
        result = self._searcher.answer(moment, query, watch)
        content = write(result)
        if result.lasts:
            self._cache.put(key, content, ttl_s=TTL_S)
        return _Made(content, result.lasts, "miss")

    def _joined(self, key: str, make: Callable[[], _Made]) -> _Made:
        """What is made here or for an equal query, which is waited for longer than its legs may take."""
        wait_s = 2 * self._searcher.budget_s  # its legs may take all of the budget, and encoding comes before them
        try:
            made, mine = self._flights.join(key, make, wait_s=wait_s)
            return made if mine or made.by == "hit" else made._replace(by="wait")
        except TimeoutError:
            told = f"an equal query, asked a moment before, is not answered after {wait_s:g} s"
            raise StoreUnavailable(told) from None


def _is_kept(query: SearchQuery) -> bool:
    """What is behind a URL may change at any time; and whoever asks why wants to be told how it is."""
    return not (query.explain or isinstance(query.image, str))


def _key(moment: Moment, query: SearchQuery) -> str:
    told = f"{FORMAT} {moment.state} {digest_of(query, without=())}"
    return blake2b(told.encode(), digest_size=16).hexdigest()
