"""A milvus-lite database: one writer at a time, and what else its engine leaves to us.

Its engine has no lock of its own: two writers at once destroy its log without an error. It keeps rows in the log,
which survives the death of the process, and in memory, where a search compares each of them; a flush turns them into
an indexed segment, and many small segments are merged and indexed again and again. So rows are flushed when enough
have gathered, or when nobody writes any more.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymilvus import MilvusClient, MilvusException

from app.adapters.milvus.faults import translated
from app.adapters.milvus.layouts import LiteLayout, ServerLayout
from app.adapters.milvus.lite_process import LiteProcess
from app.adapters.milvus.packing import packing
from app.adapters.milvus.read_write_lock import ReadWriteLock
from app.adapters.milvus.unpacking import unpacking
from app.domain.errors import Misconfigured, StoreUnavailable

FLUSH_ROWS = 1_024  # compared in a millisecond, read under a filter in three; a smaller segment is merged more often
QUIET_ROWS = 64  # as few cost a search less than the segment of their own would
QUIET_SECONDS = 1.0  # an ingest that goes on writes again within this time


class _Locks:
    """`writer` orders the writers; `swap` keeps readers out while a flush moves rows."""

    def __init__(self) -> None:
        self.writer = threading.RLock()
        self.swap = ReadWriteLock()


class LiteConnection:
    """The milvus-lite database at a path that ends in `.db`. Opened at the first use, and by one connection alone."""

    lite: bool = True

    def __init__(self, path: Path) -> None:
        if path.suffix != ".db":
            raise Misconfigured(f"a milvus-lite path ends in .db, and {path} does not", code="milvus_uri")
        self._path = path.absolute()
        self._locks = _Locks()
        self._client: MilvusClient | None = None
        self._process: LiteProcess | None = None
        self._failed = False
        self._loaded: set[str] = set()
        self._unflushed: Counter[str] = Counter()
        self._written_at = 0.0
        self.layout: ServerLayout | LiteLayout = LiteLayout()

    @contextmanager
    def open(self) -> Iterator[MilvusClient]:
        """A client for calls that name no rows; it waits for writers, as creating and dropping must."""
        with self._locks.writer, translated():
            yield self._opened()

    @contextmanager
    def reading(self, collection: str) -> Iterator[MilvusClient]:
        """A client to read a collection with, which is loaded; flushes first what a finished ingest left behind."""
        quiet = time.monotonic() - self._written_at > QUIET_SECONDS
        if (quiet and self._unflushed[collection] >= QUIET_ROWS) or collection not in self._loaded or self._broken:
            with self.open() as client:
                self._load(client, collection)
                if quiet:
                    self._flush(client, collection)
        with self._locks.swap.reading(), translated():
            if self._client is None:
                raise StoreUnavailable("milvus-lite is being opened anew")
            yield self._client

    @contextmanager
    def writing(self, collection: str, rows: int) -> Iterator[MilvusClient]:
        """A client to write so many rows with, one writer at a time.

        A write that failed may have torn the log, and what follows it there is lost at the next start: the database
        is opened anew before anything else is done.
        """
        with self.open() as client:
            self._load(client, collection)
            try:
                yield client
            except Exception:
                self._failed = True
                raise
            self._written_at = time.monotonic()
            self._unflushed[collection] += rows
            if self._unflushed[collection] >= FLUSH_ROWS:
                self._flush(client, collection)

    def settle(self, collection: str) -> None:
        """Nothing to wait for: a write returns once the operating system has its log."""

    def seal(self, collection: str) -> None:
        """Flush; what comes of that is indexed in the background."""
        with self.open() as client:
            self._load(client, collection)
            self._flush(client, collection)

    def forget(self, collection: str) -> None:
        """Drop what is remembered of a collection."""
        self._loaded.discard(collection)
        del self._unflushed[collection]

    def close(self) -> None:
        """Flush, and let another process open the database."""
        with self._locks.writer, self._locks.swap.writing():
            if self._client is not None:
                self._client.close()
                self._client = None
            if self._process is not None:
                self._process.close()
                self._process = None
            self._loaded.clear()
            self._unflushed.clear()

    def _opened(self) -> MilvusClient:
        """The client, opened anew after a failure. The caller holds the writer's lock."""
        if self._broken:
            self.close()
            self._failed = False
        if self._process is None:
            self._process = LiteProcess(self._path)
        if self._client is None:
            self._client = unpacking(packing(MilvusClient(self._process.address), self.layout))
        return self._client

    @property
    def _broken(self) -> bool:
        """Whether the database has to be opened anew."""
        process = self._process
        return self._failed or (process is not None and not process.running)

    def _load(self, client: MilvusClient, collection: str) -> None:
        if collection in self._loaded:
            return
        try:
            client.load_collection(collection)
        except MilvusException:
            # A kill or a full disk tears the index file that is being written, and a torn one is never loaded again.
            # Without it, the index is built anew from the rows.
            files = list((self._path / "collections" / collection).glob("partitions/*/indexes/*.idx"))
            if not files:
                raise
            for file in files:
                file.unlink()
            client.load_collection(collection)
        self._loaded.add(collection)

    def _flush(self, client: MilvusClient, collection: str) -> None:
        with self._locks.swap.writing():
            try:
                client.flush(collection)
            except Exception:
                self._failed = True
                raise
        self._unflushed[collection] = 0
