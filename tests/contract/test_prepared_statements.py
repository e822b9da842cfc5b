"""On SQLite and Postgres: what every query asks is answered the same, whatever became of the plan a session keeps."""

import pytest
from sqlalchemy import Connection, bindparam, select

from app.adapters.postgres.database import SqlDatabase
from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.tables import products
from tests.databases import accept
from tests.factories import a_product, an_upload

EXPECTED = ["100 % 'wool'", '"']
TITLES = Prepared(
    select(products.c.title)
    .where(products.c.catalog == bindparam("the_catalog"), products.c.title.like("%"))
    .order_by(products.c.product_id)
)


@pytest.fixture(autouse=True)
def two(database: SqlDatabase) -> None:
    for name, title in zip(("p", "q"), EXPECTED, strict=True):
        accept(database, an_upload(a_product(name, title)))


@pytest.fixture
def postgres_only(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite's driver keeps plans itself")


def titles(database: SqlDatabase) -> list[str]:
    with database.reading() as transaction:
        return [title for (title,) in TITLES.rows(connection_of(transaction), {"the_catalog": "shop"})]


def connection_of(transaction: object) -> Connection:
    found = transaction._connection  # type: ignore[attr-defined]
    assert isinstance(found, Connection)
    return found


def kept(database: SqlDatabase) -> int:
    """How many plans of this text the session has."""
    named = TITLES._compiled["postgresql"].named
    assert named is not None
    with database.reading() as transaction:
        told = connection_of(transaction).exec_driver_sql(
            "SELECT count(*) FROM pg_prepared_statements WHERE name = %s", (named.name,)
        )
        return int(told.scalar_one())


def test_a_plan_is_made_once(database: SqlDatabase, postgres_only: None) -> None:
    assert [titles(database) for _ in range(8)] == [EXPECTED] * 8
    assert kept(database) == 1


def test_inside_a_transaction_it_is_asked_by_its_text(database: SqlDatabase) -> None:
    with database.writing() as transaction:
        assert len(TITLES.rows(connection_of(transaction), {"the_catalog": "shop"})) == 2
    assert titles(database) == EXPECTED


@pytest.mark.parametrize("meanwhile", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_a_session_that_has_forgotten_it_is_asked_by_its_text(
    database: SqlDatabase, meanwhile: str, postgres_only: None
) -> None:
    titles(database)
    with database.reading() as transaction:
        connection_of(transaction).exec_driver_sql(meanwhile)
    assert [titles(database), titles(database)] == [EXPECTED] * 2
    assert kept(database) == 1


def test_a_session_that_another_process_had_before_may_have_it(database: SqlDatabase, postgres_only: None) -> None:
    titles(database)
    with database.reading() as transaction:
        connection_of(transaction).connection.info.clear()
    assert [titles(database), titles(database)] == [EXPECTED] * 2
    assert kept(database) == 1


def test_a_migration_changes_a_column_while_it_is_kept(database: SqlDatabase, postgres_only: None) -> None:
    titles(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE products ALTER COLUMN title TYPE varchar(3000)")
    try:
        assert [titles(database), titles(database), titles(database)] == [EXPECTED] * 3
        assert kept(database) == 1
    finally:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE products ALTER COLUMN title TYPE text")
