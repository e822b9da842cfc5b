"""Rows as the message that writes them, packed column by column.

pymilvus packs row by row: it looks up and checks each value by itself, and makes a Python float of each number of
each vector. That was a tenth of all that an ingest's process did.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from pymilvus import DataType, MilvusClient
from pymilvus.grpc_gen.milvus_pb2 import UpsertRequest

from app.adapters.milvus.layouts import LiteLayout, ServerLayout
from app.adapters.milvus.words import WORDS
from app.domain.embeddings import Vectors
from app.ports.vectors import VectorRow

_LENGTH_DELIMITED = b"\x0a"  # the tag of field 1, which `FloatArray.data` is


def packing(client: MilvusClient, layout: ServerLayout | LiteLayout) -> MilvusClient:
    """The client, whose `upsert` takes a list of `VectorRow`, each checked.

    All that is left of the library's way is packed in our own: retries, statuses and timestamps stay as they are.
    """
    connection: Any = client._get_connection()

    def prepare(
        collection: str,
        rows: list[VectorRow],
        _partition: str | None = None,
        timeout: float | None = None,
        *,
        context: Any = None,
        **_: Any,
    ) -> UpsertRequest:
        schema, schema_timestamp = connection._get_schema(collection, timeout=timeout, context=context)
        words = any(field["name"] == WORDS for field in schema["fields"])
        return upsert_request(collection, rows, layout, schema_timestamp, words=words)

    connection._prepare_row_upsert_request = prepare
    return client


def upsert_request(
    collection: str,
    rows: Sequence[VectorRow],
    layout: ServerLayout | LiteLayout,
    schema_timestamp: int = 0,
    *,
    words: bool = False,
) -> UpsertRequest:
    """The request that writes rows, as their collection's schema has them: with `words`, or without."""
    request = UpsertRequest(collection_name=collection, num_rows=len(rows), schema_timestamp=schema_timestamp)
    ids = request.fields_data.add(field_name="id", type=DataType.VARCHAR)
    ids.scalars.string_data.data.extend([row.id for row in rows])
    products = request.fields_data.add(field_name="product_id", type=DataType.VARCHAR)
    products.scalars.string_data.data.extend([row.product_id for row in rows])
    versions = request.fields_data.add(field_name="version", type=DataType.INT64)
    versions.scalars.long_data.data.extend([row.stamp.version for row in rows])
    digests = request.fields_data.add(field_name="digest", type=DataType.INT64)
    digests.scalars.long_data.data.extend([row.stamp.digest for row in rows])
    if words:
        terms = request.fields_data.add(field_name=WORDS, type=DataType.VARCHAR)
        terms.scalars.string_data.data.extend([row.words for row in rows])
    attributes = request.fields_data.add(field_name=layout.field, type=DataType.JSON, is_dynamic=layout.dynamic)
    attributes.scalars.json_data.data.extend([orjson.dumps(layout.cells(row.attributes)) for row in rows])
    vectors = np.stack([row.vector for row in rows])
    packed = request.fields_data.add(field_name="vector", type=DataType.FLOAT_VECTOR)
    packed.vectors.dim = vectors.shape[1]
    packed.vectors.float_vector.MergeFromString(_float_array(vectors))
    return request


def _float_array(vectors: Vectors) -> bytes:
    """A `FloatArray` on the wire of protocol buffers: a packed field is its values, little-endian, in a row."""
    values = vectors.astype("<f4", copy=False).tobytes()
    return _LENGTH_DELIMITED + _varint(len(values)) + values


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
