"""The collections of a Milvus server or of milvus-lite: made, indexed, named by aliases, and dropped."""

import math
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pymilvus import MilvusException, SegmentState

from app.adapters.milvus.connection import ServerConnection
from app.adapters.milvus.faults import MISSING, index_lost
from app.adapters.milvus.lite import LiteConnection
from app.adapters.milvus.schema import check_index, check_name, collection_schema, index_params
from app.adapters.milvus.words import WORDS, add_words, has_full_text
from app.domain.builds import IndexSpec
from app.domain.errors import Conflict

_NEVER_INDEXED = 1_024  # rows that a segment has at least to be indexed, unless a server is set up otherwise
STRONG = "Strong"  # a read waits for every write before it, whoever wrote

LITE_ROW_BYTES = 6_500  # of a row with nine attributes, whatever its vector and index: Python objects, mostly


class MilvusCollections:
    """What collections there are; `MilvusStore` reads and writes what they hold."""

    def __init__(self, uri: str, *, token: str = "", timeout: float = 30.0) -> None:
        self._path = None if "://" in uri else Path(uri).absolute()
        self.connection = (
            ServerConnection(uri, token=token, timeout=timeout) if "://" in uri else LiteConnection(Path(uri))
        )
        self.timeout = timeout
        self._fields: dict[str, Mapping[str, Any]] = {}

    def check(self, index: IndexSpec, *, dimension: int) -> None:
        """Raise `Invalid` (`index_type`, `index_param`) where this store cannot build such an index."""
        check_index(index, dimension=dimension, lite=self.connection.lite)

    def create(self, collection: str, *, dimension: int, index: IndexSpec, words: bool = False) -> None:
        """Create a collection, indexed and loaded; `Conflict` where it exists with another dimension."""
        check_name(collection)
        self.check(index, dimension=dimension)
        schema = collection_schema(dimension, dynamic=self.connection.layout.dynamic)
        params, lite = index_params(index), self.connection.lite
        with self.connection.open() as client:
            if not client.has_collection(collection, timeout=self.timeout):
                self._fields.pop(collection, None)
                if words and (lite or has_full_text(client.get_server_version(timeout=self.timeout))):
                    add_words(schema, params, lite=lite)
                client.create_collection(collection, schema=schema, consistency_level=STRONG, timeout=self.timeout)
                # Nothing is there to be indexed yet; pymilvus would wait for half a second, and then ask.
                client.create_index(collection, params, sync=False, timeout=self.timeout)
        if self.dimension(collection) != dimension:
            raise Conflict(f"{collection} exists with another dimension", code="dimension")
        with self.connection.reading(collection):
            pass  # which loads it

    def point(self, alias: str, collection: str) -> None:
        """Let an alias name a collection, whatever it named before."""
        named = {"collection_name": check_name(collection), "timeout": self.timeout}
        with self.connection.open() as client:
            if alias in client.list_aliases(**named)["aliases"]:
                return
            try:
                client.create_alias(alias=check_name(alias), **named)
            except MilvusException as error:
                if error.code in MISSING:
                    raise
                # It names another, in the words and codes of each version.
                client.alter_alias(alias=alias, **named)

    def drop(self, collection: str) -> None:
        """Drop a collection by its physical name; an alias is refused, for milvus-lite would drop what it names."""
        with self.connection.open() as client:
            if not client.has_collection(check_name(collection), timeout=self.timeout):
                return
            described = client.describe_collection(collection, timeout=self.timeout)
            if described["collection_name"] != collection:
                raise Conflict(f"{collection} is an alias", code="alias")
            self.connection.forget(collection)
            self._fields.pop(collection, None)
            client.drop_collection(collection, timeout=self.timeout)

    def seal(self, collection: str) -> None:
        """Ask the store to index what was written."""
        self.connection.seal(check_name(collection))

    def unindexed(self, collection: str) -> int:
        """How many of the rows that were sealed are not indexed yet."""
        return int(self.index_state(collection)["pending_index_rows"])

    def index_state(self, collection: str) -> dict[str, Any]:
        """What is told of the index of what is sealed."""
        with self.connection.reading(check_name(collection)) as client:
            return dict(client.describe_index(collection, "vector", timeout=self.timeout))

    def unserved(self, collection: str) -> int:
        """How many of the indexed rows are searched as they came: a server does so for some ten seconds more.

        milvus-lite searches a segment by its index as soon as it has one.
        """
        if self.connection.lite:
            return 0
        index = self.index_state(collection)
        with self.connection.open() as client:
            loaded = client.list_loaded_segments(collection, timeout=self.timeout)
        without = math.inf if index["index_type"] == "FLAT" else _NEVER_INDEXED
        served = [
            int(one.num_rows)
            for one in loaded
            if one.state == SegmentState.Sealed and (one.index_id or one.num_rows < without)
        ]
        return max(0, int(index["indexed_rows"]) - sum(served))

    @property
    def row_overhead(self) -> int:
        """Bytes of memory that a row takes beside its attributes and what the index keeps of its vector."""
        return LITE_ROW_BYTES if self.connection.lite else 0

    def free_bytes(self) -> int | None:
        """How many bytes are free where a milvus-lite database lies; None of a server."""
        if self._path is None:
            return None
        there = next(one for one in (self._path, *self._path.parents) if one.exists())
        return shutil.disk_usage(there).free

    def ping(self, needed: Collection[str] = ()) -> None:
        """Return if the store answers and has the collections that are needed; opens it where it is not open yet."""
        with self.connection.open() as client:
            found = client.list_collections(timeout=self.timeout)
        if not set(needed) <= set(found):
            raise index_lost()

    def close(self) -> None:
        """Close the connection; a milvus-lite database is flushed and may be opened by another process."""
        self.connection.close()

    def dimension(self, collection: str, timeout: float | None = None) -> int:
        """How many dimensions the vectors of a collection have."""
        return int(self._fields_of(collection, timeout)["vector"]["params"]["dim"])

    def has_words(self, collection: str, timeout: float | None = None) -> bool:
        """Whether a collection can be searched by words; one that was made before any could is not."""
        return WORDS in self._fields_of(collection, timeout)

    def _at_most(self, timeout: float | None) -> float:
        """Seconds of a call that has so many."""
        return self.timeout if timeout is None else min(timeout, self.timeout)

    def _fields_of(self, collection: str, timeout: float | None) -> Mapping[str, Any]:
        known = self._fields.get(check_name(collection))
        if known is None:
            with self.connection.open() as client:
                described = client.describe_collection(collection, timeout=self._at_most(timeout))
            known = self._fields[collection] = {field["name"]: field for field in described["fields"]}
        return known
