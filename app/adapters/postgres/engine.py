"""Connections to Postgres or SQLite: what is asked of each, and how long anything may take."""

import select
from typing import Any

import orjson
from psycopg2 import Error, ProgrammingError  # type: ignore[import-untyped] # it publishes no types
from psycopg2.extensions import make_dsn  # type: ignore[import-untyped] # nor here
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError

from app.domain.errors import Misconfigured

SQLITE_BUSY_TIMEOUT_S = 30  # a writer waits this long for another; transactions here last milliseconds
POOL_SIZE = 10  # connections kept: the API's busy threads at a time
POOL_OVERFLOW = 40  # FastAPI's thread pool has 40 threads; each may hold one for a moment

STATEMENT_TIMEOUT_S = 60  # counting millions of uploads takes seconds; whoever asked for more has gone by then
LOCK_TIMEOUT_S = 20  # transactions that hold rows last milliseconds, a catalog's first one some seconds of Milvus
IDLE_TIMEOUT_S = 300  # of a transaction that asks nothing: longer than Milvus may take to make two collections
_CONNECTION: dict[str, Any] = {
    "application_name": "vitrine",
    "connect_timeout": 5,  # seconds
    # A network that went away without a word is noticed within half a minute: a worker that waits for an answer
    # would wait for ever, and its lease is ten times as long.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,  # milliseconds; what was sent and not confirmed, which keepalives do not look at
}
_JSON: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}


def open_engine(url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Engine:
    """An engine for `postgresql://…` or `sqlite:///file`; connects to nothing yet.

    On Postgres no statement, lock or idle transaction lasts for ever: each ends in `DatabaseUnavailable`. What the
    URL itself says of a connection stands (`?options=-c …`). Raises `Misconfigured` for a URL that cannot be one.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed)
        return _open_postgres(parsed.set(drivername="postgresql+psycopg2"), lock_timeout_s)
    except (ArgumentError, ValueError, ProgrammingError) as error:
        # Of the causes only libpq's holds nothing of the URL but the name of an option: a password may stand in it.
        why = f" ({str(error).strip()})" if isinstance(error, ProgrammingError) else ""
        raise Misconfigured(
            f"the database's URL cannot be read{why}: write VITRINE_DATABASE_URL as "
            "postgresql://user:password@host:5432/name, the user and the password percent-encoded",
            code="bad_setting",
            field="database_url",
        ) from None


def _open_sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S},
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        **_JSON,
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_postgres(url: URL, lock_timeout_s: float) -> Engine:
    limits = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_S}s "
        f"-c lock_timeout={round(1_000 * lock_timeout_s)}ms "
        f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_S}s"
    )
    connect_args: dict[str, Any] = {
        **{name: value for name, value in _CONNECTION.items() if name not in url.query},
        # Of two settings of one name Postgres takes the last, so that here too what the URL says stands.
        "options": " ".join((limits, *url.normalized_query.get("options", ()))),
    }
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        **_JSON,
        executemany_mode="values_plus_batch",  # otherwise one round trip a row: a fifth of a millisecond each
        connect_args=connect_args,
    )
    stated, named = engine.dialect.create_connect_args(url)
    make_dsn(*stated, **{**named, **connect_args})  # libpq's word on the URL now, and not at the first connection

    @event.listens_for(engine, "checkout")
    def refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
        """A restarted server must not cost a request: it has closed its end, which is there to be read.

        To ask the server each time, as the pool's own ping does, costs every transaction a round trip.
        """
        told = select.poll()
        told.register(connection.fileno(), select.POLLIN)
        if told.poll(0) and not _answers(engine, connection):
            raise DisconnectionError

    @event.listens_for(engine, "before_cursor_execute")
    def refuse_writes(*told: Any) -> None:
        """Without a transaction a change would stay, whatever becomes of what follows."""
        _connection, cursor, _statement, _parameters, context, _many = told
        if cursor.connection.autocommit and (context.isinsert or context.isupdate or context.isdelete):
            raise RuntimeError("this transaction was opened for reading")

    return engine


def _answers(engine: Engine, connection: Any) -> bool:
    try:
        return engine.dialect.do_ping(connection)
    except Error:
        return False


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the writer
    cursor.execute("PRAGMA synchronous=FULL")  # what is answered 2xx survives a power cut, not only a kill
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A read that turns into a write fails at once under WAL; a writer says so from the start and waits its turn.
    writes = connection.get_execution_options().get("vitrine_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
