"""The database port on SQLite and Postgres: the schema, transactions, and a server that does not answer."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from app.adapters.postgres.build_tables import metadata
from app.adapters.postgres.database import LOCK_TIMEOUT_S, SqlDatabase
from app.adapters.postgres.engine import open_engine
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


def test_what_was_a_dry_run_before_there_was_a_column_for_it_is_one(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/old.sqlite")
    upgrade(engine, "0005")
    with engine.execution_options(vitrine_writes=True).begin() as connection:
        connection.execute(text("INSERT INTO catalogs (name, attributes, caption) VALUES ('shop', '{}', '[]')"))
        columns = "id, catalog, state, fingerprint, encoder, parameters, created_at, error_code"
        for build in (
            "'live', 'shop', 'live', '', '{}', '{}', '2026-11-01 00:00:00', NULL",
            "'over', 'shop', 'aborted', '', '{}', '{}', '2026-11-01 00:00:00', 'dry_run'",
            "'failed', 'shop', 'failed', '', '{}', '{}', '2026-11-01 00:00:00', 'attempt_failed'",
            "'real', 'shop', 'aborted', '', '{}', '{}', '2026-11-01 00:00:00', NULL",
        ):
            connection.execute(text(f"INSERT INTO builds ({columns}) VALUES ({build})"))
        connection.execute(
            text(
                'INSERT INTO build_steps (build_id, number, kind, stage, "after", up_to, products, due_at)'
                " VALUES ('failed', 1, 'dry_run', 'index', '', '', 0, '2026-11-01 00:00:00')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO build_events (build_id, at, what, told)"
                " VALUES ('live', '2026-11-02 00:00:00', 'promoted', '{}')"
            )
        )
    upgrade(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, dry_run, error_code, live_at FROM builds ORDER BY id")).all()
        (kind,) = connection.execute(text("SELECT kind FROM build_steps")).scalars()
    engine.dispose()
    assert [(one.id, bool(one.dry_run), one.error_code) for one in found] == [
        ("failed", True, "attempt_failed"),
        ("live", False, None),
        ("over", True, None),
        ("real", False, None),
    ]
    assert [one.live_at for one in found if one.live_at] == ["2026-11-02 00:00:00"]
    assert kind == "estimate"
