"""One filter, one selection: SQL on SQLite and Postgres, on milvus-lite and Milvus, columns, plain Python."""

import json
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
from app.ports.vectors import Stamp, VectorRow
from tests.filtering import HOSTILE, POOLS, SCHEMA, TEXTS, deep_and_wide, drawn_filter, drawn_products

Select = Callable[[Filter], set[int]]

PRODUCTS = drawn_products(400)
VECTOR = np.array([1.0, 0.0], dtype=np.float32)
FLAT = IndexSpec("FLAT", {}, {})
filters = st.builds(drawn_filter, st.randoms(use_true_random=False), st.just(5))


def in_database(engine: Engine) -> Iterator[Select]:
    metadata = MetaData()
    attributes = Column("attributes", JSON().with_variant(JSONB(), "postgresql"), nullable=False)
    table = Table("filtered_products", metadata, Column("n", Integer, primary_key=True), attributes)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.connect() as connection:
        connection.execute(insert(table), [{"n": n, "attributes": held} for n, held in enumerate(PRODUCTS)])
        yield lambda where: set(connection.scalars(select(table.c.n).where(filter_clause(where, table.c.attributes))))
        connection.rollback()
    metadata.drop_all(engine)
    engine.dispose()


def in_store(store: MilvusStore) -> Select:
    """Half of the rows in an indexed segment, half in memory, where the store tells them apart.

    Each was another product before: what a version does not have must not stay from the one it replaces.
    """
    store.drop("filtered")
    store.create("filtered", dimension=2, index=FLAT)
    store.upsert(
        "filtered", [VectorRow(f"{n}#0", str(n), Stamp(1, 0), VECTOR, one) for n, one in enumerate(PRODUCTS[::-1])]
    )
    rows = [VectorRow(f"{n}#0", str(n), Stamp(2, 0), VECTOR, held) for n, held in enumerate(PRODUCTS)]
    store.upsert("filtered", rows[::2])
    store.close()
    store.upsert("filtered", rows[1::2])

    def selected(where: Filter) -> set[int]:
        (hits,) = store.search("filtered", VECTOR[None], limit=len(PRODUCTS) + 1, index=FLAT, where=where)
        assert len({hit.id for hit in hits}) == len(hits)
        return {int(hit.product_id) for hit in hits}

    return selected


@pytest.fixture(scope="module")
def on_columns() -> Select:
    """Each was another product before, and what comes late of an older version changes nothing."""
    columns = Columns()
    columns.put(Held(str(n), 1, one) for n, one in enumerate(PRODUCTS[::-1]))
    columns.put(Held(str(n), 3, held) for n, held in enumerate(PRODUCTS))
    columns.put(Held(str(n), 2, None) for n in range(len(PRODUCTS)))

    def selected(where: Filter) -> set[int]:
        mask = columns.passing(where)
        ids = columns.page(mask, "", len(PRODUCTS))
        assert ids == sorted(ids)
        assert set(ids) == set(columns.ids_of(np.flatnonzero(mask).tolist()))
        return set(map(int, ids))

    return selected


@pytest.fixture(scope="module")
def on_sqlite() -> Iterator[Select]:
    yield from in_database(create_engine("sqlite://", poolclass=StaticPool))


@pytest.fixture(scope="module")
def on_postgres(postgres_url: str) -> Iterator[Select]:
    yield from in_database(create_engine(postgres_url))


@pytest.fixture(scope="module")
def on_lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Select]:
    store = MilvusStore(str(tmp_path_factory.mktemp("filters") / "vectors.db"))
    yield in_store(store)
    store.close()


@pytest.fixture(scope="module")
def on_server(milvus_uri: str) -> Iterator[Select]:
    store = MilvusStore(milvus_uri)
    yield in_store(store)
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


def passing(where: Filter) -> set[int]:
    return {n for n, held in enumerate(PRODUCTS) if passes(where, held)}


def told(asked: dict[str, Any], expected: set[int], got: set[int]) -> str:
    """The filter, and what it reads of the smallest product that is passed over or should be."""
    text = json.dumps(asked)
    read = {n: {name: held for name, held in PRODUCTS[n].items() if f'"{name}"' in text} for n in expected ^ got}
    smallest = min(read, key=lambda n: len(json.dumps(read[n])))
    did = "passes over" if smallest in expected else "selects"
    return f"{text} {did} {json.dumps(read[smallest])}"


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
def test_every_rendering_selects_what_the_filter_says(selected: Select, asked: dict[str, Any]) -> None:
    where = parse_filter(asked, SCHEMA)
    expected, got = passing(where), selected(where)
    assert got == expected, told(asked, expected, got)


def test_the_deepest_and_longest_filter_is_answered(selected: Select) -> None:
    asked: dict[str, Any] = {"id": {"in": [*TEXTS[:20], *(str(i) for i in range(380))]}}
    for level in range(20):
        asked = {"not": asked, "price": {"gte": level}} if level % 2 else {"any": [asked, {"in_stock": True}]}
    where = parse_filter(asked, SCHEMA)
    assert selected(where) == passing(where)


@pytest.mark.parametrize(("keys", "items"), [(1, 12), (7, 9)])
def test_a_filter_that_is_deep_and_wide_at_once_is_answered(selected: Select, keys: int, items: int) -> None:
    asked = deep_and_wide(keys, items, levels=19)
    for one in (asked, {"not": asked}):
        where = parse_filter(one, SCHEMA)
        assert selected(where) == passing(where)


def test_the_products_tell_filters_apart() -> None:
    for name, declared in SCHEMA.items():
        for value in POOLS[declared] if name != "never" else ():
            held = {n for n, product in enumerate(PRODUCTS) if passes(parse_filter({name: value}, SCHEMA), product)}
            assert 0 < len(held) < len(PRODUCTS), (name, value)
