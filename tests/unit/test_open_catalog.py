"""Declaring catalogs: what is stored keeps its meaning, and every catalog can be searched at once."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.builds import BuildState
from app.domain.errors import Conflict, Invalid, StoreUnavailable
from app.domain.products import AttributeType, Catalog
from app.domain.search import SearchQuery
from tests.factories import SCHEMA
from tests.pipelines import Pipeline


def test_a_new_catalog_has_a_live_build_with_both_collections(pipeline: Pipeline) -> None:
    pipeline.declare(Catalog("new", {"price": AttributeType.NUMBER}, ("price",)))
    with pipeline.database.reading() as transaction:
        build = transaction.builds.live("new")
    assert build is not None
    assert (build.state, build.encoder) == (BuildState.LIVE, pipeline.encoder.spec)
    assert (pipeline.store.count(build.images), pipeline.store.count(build.texts)) == (0, 0)
    assert pipeline.searcher.search("new", SearchQuery()).total.value == 0
    assert pipeline.searcher.search("new", SearchQuery("anything")).hits == []


def test_declaring_again_keeps_the_build_and_adds_attributes(pipeline: Pipeline) -> None:
    before = pipeline.live()
    pipeline.declare(Catalog("shop", {**SCHEMA, "season": AttributeType.KEYWORD}))
    assert pipeline.live() == before
    with pipeline.database.reading() as transaction:
        declared = transaction.catalogs.get("shop")
    assert declared is not None
    assert declared.attributes["season"] == AttributeType.KEYWORD


@pytest.mark.parametrize(
    "attributes", [{**SCHEMA, "price": AttributeType.KEYWORD}, {n: t for n, t in SCHEMA.items() if n != "price"}]
)
def test_an_attribute_cannot_change_its_type_or_go(pipeline: Pipeline, attributes: dict[str, AttributeType]) -> None:
    with pytest.raises(Conflict) as raised:
        pipeline.declare(Catalog("shop", attributes))
    assert (raised.value.code, raised.value.field) == ("schema_change", "attributes.price")
    with pipeline.database.reading() as transaction:
        assert transaction.catalogs.get("shop") == Catalog("shop", SCHEMA)


@pytest.mark.parametrize("caption", [(), ("price",), ("price", "colour"), ("colour", "price", "price")])
def test_a_caption_stays_as_it_was_first_declared(pipeline: Pipeline, caption: tuple[str, ...]) -> None:
    first = Catalog("new", SCHEMA, ("colour", "price"))
    pipeline.declare(first)
    pipeline.declare(first)
    with pytest.raises(Conflict) as raised:
        pipeline.declare(Catalog("new", SCHEMA, caption))
    assert (raised.value.code, raised.value.field) == ("schema_change", "caption")
    with pipeline.database.reading() as transaction:
        assert transaction.catalogs.get("new") == first


def test_a_catalog_whose_collections_cannot_be_made_is_not_there(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise StoreUnavailable("Milvus does not answer")

    monkeypatch.setattr(pipeline.store, "create", down)
    with pytest.raises(StoreUnavailable):
        pipeline.declare(Catalog("new", {}))
    with pipeline.database.reading() as transaction:
        assert (transaction.catalogs.get("new"), transaction.builds.live("new")) == (None, None)


KEYWORD = AttributeType.KEYWORD


@pytest.mark.parametrize(
    ("code", "declare"),
    [
        ("bad_id", lambda: Catalog("a b", {})),
        ("bad_id", lambda: Catalog("", {})),
        ("attribute_name", lambda: Catalog("a", {"1st": KEYWORD})),
        ("attribute_name", lambda: Catalog("a", {'a"b': KEYWORD})),
        ("attribute_name", lambda: Catalog("a", {"": KEYWORD})),
        ("attribute_name", lambda: Catalog("a", {"x" * 65: KEYWORD})),
        ("too_many_attributes", lambda: Catalog("a", {f"x{n}": KEYWORD for n in range(201)})),
        ("unknown_attribute", lambda: Catalog("a", {}, ("colour",))),
    ],
)
def test_what_cannot_be_declared_is_refused(code: str, declare: Callable[[], Any]) -> None:
    with pytest.raises(Invalid) as raised:
        declare()
    assert raised.value.code == code
