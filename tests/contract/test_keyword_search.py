"""Searching by words: the fake, milvus-lite and a server that cannot face the same suite."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from app.adapters.milvus.store import MilvusStore
from app.domain.builds import IndexSpec
from app.domain.errors import Invalid
from app.domain.filters import parse_filter
from app.domain.product_words import asked_terms, words_of
from app.domain.products import AttributeType, Product
from app.ports.vectors import Stamp, VectorRow, VectorStore
from tests.fakes.vectors import FakeVectorStore, bm25

NAME = "vitrine_words"
FLAT = IndexSpec("FLAT", {}, {})
VECTOR = np.array([1.0, 0.0], dtype=np.float32)
SCHEMA = {"colour": AttributeType.KEYWORD, "price": AttributeType.NUMBER}
TITLES = {
    "p1": "Sony WH-1000XM4 headphones",
    "p2": "Sony WH-1000XM3 headphones",
    "p3": "Headphones for children, blue",
    "p4": "红色连衣裙",
    "p5": "绿茶 250g",
    "p6": "รองเท้าวิ่ง",
    "p7": "...",
}


def row(product_id: str, title: str, *, version: int = 1, **attributes: Any) -> VectorRow:
    words = words_of(Product(product_id, title, "", attributes), SCHEMA)
    return VectorRow(product_id, product_id, Stamp(version, 5), VECTOR, attributes, words)


@pytest.fixture(params=["fake", "lite"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    """A store with an empty collection that has words."""
    store: FakeVectorStore | MilvusStore = FakeVectorStore()
    if request.param == "lite":
        store = MilvusStore(str(tmp_path_factory.mktemp("lite") / "vectors.db"))
    store.create(NAME, dimension=2, index=FLAT, words=True)
    yield store
    store.close()


@pytest.fixture
def filled(store: VectorStore) -> VectorStore:
    store.upsert(NAME, [row(name, title, price=place) for place, (name, title) in enumerate(TITLES.items())])
    return store


def found(store: VectorStore, text: str, *, where: Mapping[str, Any] | None = None, limit: int = 50) -> list[str]:
    parsed = None if where is None else parse_filter(where, SCHEMA)
    rows = store.search_words(NAME, asked_terms(text), limit=limit, where=parsed)
    assert rows is not None
    return [one.product_id for one in rows]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("WH-1000XM4", "p1"),
        ("wh1000xm4", "p1"),
        ("WH 1000 XM4", "p1"),
        ("sony wh-1000xm3", "p2"),
        ("children's headphones", "p3"),
        ("连衣", "p4"),
        ("茶", "p5"),
        ("250 g", "p5"),
        ("รองเท้า", "p6"),
    ],
)
def test_the_product_of_these_words_is_first(filled: VectorStore, asked: str, first: str) -> None:
    assert found(filled, asked)[0] == first


def test_only_rows_that_have_a_term_are_found(filled: VectorStore) -> None:
    assert sorted(found(filled, "headphones")) == ["p1", "p2", "p3"]
    assert found(filled, "nobody has these") == []
    assert found(filled, "!") == []
    assert len(found(filled, "headphones", limit=2)) == 2


def test_scores_are_bm25_over_the_rows_there_are(filled: VectorStore) -> None:
    filled.delete(NAME, ["p2"])
    filled.upsert(NAME, [row("p3", "children children blue", version=2)])
    titles = {**TITLES, "p3": "children children blue"}
    del titles["p2"]
    terms = asked_terms("Sony headphones for blue children")
    documents = {name: words_of(Product(name, title), SCHEMA).split() for name, title in titles.items()}
    expected = {name: score for name, score in bm25(documents, terms).items() if score}
    rows = filled.search_words(NAME, terms, limit=50)
    assert rows is not None
    assert {one.id: one.score for one in rows} == pytest.approx(expected, rel=1e-5)
    assert [one.id for one in rows] == sorted(expected, key=lambda name: -expected[name])


def test_a_filter_leaves_what_passes_with_the_scores_it_had(filled: VectorStore) -> None:
    everything = filled.search_words(NAME, ["headphones"], limit=9) or []
    some = filled.search_words(NAME, ["headphones"], limit=9, where=parse_filter({"price": {"gte": 1}}, SCHEMA))
    assert some == [one for one in everything if one.product_id != "p1"]
    assert found(filled, "headphones", where={"price": {"gt": 100}}) == []
    assert found(filled, "headphones", where={"colour": {"in": []}}) == []


def test_what_is_written_over_or_deleted_is_found_no_more(filled: VectorStore) -> None:
    filled.upsert(NAME, [row("p1", "A kettle", version=2)])
    filled.delete(NAME, ["p4"])
    assert found(filled, "WH-1000XM4")[0] == "p2"
    assert "p1" not in found(filled, "sony")
    assert found(filled, "kettle") == ["p1"]
    assert found(filled, "连衣") == []


def test_no_rows_cannot_be_asked_for(filled: VectorStore) -> None:
    with pytest.raises(Invalid):
        filled.search_words(NAME, ["sony"], limit=0)


def test_an_empty_collection_finds_nothing(store: VectorStore) -> None:
    assert found(store, "sony") == []
    store.upsert(NAME, [row("p7", "...")])
    assert found(store, "sony") == []


def _without(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, bool]:
    """A store, and whether a collection is asked to have words that it cannot have there."""
    if request.param == "server":
        return MilvusStore(request.getfixturevalue("milvus_uri")), True
    if request.param == "fake":
        return FakeVectorStore(full_text=False), True
    return MilvusStore(str(tmp_path_factory.mktemp("lite") / "vectors.db")), False


@pytest.fixture(params=["fake", "lite", pytest.param("server", marks=pytest.mark.milvus_server)])
def wordless(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    """A store with a collection that has no words: none can be had, or it was made before they could."""
    store, words = _without(request, tmp_path_factory)
    store.drop(NAME)
    store.create(NAME, dimension=2, index=FLAT, words=words)
    yield store
    store.drop(NAME)
    store.close()


def test_a_collection_without_words_takes_rows_and_says_that_it_has_none(wordless: VectorStore) -> None:
    written = row("p1", "Sony WH-1000XM4", price=3)
    wordless.upsert(NAME, [written])
    assert wordless.stamps(NAME, ["p1"]) == {"p1": written.stamp}
    assert wordless.search_words(NAME, ["sony"], limit=5) is None
    wordless.create(NAME, dimension=2, index=FLAT, words=True)
    assert wordless.search_words(NAME, ["sony"], limit=5) is None
    ((hit,),) = wordless.search(NAME, VECTOR[None], limit=5, index=FLAT)
    assert hit.id == "p1"


def test_a_collection_that_is_made_anew_has_words(tmp_path: Any) -> None:
    store = MilvusStore(str(tmp_path / "vectors.db"))
    store.create(NAME, dimension=2, index=FLAT)
    assert store.search_words(NAME, ["sony"], limit=5) is None
    store.drop(NAME)
    store.create(NAME, dimension=2, index=FLAT, words=True)
    store.upsert(NAME, [row("p1", "Sony")])
    assert found(store, "sony") == ["p1"]
    store.close()
