"""What a search found, read column by column, is what pymilvus would make of it."""

from inspect import getsource, signature
from types import SimpleNamespace

import numpy as np
import pytest
from pymilvus import DataType, MilvusException
from pymilvus.client.grpc_handler import GrpcHandler
from pymilvus.client.search_result import SearchResult
from pymilvus.grpc_gen.common_pb2 import Status
from pymilvus.grpc_gen.milvus_pb2 import SearchRequest, SearchResults
from pymilvus.grpc_gen.schema_pb2 import SearchResultData

from app.adapters.milvus.unpacking import neighbours_of, unpacking
from app.ports.vectors import Neighbour


def an_answer(*counts: int) -> SearchResultData:
    """An answer to as many queries as there are counts."""
    found = sum(counts)
    scores = np.random.default_rng(1).uniform(-1, 1, found).astype(np.float32)
    results = SearchResultData(num_queries=len(counts), topks=counts, scores=scores, output_fields=["product_id"])
    results.ids.str_id.data.extend(f"p{n}#0" for n in range(found))
    if found:
        column = results.fields_data.add(field_name="product_id", type=DataType.VARCHAR)
        column.scalars.string_data.data.extend(f"p{n}" for n in range(found))
    return results


@pytest.mark.parametrize("counts", [(), (0,), (1,), (3, 0, 2), (0, 5), (100,) * 20])
def test_rows_are_read_as_pymilvus_reads_them(counts: tuple[int, ...]) -> None:
    results = an_answer(*counts)
    theirs = [
        [(hit["id"], hit["entity"]["product_id"], hit["distance"]) for hit in hits] for hits in SearchResult(results)
    ]
    assert [[tuple(one) for one in found] for found in neighbours_of(results)] == theirs


def test_a_cosine_is_no_more_than_one_whatever_rounding_gave() -> None:
    results = an_answer(2)
    results.scores[:] = [1.0000001, -1.0000002]
    assert neighbours_of(results) == [[Neighbour("p0#0", "p0", 1.0), Neighbour("p1#0", "p1", -1.0)]]


@pytest.mark.parametrize("column", ["ids", "scores", "products", "topks"])
def test_columns_of_different_lengths_are_no_answer(column: str) -> None:
    results = an_answer(2, 2)
    {
        "ids": results.ids.str_id.data,
        "scores": results.scores,
        "products": results.fields_data[0].scalars.string_data.data,
        "topks": results.topks,
    }[column].pop()
    with pytest.raises(MilvusException):
        neighbours_of(results)


class Stub:
    """The part of a connection's stub that searches."""

    def __init__(self, answer: SearchResults) -> None:
        self.answer = answer
        self.asked: list[tuple[SearchRequest, float | None]] = []

    def Search(self, request: SearchRequest, *, timeout: float | None, metadata: object) -> SearchResults:  # noqa: N802  # as gRPC has it
        self.asked.append((request, timeout))
        return self.answer


def a_connection(answer: SearchResults) -> SimpleNamespace:
    handler = SimpleNamespace(_stub=Stub(answer))
    unpacking(SimpleNamespace(_get_connection=lambda: handler))
    return handler


def test_pymilvus_still_calls_what_is_replaced() -> None:
    answer = SearchResults(results=an_answer(2))
    handler = a_connection(answer)
    request = SearchRequest(collection_name="c")
    assert handler._execute_search(request, 3.0, round_decimal=-1, context=None) == neighbours_of(answer.results)
    assert handler._stub.asked == [(request, 3.0)]
    assert list(signature(GrpcHandler._execute_search).parameters)[1:4] == ["request", "timeout", "context"]
    assert "return self._execute_search(" in getsource(GrpcHandler.search)


def test_a_search_that_failed_is_an_error() -> None:
    handler = a_connection(SearchResults(status=Status(error_code=1, code=65535, reason="no such collection")))
    with pytest.raises(MilvusException, match="no such collection"):
        handler._execute_search(SearchRequest(), None)
