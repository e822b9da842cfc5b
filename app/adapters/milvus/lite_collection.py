"""milvus-lite's collection as we need it: readers wait for nobody, and it tells how far its indexes are."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.storage.delta_index import DeltaIndex

from app.adapters.milvus import lite_search
from app.adapters.milvus.lite_filters import Passing
from app.adapters.milvus.lite_settled import Mask, Settled
from app.adapters.milvus.lite_view import view_of
from app.adapters.milvus.lite_words import postings_of
from app.adapters.milvus.words import BM25, METRIC, WORDS


class LiteCollection(Collection):  # type: ignore[misc] # milvus-lite publishes no types
    """A collection whose segments are merged and indexed in the background, as its own are."""

    _last: Future[None] | None = None
    _published: tuple[Settled, DeltaIndex] = (Settled(), DeltaIndex("id"))

    # Its upsert fills a row with what the one it replaces has beside it: an attribute that was taken away would stay
    # for ever. Its insert replaces.
    upsert = Collection.insert

    def _refresh_segment_cache(self) -> None:
        """After each flush and merge, under the lock of both: publish what there is to be read from now on."""
        super()._refresh_segment_cache()
        before, _ = self._published
        deleted = self._delta_index.frozen_copy()
        settled = before.followed_by(tuple(self._segment_cache.values()), deleted._map)
        if settled is not before:
            self._published = settled, deleted

    def _read_snapshot(self) -> tuple[Settled, DeltaIndex]:
        """What was published last. Its own waits for that lock, which a merge holds for as long as it takes."""
        return self._published

    def resolve_search_metric(self, anns_field: str | None = None, metric_type: str | None = None) -> str:
        """As its own, but for the words, which it has no field of vectors for."""
        if anns_field == BM25:
            return METRIC
        return str(super().resolve_search_metric(anns_field, metric_type))

    def search(self, query_vectors: Sequence[Any], top_k: int = 10, **asked: Any) -> list[list[dict[str, Any]]]:
        """As its own; of the words, asked for as a server is, each query is a text."""
        if asked.get("anns_field") != BM25:
            found: list[list[dict[str, Any]]] = super().search(query_vectors, top_k, **asked)
            return found
        self._require_loaded()
        compiled = self._compile_filter(asked["expr"], timezone=None) if asked.get("expr") else None
        passing = None if compiled is None else Passing(compiled, self._indexed_filter_plan(compiled))
        view = view_of(self._published[0], self._memtable, self._vector_name)
        fields = asked.get("output_fields") or ()
        return lite_search.search_words(
            query_vectors, view, top_k, vector_field=self._vector_name, passing=passing, output_fields=fields
        )

    @property
    def num_entities(self) -> int:
        """How many rows there are. Its own walks them one by one, and counts one twice that a log brought again."""
        view = view_of(self._published[0], self._memtable, self._vector_name)
        return sum(map(_rows, view.counting)) + len(view.memory.ids)

    def pending_rows(self) -> int:
        """How many rows are yet to be indexed: those of segments without an index.

        Or those of all segments, where each has one and the background is not done: it may be about to merge some.
        None once it is done, whatever became of it: what it failed at it tries again after the next flush.
        """
        if self._last is None or self._last.done():
            return 0
        settled, _ = self._published
        lacking = [mask for one, mask in zip(settled, settled.counting, strict=True) if not one.indexes]
        return sum(map(_rows, lacking)) or sum(map(_rows, settled.counting))

    def _ensure_loaded_segments_indexed(self) -> int:
        """After each flush and merge, in the background and without a lock: as its own, and of the words too.

        They come first: a search by words can do nothing without, and one by vectors compares each meanwhile.
        """
        if self._load_state == "loaded" and any(one.name == WORDS for one in self._schema.fields):
            for segment in self._published[0]:
                postings_of(segment)
        return int(super()._ensure_loaded_segments_indexed())

    def _schedule_bg_maintenance(self) -> None:
        """As its own, in the one thread it has for this: once the last is done all are."""
        if not self._bg_closed:
            self._last = self._bg_executor.submit(self._bg_compact_and_index)


def _rows(mask: Mask) -> int:
    return int(mask.sum())
