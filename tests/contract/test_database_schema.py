"""The database port on SQLite and Postgres: the schema, transactions, and a server that does not answer."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from app.adapters.postgres.build_tables import metadata
from app.adapters.postgres.database import LOCK_TIMEOUT_S, SqlDatabase
from app.domain.errors import DatabaseUnavailable
from app.domain.products import Catalog
from migrations.upgrade import upgrade


def test_the_tables_are_the_ones_the_migrations_make(database: SqlDatabase) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_what_is_migrated_does_nothing_and_leaves_no_lock(database: SqlDatabase) -> None:
    upgrade(database.engine)
    database.ping()
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar() == 0
            assert connection.execute(text("SHOW lock_timeout")).scalar() == f"{LOCK_TIMEOUT_S}s"


def test_a_database_without_tables_is_not_ready(tmp_path: Path) -> None:
    database = SqlDatabase(f"sqlite:///{tmp_path}/empty.sqlite")
    with pytest.raises(DatabaseUnavailable, match="python -m migrations"):
        database.ping()
    database.close()


def test_a_database_that_is_not_there_is_unavailable_and_its_address_is_not_told() -> None:
    database = SqlDatabase("postgresql://127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable) as raised, database.reading() as transaction:
        transaction.catalogs.all()
    assert "127.0.0.1" not in raised.value.detail
    database.close()


def test_a_lost_connection_is_unavailable_and_the_next_one_works(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection to lose")
    with pytest.raises(DatabaseUnavailable), database.writing() as transaction:
        transaction.catalogs.put(Catalog("lost", {}))
        killer = database.engine.connect()
        killer.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        killer.close()
        transaction.catalogs.all()
    with database.reading() as transaction:
        assert transaction.catalogs.get("lost") is None


def test_a_transaction_that_raises_leaves_nothing(database: SqlDatabase) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as transaction:
        transaction.catalogs.put(Catalog("new", {}))
        raise ZeroDivisionError
    with database.reading() as transaction:
        assert transaction.catalogs.get("new") is None
