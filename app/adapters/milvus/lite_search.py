"""milvus-lite's search over arrays.

Its own walks every row for every query in Python (2 µs in a segment, 50 µs in memory), and makes a dict of every
field of every hit. It also sets the search parameters of a query on the index, where the query beside it sets its
own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from app.adapters.milvus.lite_settled import Settled
from app.adapters.milvus.lite_sources import MemoryRows, Nearest, Passing, Rows, SegmentRows
from app.adapters.milvus.lite_view import view_of
from app.adapters.milvus.schema import METRIC
from app.domain.embeddings import Vectors, unit_rows


def search(
    query_vectors: Vectors,
    segments: Settled,
    memtable: Any,
    delta_index: Any,  # noqa: ARG001 - the segments know what was deleted from them
    top_k: int,
    *,
    metric_type: str,
    pk_field: str,  # noqa: ARG001 - a segment's keys are known to it
    vector_field: str,
    partition_names: Sequence[str] | None = None,
    compiled_filter: Any = None,
    output_fields: Sequence[str] = (),
    indexed_filter_plan: Any = None,
    project_record_fn: Callable[..., Any] | None = None,  # noqa: ARG001 - the fields that are asked for are columns
    search_params: Mapping[str, Any] | None = None,
) -> list[list[dict[str, Any]]]:
    """As `execute_search_with_index` of milvus-lite 3.2.2, for collections as `schema.py` makes them.

    Raises `NotImplementedError` for another metric than theirs, and for partitions: they have one.
    """
    if metric_type != METRIC or partition_names:
        raise NotImplementedError(f"a search by {metric_type} in the partitions {partition_names}")
    view = view_of(segments, memtable, vector_field)
    params = search_params or {}
    sources: list[Rows] = [
        SegmentRows(one, counting, vector_field, params)
        for one, counting in zip(view.settled, view.counting, strict=True)
    ]
    if view.memory.ids:
        sources.append(MemoryRows(view.memory))
    if not sources or top_k <= 0:
        return [[] for _ in query_vectors]
    passing = Passing(compiled_filter, indexed_filter_plan) if compiled_filter is not None else None
    queries = unit_rows(query_vectors)
    found = [one.nearest(queries, top_k, passing) for one in sources]
    return _merged(sources, found, top_k, output_fields)


def _merged(
    sources: Sequence[Rows], found: Sequence[Nearest], limit: int, names: Sequence[str]
) -> list[list[dict[str, Any]]]:
    rows = np.concatenate([one for one, _ in found], axis=1)
    distances = np.concatenate([one for _, one in found], axis=1)
    owners = np.concatenate([np.full_like(one, number) for number, (one, _) in enumerate(found)], axis=1)
    order = np.lexsort((rows, owners, distances), axis=-1)[:, :limit]
    return [
        [
            {
                "id": sources[owner].key(row),
                "distance": distance,
                "entity": {name: sources[owner].value(row, name) for name in names},
            }
            for row, owner, distance in zip(
                rows[query, places].tolist(),
                owners[query, places].tolist(),
                distances[query, places].tolist(),
                strict=True,
            )
            if row >= 0
        ]
        for query, places in enumerate(order)
    ]
