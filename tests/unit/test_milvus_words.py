"""What a server is told so that it ranks by words."""

import pytest
from pymilvus import DataType, FunctionType, MilvusClient

from app.adapters.milvus.schema import collection_schema, index_params
from app.adapters.milvus.words import add_words, has_full_text
from app.domain.builds import IndexSpec


@pytest.mark.parametrize(
    ("version", "has"),
    [
        ("v2.6.0", True),
        ("2.6.5", True),
        ("v2.6-20250901-abc", True),
        ("v3.0.1", True),
        ("v2.10.0", True),
        ("v2.5.14", False),
        ("v2.3.5", False),
        ("2.3.5-dev", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_a_server_ranks_by_words_from_version_2_6_on(version: str, has: bool) -> None:
    assert has_full_text(version) is has


def test_a_server_is_sent_terms_to_be_parted_at_spaces_and_an_index_of_them() -> None:
    schema, params = collection_schema(8, dynamic=False), index_params(IndexSpec.of("HNSW"))
    add_words(schema, params, lite=False)
    schema.verify()
    fields = {field["name"]: field for field in schema.to_dict()["fields"]}
    assert fields["words"]["type"] == DataType.VARCHAR
    assert fields["words"]["params"] == {
        "max_length": 8_192,
        "enable_analyzer": True,
        "analyzer_params": '{"tokenizer":"whitespace"}',
    }
    assert fields["bm25"]["type"] == DataType.SPARSE_FLOAT_VECTOR
    (function,) = schema.to_dict()["functions"]
    assert function["type"] == FunctionType.BM25
    assert (function["input_field_names"], function["output_field_names"]) == (["words"], ["bm25"])
    vector, words = (one.to_dict() for one in params)
    assert vector["field_name"] == "vector"
    assert {**words, "index_name": ""} == {
        "field_name": "bm25",
        "index_type": "SPARSE_INVERTED_INDEX",
        "index_name": "",
        "metric_type": "BM25",
        "bm25_k1": 1.2,
        "bm25_b": 0.75,
    }


def test_milvus_lite_is_sent_the_terms_alone() -> None:
    schema, params = collection_schema(8, dynamic=True), MilvusClient.prepare_index_params()
    add_words(schema, params, lite=True)
    assert schema.to_dict()["fields"][-1] == {
        "name": "words",
        "description": "",
        "type": DataType.VARCHAR,
        "params": {"max_length": 8_192},
    }
    assert not list(params)
