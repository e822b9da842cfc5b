"""The database port on SQLite and Postgres: the schema, transactions, and a server that does not answer."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, text

from app.adapters.postgres.build_tables import metadata
from app.adapters.postgres.database import LOCK_TIMEOUT_S, SqlDatabase
from app.adapters.postgres.engine import open_engine
from app.domain.errors import DatabaseUnavailable
from app.domain.products import Catalog
from migrations.upgrade import configuration, upgrade
from tests.databases import own_database


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


def test_connections_that_a_server_closed_while_they_were_idle_cost_no_transaction(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection to lose")
    killer = create_engine(database.engine.url)
    others = text(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for opened in (database.reading, database.writing):
        with database.reading() as one, database.reading() as other:  # so that two are idle
            assert one.catalogs.get("idle") is other.catalogs.get("idle") is None
        with killer.connect() as connection:
            assert connection.execute(others).scalar_one() >= 2
        with opened() as transaction:
            assert transaction.catalogs.get("idle") is None
    killer.dispose()


def test_what_a_server_says_by_itself_costs_no_connection(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server")
    told, teller = (open_engine(database.engine.url.render_as_string(hide_password=False)) for _ in range(2))
    who = "SELECT pg_backend_pid()"
    with told.begin() as connection:
        connection.exec_driver_sql("LISTEN told")
        first = connection.exec_driver_sql(who).scalar_one()
    with teller.begin() as connection:
        connection.exec_driver_sql("NOTIFY told")
    with told.connect() as connection:
        assert connection.exec_driver_sql(who).scalar_one() == first
    told.dispose()
    teller.dispose()


def test_what_was_opened_for_reading_leaves_nothing(database: SqlDatabase) -> None:
    with contextlib.suppress(RuntimeError), database.reading() as transaction:
        transaction.catalogs.put(Catalog("read", {}))
    with database.reading() as transaction:
        assert transaction.catalogs.get("read") is None


def test_a_transaction_that_raises_leaves_nothing(database: SqlDatabase) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as transaction:
        transaction.catalogs.put(Catalog("new", {}))
        raise ZeroDivisionError
    with database.reading() as transaction:
        assert transaction.catalogs.get("new") is None


BEFORE_DRY_RUNS = "0005"
AT = "2026-11-01 00:00:00"


@pytest.fixture(params=["sqlite", "postgres"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database as it was before builds had a column for dry runs: of each of these some."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/old.sqlite"
        else:
            url = stack.enter_context(own_database(request.getfixturevalue("postgres_url")))
        engine = open_engine(url)
        stack.callback(engine.dispose)
        upgrade(engine, BEFORE_DRY_RUNS)
        with writing(engine) as connection:
            for name in ("shop", "toys"):
                connection.execute(
                    text(f"INSERT INTO catalogs (name, attributes, caption) VALUES ('{name}', '{{}}', '[]')")
                )
            add_build(connection, "live", "live")
            add_build(connection, "real", "aborted")
            add_build(connection, "over", "aborted", error="dry_run")
            add_build(connection, "failed", "failed", error="attempt_failed")
            add_step(connection, "failed", "dry_run", done=True)
            add_build(connection, "going", "building", catalog="toys")
            add_step(connection, "going", "dry_run")
            event = f"INSERT INTO build_events (build_id, at, what, told) VALUES ('live', '{AT}', 'promoted', '{{}}')"
            connection.execute(text(event))
        yield engine


def writing(engine: Engine) -> AbstractContextManager[Connection]:
    return engine.execution_options(vitrine_writes=True).begin()


def add_build(
    connection: Connection, name: str, state: str, *, catalog: str = "shop", error: str | None = None
) -> None:
    row = {"id": name, "catalog": catalog, "state": state, "at": "2026-10-01 00:00:00", "error": error}
    columns = "id, catalog, state, fingerprint, encoder, parameters, created_at, error_code"
    connection.execute(
        text(f"INSERT INTO builds ({columns}) VALUES (:id, :catalog, :state, '', '{{}}', '{{}}', :at, :error)"), row
    )


def add_step(connection: Connection, build: str, kind: str, *, done: bool = False, number: int = 1) -> None:
    columns = 'build_id, number, kind, stage, "after", up_to, products, due_at, done_at, token, attempts'
    row = {"build": build, "number": number, "kind": kind, "at": AT, "done": AT if done else None}
    values = ":build, :number, :kind, 'encode', '', '', 0, :at, :done, 'somebody', 2"
    connection.execute(text(f"INSERT INTO build_steps ({columns}) VALUES ({values})"), row)


def downgrade(engine: Engine, revision: str) -> None:
    settings = configuration()
    settings.attributes["engine"] = engine
    command.downgrade(settings, revision)


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


DRY_RUNS = "SELECT id, state, error_code FROM builds WHERE dry_run ORDER BY id"
STEPS = "SELECT build_id, kind, done_at IS NULL FROM build_steps ORDER BY build_id, number"


def test_what_was_a_dry_run_before_there_was_a_column_for_it_is_one(old: Engine) -> None:
    upgrade(old)
    assert rows(old, DRY_RUNS) == [
        *(("failed", "failed", "attempt_failed"), ("going", "building", None), ("over", "aborted", None))
    ]
    assert rows(old, STEPS) == [
        ("failed", "dry_run", False),
        ("going", "dry_run", True),
    ]  # an old worker knows it too
    ((found, live_at),) = rows(old, "SELECT id, live_at FROM builds WHERE live_at IS NOT NULL")
    assert (found, str(live_at)[:19]) == ("live", AT)


def test_a_release_without_dry_runs_finds_them_aborted_and_drops_what_they_made(old: Engine) -> None:
    upgrade(old)
    with writing(old) as connection:  # beside a dry run, as there could not be two before
        add_build(connection, "beside", "ready", catalog="toys")
        add_step(connection, "over", "drop")
    downgrade(old, BEFORE_DRY_RUNS)
    told = "only an estimate was asked for"
    assert rows(old, "SELECT id, state, error_code, error_detail FROM builds ORDER BY id") == [
        ("beside", "ready", None, None),
        ("failed", "failed", "attempt_failed", None),
        ("going", "aborted", "dry_run", told),
        ("live", "live", None, None),
        ("over", "aborted", "dry_run", told),
        ("real", "aborted", None, None),
    ]
    assert rows(old, STEPS) == [("failed", "dry_run", False), ("going", "drop", True), ("over", "drop", True)]
    taken = "SELECT stage, token, attempts FROM build_steps WHERE build_id = 'going'"
    assert rows(old, taken) == [("index", None, 0)]  # as the workers who drop take it
    upgrade(old)
    assert rows(old, DRY_RUNS) == [
        *(("failed", "failed", "attempt_failed"), ("going", "aborted", None), ("over", "aborted", None))
    ]
