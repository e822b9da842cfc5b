"""The words of a row: a field of terms, and what ranks rows by them.

A server of version 2.6 or later does that itself (full text search): it takes the terms apart at their spaces, which
is all that is left to be done, and keeps what BM25 needs in a sparse vector. milvus-lite keeps the terms, and
`lite_words.py` ranks by them.
"""

import re
from typing import Any

from pymilvus import CollectionSchema, DataType, Function, FunctionType
from pymilvus.milvus_client.index import IndexParams

from app.domain.product_words import MAX_WORDS_BYTES

WORDS = "words"
BM25 = "bm25"
"""The field that a search by words names, and its metric in capitals. milvus-lite has no such field."""
METRIC = "BM25"

K1, B = 1.2, 0.75  # Robertson and Zaragoza (2009), and the defaults of a server

_SINCE = (2, 6)
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def has_full_text(version: str) -> bool:
    """Whether a server of this version ranks by words; one that names itself otherwise does not."""
    found = _VERSION.match(version)
    return found is not None and (int(found[1]), int(found[2])) >= _SINCE


def add_words(schema: CollectionSchema, params: IndexParams, *, lite: bool) -> None:
    """Add the fields to the schema of a collection, and their index."""
    analyzed: dict[str, Any] = {"enable_analyzer": True, "analyzer_params": {"tokenizer": "whitespace"}}
    schema.add_field(WORDS, DataType.VARCHAR, max_length=MAX_WORDS_BYTES, **({} if lite else analyzed))
    if lite:
        return
    schema.add_field(BM25, DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function(BM25, FunctionType.BM25, input_field_names=[WORDS], output_field_names=[BM25]))
    tuned = {"bm25_k1": K1, "bm25_b": B}
    params.add_index(BM25, index_type="SPARSE_INVERTED_INDEX", metric_type=METRIC, params=tuned)
