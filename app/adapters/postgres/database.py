"""Opens transactions on Postgres or SQLite, and turns their failures into `DatabaseUnavailable`."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from app.adapters.postgres.announcements import AnnouncementRows
from app.adapters.postgres.build_steps import BuildStepRows
from app.adapters.postgres.build_tables import metadata
from app.adapters.postgres.builds import BuildRows
from app.adapters.postgres.catalogs import CatalogRows
from app.adapters.postgres.clock import Clock
from app.adapters.postgres.embeddings import EmbeddingRows
from app.adapters.postgres.engine import LOCK_TIMEOUT_S, SQLITE_BUSY_TIMEOUT_S, open_engine
from app.adapters.postgres.holdings import HoldingRows
from app.adapters.postgres.idempotency import IdempotencyKeyRows
from app.adapters.postgres.pictures import PictureRows
from app.adapters.postgres.products import ProductRows
from app.adapters.postgres.queries import QueryRows
from app.adapters.postgres.secrets import SecretRows
from app.adapters.postgres.statistics import count_rows
from app.adapters.postgres.uploads import UploadRows
from app.domain.errors import DatabaseUnavailable

log = logging.getLogger(__name__)


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
        return BuildRows(self._connection, self._clock)

    @cached_property
    def holdings(self) -> HoldingRows:
        """What builds hold."""
        return HoldingRows(self._connection)

    @cached_property
    def build_steps(self) -> BuildStepRows:
        """The work of builds."""
        return BuildStepRows(self._connection, self._clock)

    @cached_property
    def announcements(self) -> AnnouncementRows:
        """What API processes say of themselves."""
        return AnnouncementRows(self._connection, self._clock)

    @cached_property
    def queries(self) -> QueryRows:
        """Recorded and judged queries."""
        return QueryRows(self._connection, self._clock)

    @cached_property
    def secrets(self) -> SecretRows:
        """What the processes of a service share and tell nobody."""
        return SecretRows(self._connection)


class SqlDatabase:
    """`Database` of the port over an SQLAlchemy engine."""

    def __init__(self, url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self.engine = open_engine(url, lock_timeout_s=lock_timeout_s)
        # SQLite has one writer at a time, and lets the others look again after ever longer sleeps; a lock wakes them.
        self._turn = threading.Lock() if self.engine.dialect.name == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """A transaction that writes nothing.

        On Postgres each statement sees what was committed when it began, in a transaction as without one: without,
        two round trips are saved.
        """
        with translated(), self.engine.connect() as connection, _without_transaction(connection):
            yield SqlTransaction(connection)

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        """A transaction that commits at the end."""
        writer = self.engine.execution_options(vitrine_writes=True)
        with self._in_turn(), translated(), writer.begin() as connection:
            yield SqlTransaction(connection)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=SQLITE_BUSY_TIMEOUT_S):
            raise DatabaseUnavailable("other changes are being written for too long: try again")
        try:
            yield
        finally:
            self._turn.release()

    def ping(self) -> None:
        """Return if the database answers and has the tables of this code."""
        with translated(), self.engine.connect() as connection:
            missing = metadata.tables.keys() - set(inspect(connection).get_table_names())
        if missing:
            raise DatabaseUnavailable("the database is not up to date: run `python -m migrations`")

    def count_rows(self) -> None:
        """Count those of tables that have grown much since they were counted. SQLite goes by its indexes alone."""
        if self.engine.dialect.name != "postgresql":
            return
        try:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                grown = count_rows(connection, metadata)
        except (DBAPIError, NoConnectionFree) as error:
            log.warning("database.uncounted", extra={"detail": str(getattr(error, "orig", error))})
            return
        if grown:
            log.info("database.counted", extra={"tables": grown})

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def _without_transaction(connection: Connection) -> Iterator[None]:
    """Let psycopg2 begin none. SQLAlchemy's own way of telling it costs a round trip each time it is taken back."""
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.closed:
            driver.autocommit = False


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
