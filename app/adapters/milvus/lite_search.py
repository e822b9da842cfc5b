"""milvus-lite's search over arrays.

Its own walks every row for every query in Python (2 µs in a segment, 50 µs in memory), and makes a dict of every
field of every hit. It also sets the search parameters of a query on the index, where the query beside it sets its
own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.milvus.lite_filters import Passing
from app.adapters.milvus.lite_settled import Settled
from app.adapters.milvus.lite_sources import Nearest, Rows, rows_of
from app.adapters.milvus.lite_view import View, view_of
from app.adapters.milvus.lite_words import bm25
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
    sources = rows_of(view, vector_field, search_params or {})
    if not sources or top_k <= 0:
        return [[] for _ in query_vectors]
    passing = Passing(compiled_filter, indexed_filter_plan) if compiled_filter is not None else None
    queries = unit_rows(query_vectors)
    found = [one.nearest(queries, top_k, passing) for one in sources]
    return _merged(sources, found, top_k, output_fields)


def search_words(
    texts: Sequence[str],
    view: View,
    top_k: int,
    *,
    vector_field: str,
    passing: Passing | None = None,
    output_fields: Sequence[str] = (),
) -> list[list[dict[str, Any]]]:
    """The rows that have any of the terms of each text, best first by BM25, as `search` gives them."""
    sources = rows_of(view, vector_field, {})
    if not sources or top_k <= 0:
        return [[] for _ in texts]
    words, passed = [one.words() for one in sources], [one.passed(passing) for one in sources]
    answers = []
    for text in texts:
        scores = bm25(words, text.split())
        found = [_best(some * mask, top_k) for some, mask in zip(scores, passed, strict=True)]
        (hits,) = _merged(sources, found, top_k, output_fields)
        answers.append([{**hit, "distance": -hit["distance"]} for hit in hits])
    return answers


def _best(scores: NDArray[np.float64], limit: int) -> Nearest:
    """The rows with the highest scores above 0, of equal ones the first; a score as a distance below 0."""
    if np.count_nonzero(scores) > limit:
        scores = np.where(scores >= np.partition(scores, -limit)[-limit], scores, 0.0)
    rows = np.flatnonzero(scores)
    rows = rows[np.argsort(-scores[rows], kind="stable")][:limit]
    return rows[None], -scores[rows][None].astype(np.float32)


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
