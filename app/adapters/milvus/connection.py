"""A connection to a Milvus server: opened at the first use, with a deadline on every call."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from pymilvus import MilvusClient, MilvusException

from app.adapters.milvus.faults import NOT_LOADED, translated
from app.adapters.milvus.layouts import LiteLayout, ServerLayout
from app.adapters.milvus.packing import packing
from app.adapters.milvus.unpacking import unpacking


class Connection(Protocol):
    """What a store needs of a server or of a milvus-lite file. Safe to use from several threads."""

    lite: bool
    layout: ServerLayout | LiteLayout

    def open(self) -> AbstractContextManager[MilvusClient]:
        """A client for calls that name no rows."""
        ...

    def reading(self, collection: str) -> AbstractContextManager[MilvusClient]:
        """A client to read a collection with, which is loaded."""
        ...

    def writing(self, collection: str, rows: int) -> AbstractContextManager[MilvusClient]:
        """A client to write so many rows with."""
        ...

    def settle(self, collection: str) -> None:
        """Return once what was written is durable."""
        ...

    def seal(self, collection: str) -> None:
        """Let what was written be indexed."""
        ...

    def forget(self, collection: str) -> None:
        """Drop what is remembered of a collection, which is about to go."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


class ServerConnection:
    """A Milvus server, 2.3 or later."""

    lite: bool = False

    def __init__(self, uri: str, *, token: str, timeout: float) -> None:
        self._uri = uri
        self._token = token
        self._timeout = timeout
        self._client: MilvusClient | None = None
        self._opening = threading.Lock()
        self._loaded: set[str] = set()
        self.layout: ServerLayout | LiteLayout = ServerLayout()

    @contextmanager
    def open(self) -> Iterator[MilvusClient]:
        """A client for calls that name no rows."""
        with translated():
            with self._opening:
                if self._client is None:
                    client = MilvusClient(self._uri, token=self._token, timeout=self._timeout)
                    self._client = unpacking(packing(client, self.layout))
            yield self._client

    @contextmanager
    def reading(self, collection: str) -> Iterator[MilvusClient]:
        """A client to read a collection with, which is loaded."""
        with self.open() as client:
            if collection not in self._loaded:
                client.load_collection(collection, timeout=self._timeout)
                self._loaded.add(collection)
            try:
                yield client
            except MilvusException as error:
                if error.code in NOT_LOADED:
                    self._loaded.discard(collection)
                raise

    def writing(self, collection: str, rows: int) -> AbstractContextManager[MilvusClient]:  # noqa: ARG002  # as the port
        """A client to write with; a server orders its writers itself."""
        return self.open()

    def settle(self, collection: str) -> None:
        """Nothing to wait for: a server answers a write once its log has it."""

    def seal(self, collection: str) -> None:
        """Let what was written be indexed; by itself a server does once enough came, or nothing for ten minutes."""
        with self.open() as client:
            client.flush(collection, timeout=self._timeout)

    def forget(self, collection: str) -> None:
        """Drop what is remembered of a collection."""
        self._loaded.discard(collection)

    def close(self) -> None:
        """Close the connection."""
        with self._opening:
            if self._client is not None:
                self._client.close()
                self._client = None
                self._loaded.clear()
