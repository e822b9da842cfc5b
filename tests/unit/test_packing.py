"""Rows packed column by column are what pymilvus would send."""

from inspect import getsource, signature
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from pymilvus import MilvusClient
from pymilvus.client.grpc_handler import GrpcHandler
from pymilvus.client.prepare import Prepare
from pymilvus.grpc_gen.milvus_pb2 import UpsertRequest

from app.adapters.milvus.layouts import LiteLayout, ServerLayout
from app.adapters.milvus.packing import packing, upsert_request
from app.adapters.milvus.schema import collection_schema
from app.adapters.milvus.words import add_words
from app.ports.vectors import Stamp, VectorRow

ATTRIBUTES = {
    "colour": "Grün 🙂",
    "price": 3,
    "sizes": ["S", "M"],
    "in_stock": True,
    "released": "2026-01-01T00:00:00Z",
}


NAMES = ["id", "product_id", "version", "digest", "attributes", "vector"]


def some_rows(count: int, dimension: int) -> list[VectorRow]:
    vectors = np.random.default_rng(1).standard_normal((count, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        VectorRow(f"p{n}", f"p{n}", Stamp(n + 1, -n), vectors[n], ATTRIBUTES if n % 2 else {}, f"schuh 杯 {n}")
        for n in range(count)
    ]


def as_read(request: UpsertRequest) -> tuple[str, int, int, dict[str, tuple[int, bool, bytes]], list[list[object]]]:
    """A request, whatever the order of its columns and the spaces in its JSON."""
    documents, columns = [], {}
    for one in request.fields_data:
        documents.append([orjson.loads(text) for text in one.scalars.json_data.data])
        one.scalars.json_data.Clear()
        columns[one.field_name] = (one.type, one.is_dynamic, one.SerializeToString(deterministic=True))
    documents = [some for some in documents if some]
    return request.collection_name, request.num_rows, request.schema_timestamp, columns, documents


@pytest.mark.parametrize("words", [False, True], ids=["no words", "words"])
@pytest.mark.parametrize("layout", [ServerLayout(), LiteLayout()])
@pytest.mark.parametrize(("count", "dimension"), [(1, 1), (3, 8), (5, 512), (40, 512)])  # lengths of 1 to 3 bytes
def test_rows_are_packed_as_pymilvus_packs_them(
    layout: ServerLayout | LiteLayout, count: int, dimension: int, words: bool
) -> None:
    rows = some_rows(count, dimension)
    schema = collection_schema(dimension, dynamic=layout.dynamic)
    if words:
        add_words(schema, MilvusClient.prepare_index_params(), lite=layout.dynamic)
    fields = schema.to_dict()["fields"]
    entities = [
        {"id": row.id, "product_id": row.product_id, **row.stamp._asdict(), "vector": row.vector}
        | ({"words": row.words} if words else {})
        | (layout.cells(row.attributes) if layout.dynamic else {layout.field: layout.cells(row.attributes)})
        for row in rows
    ]
    theirs = Prepare.row_upsert_param("c", entities, "", fields, [], layout.dynamic, 7)
    assert as_read(upsert_request("c", rows, layout, 7, words=words)) == as_read(theirs)


class Handler:
    """The part of pymilvus's connection that packing replaces, called as the library calls it."""

    def __init__(self, names: list[str]) -> None:
        self._fields = [{"name": name} for name in names]
        self.asked: list[tuple[str, float | None, object]] = []

    def _get_schema(self, collection: str, timeout: float | None = None, context: object = None) -> tuple[Any, int]:
        self.asked.append((collection, timeout, context))
        return {"fields": self._fields}, 7


def test_a_deadline_holds_for_the_schema_too_and_pymilvus_still_calls_what_is_replaced() -> None:
    handler = Handler(NAMES)
    packing(SimpleNamespace(_get_connection=lambda: handler), ServerLayout())
    request = handler._prepare_row_upsert_request("c", some_rows(2, 8), "", 3.0, context="here")
    assert handler.asked == [("c", 3.0, "here")]
    assert (request.num_rows, request.schema_timestamp) == (2, 7)
    parameters = signature(GrpcHandler._prepare_row_upsert_request).parameters
    assert list(parameters)[1:6] == ["collection_name", "rows", "partition_name", "timeout", "context"]
    assert "self._prepare_row_upsert_request(" in getsource(GrpcHandler.upsert_rows)


@pytest.mark.parametrize("names", [NAMES, [*NAMES, "words"]], ids=["no words", "words"])
def test_words_are_written_where_the_collection_has_a_field_for_them(names: list[str]) -> None:
    handler = Handler(names)
    packing(SimpleNamespace(_get_connection=lambda: handler), ServerLayout())
    request = handler._prepare_row_upsert_request("c", some_rows(2, 8))
    assert sorted(one.field_name for one in request.fields_data) == sorted(names)
