"""Opens transactions on Postgres or SQLite, and turns their failures into `DatabaseUnavailable`."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from app.adapters.postgres.builds import BuildRows
from app.adapters.postgres.catalogs import CatalogRows
from app.adapters.postgres.clock import Clock
from app.adapters.postgres.embeddings import EmbeddingRows
from app.adapters.postgres.idempotency import IdempotencyKeyRows
from app.adapters.postgres.pictures import PictureRows
from app.adapters.postgres.products import ProductRows
from app.adapters.postgres.tables import metadata
from app.adapters.postgres.uploads import UploadRows
from app.domain.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

SQLITE_BUSY_TIMEOUT_S = 30  # a writer waits this long for another; transactions here last milliseconds
POOL_SIZE = 10  # connections kept: the API's busy threads at a time
POOL_OVERFLOW = 40  # FastAPI's thread pool has 40 threads; each may hold one for a moment
CONNECT_TIMEOUT_S = 5

STATEMENT_TIMEOUT_S = 60  # counting millions of uploads takes seconds; whoever asked for more has gone by then
LOCK_TIMEOUT_S = 20  # transactions that hold rows last milliseconds, a catalog's first one some seconds of Milvus
IDLE_TIMEOUT_S = 300  # of a transaction that asks nothing: longer than Milvus may take to make two collections
_KEEPALIVES = {
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


class SqlTransaction:
    """One open transaction; `Transaction` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._clock = Clock(connection)

    @property
    def now(self) -> datetime:
        """The database's clock, read once."""
        return self._clock.now

    @cached_property
    def catalogs(self) -> CatalogRows:
        """Catalogs."""
        return CatalogRows(self._connection)

    @cached_property
    def products(self) -> ProductRows:
        """Products."""
        return ProductRows(self._connection)

    @cached_property
    def pictures(self) -> PictureRows:
        """Pictures."""
        return PictureRows(self._connection)

    @cached_property
    def idempotency_keys(self) -> IdempotencyKeyRows:
        """Idempotency keys."""
        return IdempotencyKeyRows(self._connection, self._clock)

    @cached_property
    def uploads(self) -> UploadRows:
        """Uploads."""
        return UploadRows(self._connection, self._clock)

    @cached_property
    def embeddings(self) -> EmbeddingRows:
        """Embeddings."""
        return EmbeddingRows(self._connection)

    @cached_property
    def builds(self) -> BuildRows:
        """Builds."""
        return BuildRows(self._connection)


class SqlDatabase:
    """`Database` of the port over an SQLAlchemy engine."""

    def __init__(self, url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self.engine = open_engine(url, lock_timeout_s=lock_timeout_s)
        # SQLite has one writer at a time, and lets the others look again after ever longer sleeps; a lock wakes them.
        self._turn = threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """A transaction that writes nothing."""
        with translated(), self.engine.connect() as connection:
            yield SqlTransaction(connection)

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        """A transaction that commits at the end."""
        writer = self.engine.execution_options(vitrine_writes=True)
        with self._turn, translated(), writer.begin() as connection:
            yield SqlTransaction(connection)

    def ping(self) -> None:
        """Return if the database answers and has the tables of this code."""
        with translated(), self.engine.connect() as connection:
            missing = metadata.tables.keys() - set(inspect(connection).get_table_names())
        if missing:
            raise DatabaseUnavailable("the database is not up to date: run `python -m migrations`")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_engine(url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Engine:
    """An engine for `postgresql://…` or `sqlite:///file`; connects to nothing yet.

    On Postgres no statement, lock or idle transaction lasts for ever: each ends in `DatabaseUnavailable`.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S},
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            **_JSON,
        )
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        parsed.set(drivername="postgresql+psycopg2"),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        **_JSON,
        pool_pre_ping=True,  # a restarted server must not cost a request
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "vitrine",
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s "
            f"-c lock_timeout={round(1_000 * lock_timeout_s)}ms "
            f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_S}s",
            **_KEEPALIVES,
        },
    )


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


@contextmanager
def translated() -> Iterator[None]:
    """Raise `DatabaseUnavailable` for what passes; every other failure is a mistake of ours and goes on as it is."""
    try:
        yield
    except (DBAPIError, NoConnectionFree) as error:
        if isinstance(error, OperationalError | InterfaceError | NoConnectionFree) or error.connection_invalidated:
            # The driver's words name hosts and paths: they are for the log, not for whoever asked.
            log.warning("database.unavailable", extra={"detail": str(getattr(error, "orig", error))})
            raise DatabaseUnavailable("the database does not answer") from error
        raise
