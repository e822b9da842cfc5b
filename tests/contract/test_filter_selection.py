"""One filter, one selection: SQL on SQLite and Postgres, on milvus-lite and Milvus, columns, plain Python."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, Column, Engine, Integer, MetaData, StaticPool, Table, create_engine, insert, select
from sqlalchemy.dialects.postgresql import JSONB

from app.adapters.milvus.store import MilvusStore
from app.adapters.postgres.filter_clause import filter_clause
from app.domain.builds import IndexSpec
from app.domain.columns import Columns, Held
from app.domain.filters import Filter, parse_filter
from app.domain.passing import passes
from app.domain.products import AttributeType, AttributeValue, check_attributes
from app.ports.vectors import Stamp, VectorRow

Select = Callable[[Filter], set[int]]

SCHEMA = {
    "colour": AttributeType.KEYWORD,
    "id": AttributeType.KEYWORD,  # named as a field of the collection
    "sizes": AttributeType.KEYWORDS,
    "vector": AttributeType.KEYWORDS,
    "price": AttributeType.NUMBER,
    "a-b c": AttributeType.NUMBER,
    "in_stock": AttributeType.BOOLEAN,
    "released": AttributeType.DATETIME,
    "care": AttributeType.TEXT,
    "never": AttributeType.KEYWORD,
}
HOSTILE = 'A" or catalog != "zzz'
TEXTS = [
    *(
        "red",
        "Red",
        " red",
        "re",
        "",
        "a_b",
        "a%",
        "%",
        "_",
        "axb",
        "'",
        '"',
        "\\",
        '\\"',
        "\\n",
        "new\nline",
        "\r\t",
    ),
    *("漢字", "🙂", "é", "e\u0301", "\x01", "\x7f", "\ud7ff", "\ue000", "\U0010ffff", "\u2028", "{}", "$.x", "null"),
    *("true", "1", HOSTILE, "' OR 1=1 --", ":name", "%(name)s", "red=1"),
]
NUMBERS = [0, -0.0, 1, 1.0, -1, 1.5, 19.99, 0.1, 0.1 + 0.2, 5e-324, 1e16, -1e18, 2**53, 2**53 + 1, 2**63 - 1, 2012]
DATES = ["2020-01-01", "2020-01-01T00:00:00+02:00", "1999-12-31T23:59:59.999999", "2020-01-01T00:00:00.000001Z"]
POOLS: dict[AttributeType, list[Any]] = {
    AttributeType.KEYWORD: TEXTS,
    AttributeType.KEYWORDS: TEXTS,
    AttributeType.TEXT: TEXTS,
    AttributeType.NUMBER: NUMBERS,
    AttributeType.BOOLEAN: [True, False],
    AttributeType.DATETIME: DATES,
}
PRODUCTS = 400
VECTOR = np.array([1.0, 0.0], dtype=np.float32)
FLAT = IndexSpec("FLAT", {}, {})


def some_products() -> list[dict[str, AttributeValue]]:
    """Products that hold most attributes, with every value of a pool somewhere; the first holds none."""
    draw = random.Random(11)
    products: list[dict[str, AttributeValue]] = [{}]
    for _ in range(1, PRODUCTS):
        stated: dict[str, Any] = {}
        for name, declared in SCHEMA.items():
            if name == "never" or draw.random() < 0.2:
                continue
            pool = POOLS[declared]
            is_list = declared is AttributeType.KEYWORDS
            stated[name] = draw.sample(pool, draw.randint(1, 3)) if is_list else draw.choice(pool)
        products.append(check_attributes(stated, SCHEMA))
    return products


def values(declared: AttributeType) -> st.SearchStrategy[Any]:
    pool = st.sampled_from(POOLS[declared])
    if POOLS[declared] is TEXTS:
        return pool | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
    return pool


def bounds(declared: AttributeType) -> st.SearchStrategy[Any]:
    def ordered(pair: tuple[Any, Any], keys: tuple[str, str]) -> dict[str, Any]:
        canonical = check_attributes({"x": pair[0], "y": pair[1]}, {"x": declared, "y": declared})
        return dict(zip(keys, sorted(canonical.values()), strict=True))  # type: ignore[type-var]

    keys = st.tuples(st.sampled_from(["gt", "gte"]), st.sampled_from(["lt", "lte"]))
    both = st.builds(ordered, st.tuples(values(declared), values(declared)), keys)
    return both | st.dictionaries(
        st.sampled_from(["gt", "gte", "lt", "lte"]), values(declared), min_size=1, max_size=1
    )


def condition(name: str) -> st.SearchStrategy[Any]:
    declared = SCHEMA[name]
    kinds = [
        values(declared),
        st.fixed_dictionaries({"in": st.lists(values(declared), max_size=4)}),
        st.fixed_dictionaries({"exists": st.booleans()}),
    ]
    if declared is AttributeType.KEYWORD:
        kinds.append(st.fixed_dictionaries({"prefix": values(declared)}))
    if declared in (AttributeType.NUMBER, AttributeType.DATETIME):
        kinds.append(bounds(declared))
    return st.one_of(kinds)


conjunctions = st.lists(st.sampled_from(sorted(SCHEMA)), min_size=1, max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: condition(name) for name in names})
)
filters = st.recursive(
    conjunctions | st.just({}),
    lambda inner: (
        st.fixed_dictionaries({"not": inner})
        | st.fixed_dictionaries({"any": st.lists(inner, max_size=3)})
        | st.builds(lambda one, two: one | {"not": two}, conjunctions, inner)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def products() -> list[dict[str, AttributeValue]]:
    return some_products()


def in_database(engine: Engine, products: list[dict[str, AttributeValue]]) -> Iterator[Select]:
    metadata = MetaData()
    attributes = Column("attributes", JSON().with_variant(JSONB(), "postgresql"), nullable=False)
    table = Table("filtered_products", metadata, Column("n", Integer, primary_key=True), attributes)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.connect() as connection:
        connection.execute(insert(table), [{"n": n, "attributes": held} for n, held in enumerate(products)])
        yield lambda where: set(connection.scalars(select(table.c.n).where(filter_clause(where, table.c.attributes))))
        connection.rollback()
    metadata.drop_all(engine)
    engine.dispose()


def in_store(store: MilvusStore, products: list[dict[str, AttributeValue]]) -> Select:
    """Half of the rows in an indexed segment, half in memory, where the store tells them apart.

    Each was another product before: what a version does not have must not stay from the one it replaces.
    """
    store.drop("filtered")
    store.create("filtered", dimension=2, index=FLAT)
    store.upsert(
        "filtered", [VectorRow(f"{n}#0", str(n), Stamp(1, 0), VECTOR, one) for n, one in enumerate(products[::-1])]
    )
    rows = [VectorRow(f"{n}#0", str(n), Stamp(2, 0), VECTOR, held) for n, held in enumerate(products)]
    store.upsert("filtered", rows[::2])
    store.close()
    store.upsert("filtered", rows[1::2])

    def selected(where: Filter) -> set[int]:
        (hits,) = store.search("filtered", VECTOR[None], limit=len(products) + 1, index=FLAT, where=where)
        assert len({hit.id for hit in hits}) == len(hits)
        return {int(hit.product_id) for hit in hits}

    return selected


@pytest.fixture(scope="module")
def on_columns(products: list[dict[str, AttributeValue]]) -> Select:
    """Each was another product before, and what comes late of an older version changes nothing."""
    columns = Columns()
    columns.put(Held(str(n), 1, one) for n, one in enumerate(products[::-1]))
    columns.put(Held(str(n), 3, held) for n, held in enumerate(products))
    columns.put(Held(str(n), 2, None) for n in range(len(products)))

    def selected(where: Filter) -> set[int]:
        mask = columns.passing(where)
        ids = columns.page(mask, "", len(products))
        assert ids == sorted(ids)
        assert set(ids) == set(columns.ids_of(np.flatnonzero(mask).tolist()))
        return set(map(int, ids))

    return selected


@pytest.fixture(scope="module")
def on_sqlite(products: list[dict[str, AttributeValue]]) -> Iterator[Select]:
    yield from in_database(create_engine("sqlite://", poolclass=StaticPool), products)


@pytest.fixture(scope="module")
def on_postgres(products: list[dict[str, AttributeValue]], postgres_url: str) -> Iterator[Select]:
    yield from in_database(create_engine(postgres_url), products)


@pytest.fixture(scope="module")
def on_lite(products: list[dict[str, AttributeValue]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Select]:
    store = MilvusStore(str(tmp_path_factory.mktemp("filters") / "vectors.db"))
    yield in_store(store, products)
    store.close()


@pytest.fixture(scope="module")
def on_server(products: list[dict[str, AttributeValue]], milvus_uri: str) -> Iterator[Select]:
    store = MilvusStore(milvus_uri)
    yield in_store(store, products)
    store.drop("filtered")
    store.close()


@pytest.fixture(
    params=[
        "on_columns",
        "on_sqlite",
        "on_postgres",
        "on_lite",
        pytest.param("on_server", marks=pytest.mark.milvus_server),
    ]
)
def selected(request: pytest.FixtureRequest) -> Select:
    selection: Select = request.getfixturevalue(request.param)
    return selection


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=filters)
@example(asked={})
@example(asked={"any": []})
@example(asked={"not": {}})
@example(asked={"colour": HOSTILE})
@example(asked={"not": {"never": "x"}})
@example(asked={"not": {"not": {"sizes": HOSTILE}}})
@example(asked={"sizes": {"in": []}})
@example(asked={"price": {"in": list(range(450))}})
@example(asked={"not": {"colour": {"in": [str(i) for i in range(450)]}}})
def test_every_rendering_selects_what_the_filter_says(
    selected: Select, products: list[dict[str, AttributeValue]], asked: dict[str, Any]
) -> None:
    where = parse_filter(asked, SCHEMA)
    expected = {n for n, held in enumerate(products) if passes(where, held)}
    assert selected(where) == expected, json.dumps(asked)


def test_the_deepest_and_longest_filter_is_answered(
    selected: Select, products: list[dict[str, AttributeValue]]
) -> None:
    asked: dict[str, Any] = {"id": {"in": [*TEXTS[:20], *(str(i) for i in range(380))]}}
    for level in range(20):
        asked = {"not": asked, "price": {"gte": level}} if level % 2 else {"any": [asked, {"in_stock": True}]}
    where = parse_filter(asked, SCHEMA)
    assert selected(where) == {n for n, held in enumerate(products) if passes(where, held)}


def test_the_products_tell_filters_apart(products: list[dict[str, AttributeValue]]) -> None:
    for name, declared in SCHEMA.items():
        for value in POOLS[declared] if name != "never" else ():
            held = {n for n, product in enumerate(products) if passes(parse_filter({name: value}, SCHEMA), product)}
            assert 0 < len(held) < PRODUCTS, (name, value)
