"""The database port on SQLite and Postgres: what all processes of a service share and tell nobody."""

import threading
from concurrent.futures import ThreadPoolExecutor

from app.adapters.postgres.database import SqlDatabase

WRITERS = 6


def test_a_secret_is_kept_as_it_was_first(database: SqlDatabase) -> None:
    with database.writing() as transaction:
        assert transaction.secrets.get("key") is None
        assert transaction.secrets.keep("key", b"\0first\xff") == b"\0first\xff"
        assert transaction.secrets.keep("key", b"second") == b"\0first\xff"
        assert transaction.secrets.keep("other", b"second") == b"second"
    with database.reading() as transaction:
        assert transaction.secrets.get("key") == b"\0first\xff"


def test_of_many_that_make_a_secret_at_once_all_have_the_same(database: SqlDatabase) -> None:
    together = threading.Barrier(WRITERS)

    def make(number: int) -> bytes:
        together.wait()
        with database.writing() as transaction:
            return transaction.secrets.keep("key", bytes([number]))

    with ThreadPoolExecutor(WRITERS) as threads:
        assert len(set(threads.map(make, range(WRITERS)))) == 1
