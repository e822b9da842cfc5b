"""Postgres that hangs, or is not there: nobody waits for ever, and nobody gets a traceback."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.adapters.postgres.database import SqlDatabase, open_engine
from app.bootstrap import open_service
from app.config import Settings
from app.domain.errors import DatabaseUnavailable
from migrations.upgrade import upgrade
from tests.databases import own_database
from tests.factories import a_catalog


@pytest.fixture
def own_url(postgres_url: str) -> Iterator[str]:
    with own_database(postgres_url) as url:
        yield url


@pytest.fixture
def nobody() -> str:
    """A database at a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"postgresql://vitrine:secret@127.0.0.1:{port}/vitrine"


def test_a_row_that_another_holds_is_waited_for_until_the_limit(own_url: str) -> None:
    holder, waiter = SqlDatabase(own_url), SqlDatabase(own_url, lock_timeout_s=0.2)
    upgrade(holder.engine)
    with holder.writing() as transaction:
        transaction.catalogs.put(a_catalog())
    with holder.writing() as transaction:
        transaction.catalogs.put(a_catalog(caption=("colour",)))
        with pytest.raises(DatabaseUnavailable), waiter.writing() as other:
            other.catalogs.put(a_catalog())
    with waiter.writing() as transaction:
        transaction.catalogs.put(a_catalog())
    holder.close()
    waiter.close()


def test_no_statement_and_no_idle_transaction_lasts_for_ever(own_url: str) -> None:
    database = SqlDatabase(own_url)
    with database.engine.connect() as connection:
        limits = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
    database.close()
    assert all(limit != "0" for limit in limits.values()), limits


def test_a_migration_waits_for_another_beyond_the_limits_of_everyone_else(own_url: str) -> None:
    first, second = open_engine(own_url), open_engine(own_url, lock_timeout_s=0.2)
    failures: list[Exception] = []

    def migrate() -> None:
        try:
            upgrade(second)
        except DatabaseUnavailable as error:
            failures.append(error)

    with first.connect() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(7153290464)"))
        migrating = threading.Thread(target=migrate)
        migrating.start()
        time.sleep(1)
        assert migrating.is_alive()
        assert failures == []
    migrating.join()
    SqlDatabase(own_url).ping()
    assert failures == []
    first.dispose()
    second.dispose()


def test_a_start_without_its_database_says_so_and_lets_the_data_directory_go(tmp_path: Path, nobody: str) -> None:
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            open_service(Settings(data=tmp_path, database_url=nobody))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["-m", "migrations"], "migrations: the database does not answer [database_unavailable]"),
        (
            ["-c", "from app.cli.main import main; main()", "status"],
            "vitrine: the database does not answer [database_unavailable]",
        ),
    ],
)
def test_a_command_without_its_database_ends_in_one_line(
    tmp_path: Path, nobody: str, command: list[str], told: str
) -> None:
    environment = os.environ | {"VITRINE_DATABASE_URL": nobody, "VITRINE_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == told
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
