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
from sqlalchemy import make_url, text

from app.adapters.postgres.database import SqlDatabase
from app.adapters.postgres.engine import open_engine
from app.bootstrap import open_service
from app.config import Settings
from app.domain.errors import DatabaseUnavailable, Misconfigured
from migrations.upgrade import upgrade
from tests.databases import own_database
from tests.factories import a_catalog


@pytest.fixture
def own_url(postgres_url: str) -> Iterator[str]:
    with own_database(postgres_url) as url:
        yield url


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def nobody(free_port: int) -> str:
    """A database at a port where nobody listens."""
    return f"postgresql://vitrine:secret@127.0.0.1:{free_port}/vitrine"


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


def test_options_of_the_url_stand_beside_the_limits_and_before_them(own_url: str) -> None:
    options = "-c search_path=shop -c lock_timeout=7s"
    stated = make_url(own_url).update_query_dict({"options": options, "application_name": "shop"})
    database = SqlDatabase(stated.render_as_string(hide_password=False))
    with database.engine.connect() as connection:
        told = [
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("search_path", "lock_timeout", "statement_timeout", "application_name")
        ]
    database.close()
    assert told == ["shop", "7s", "1min", "shop"]


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


BAD_URLS = {
    "a port that is no number": "postgresql://vitrine:secret@localhost:port/vitrine",
    "no host and an open bracket": "postgresql://vitrine:secret@[::1/vitrine",
    "an option nobody knows": "postgresql://vitrine:secret@localhost/vitrine?colour=red",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS)
def test_a_url_that_cannot_be_one_is_refused_before_anything_is_connected_to(url: str) -> None:
    with pytest.raises(Misconfigured, match="VITRINE_DATABASE_URL") as caught:
        open_engine(url)
    assert "secret" not in caught.value.detail
    assert ("colour" in caught.value.detail) == ("colour" in url)


@pytest.mark.parametrize("url", [BAD_URLS["a port that is no number"], BAD_URLS["an option nobody knows"]])
@pytest.mark.parametrize("command", [["-m", "migrations"], ["-c", "from app.cli.main import main; main()", "serve"]])
def test_a_command_with_a_wrong_url_ends_with_2_in_one_line(
    tmp_path: Path, free_port: int, command: list[str], url: str
) -> None:
    environment = os.environ | {
        "VITRINE_DATABASE_URL": url,
        "VITRINE_DATA": str(tmp_path),
        "VITRINE_PORT": str(free_port),
    }
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2, done.stderr
    assert "the database's URL cannot be read" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


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
