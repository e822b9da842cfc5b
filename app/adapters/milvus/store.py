"""The vector store on Milvus: a server, or milvus-lite."""

from collections.abc import Collection, Sequence
from pathlib import Path

from pymilvus import MilvusException

from app.adapters.milvus.connection import ServerConnection
from app.adapters.milvus.expression import literal, render
from app.adapters.milvus.faults import MISSING, index_lost
from app.adapters.milvus.lite import LiteConnection
from app.adapters.milvus.rows import calls_of_ids, calls_of_rows, check_vectors, neighbour_of, stamps_of
from app.adapters.milvus.schema import (
    MAX_LIMIT,
    check_index,
    check_name,
    collection_schema,
    index_params,
    search_params,
)
from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import Conflict, Invalid
from app.domain.filters import Filter
from app.ports.vectors import Neighbour, Stamp, VectorRow

STRONG = "Strong"  # a read waits for every write before it, whoever wrote
SESSION = "Session"  # a read waits for the writes of this process

_STAMP = ["version", "digest"]


class MilvusStore:
    """Collections on a Milvus server, 2.3 or later, or in a milvus-lite database.

    `uri` is a server's address or a path that ends in `.db`; `timeout` bounds every call to a server, in seconds.
    Nothing is opened before the first call. A milvus-lite database belongs to one process: `Misconfigured`
    (`data_held`) where another has it.
    """

    def __init__(self, uri: str, *, token: str = "", timeout: float = 30.0) -> None:
        self._connection = (
            ServerConnection(uri, token=token, timeout=timeout) if "://" in uri else LiteConnection(Path(uri))
        )
        self._timeout = timeout
        self._dimensions: dict[str, int] = {}

    def check(self, index: IndexSpec, *, dimension: int) -> None:
        """Raise `Invalid` (`index_type`, `index_param`) where this store cannot build such an index."""
        check_index(index, dimension=dimension, lite=self._connection.lite)

    def create(self, collection: str, *, dimension: int, index: IndexSpec) -> None:
        """Create a collection, indexed and loaded; `Conflict` where it exists with another dimension."""
        check_name(collection)
        self.check(index, dimension=dimension)
        schema = collection_schema(dimension, dynamic=self._connection.layout.dynamic)
        with self._connection.open() as client:
            if not client.has_collection(collection, timeout=self._timeout):
                client.create_collection(collection, schema=schema, consistency_level=STRONG, timeout=self._timeout)
                # Nothing is there to be indexed yet; pymilvus would wait for half a second, and then ask.
                client.create_index(collection, index_params(index), sync=False, timeout=self._timeout)
        if self._dimension(collection) != dimension:
            raise Conflict(f"{collection} exists with another dimension", code="dimension")
        with self._connection.reading(collection):
            pass  # which loads it

    def point(self, alias: str, collection: str) -> None:
        """Let an alias name a collection, whatever it named before."""
        named = {"collection_name": check_name(collection), "timeout": self._timeout}
        with self._connection.open() as client:
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
        with self._connection.open() as client:
            if not client.has_collection(check_name(collection), timeout=self._timeout):
                return
            described = client.describe_collection(collection, timeout=self._timeout)
            if described["collection_name"] != collection:
                raise Conflict(f"{collection} is an alias", code="alias")
            self._connection.forget(collection)
            self._dimensions.pop(collection, None)
            client.drop_collection(collection, timeout=self._timeout)

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write rows, each replacing the one of its id.

        Raises `BadVector` and `Invalid` (`dimension`, `bad_id`) before anything is written.
        """
        for portion in calls_of_rows(rows, dimension=self._dimension(collection)):
            with self._connection.writing(collection, len(portion)) as client:
                client.upsert(collection, portion, timeout=self._timeout)  # as `packing` has it

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete rows; ids that are not there are passed over."""
        for portion in calls_of_ids(ids):
            with self._connection.writing(collection, len(portion)) as client:
                client.delete(collection, ids=portion, timeout=self._timeout)

    def settle(self, collection: str) -> None:
        """Return once everything written before survives the death of the store's process."""
        self._connection.settle(collection)

    def stamps(self, collection: str, ids: Sequence[str]) -> dict[str, Stamp]:
        """The stamp of each stored id, as a strongly consistent read."""
        found: dict[str, Stamp] = {}
        for portion in calls_of_ids(ids):
            with self._connection.reading(collection) as client:
                rows = client.get(
                    collection,
                    ids=portion,
                    output_fields=_STAMP,
                    consistency_level=STRONG,
                    timeout=self._timeout,
                )
            found |= stamps_of(rows)
        return found

    def stamps_between(self, collection: str, after: str, before: str) -> dict[str, Stamp]:
        """The stamp of every row with an id between two others, as a strongly consistent read."""
        bounds = [f"id > {literal(after)}"] + ([f"id < {literal(before)}"] if before else [])
        with self._connection.reading(collection) as client:
            rows = client.query(
                collection,
                filter=" and ".join(bounds),
                output_fields=_STAMP,
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        return stamps_of(rows)

    def search(
        self, collection: str, queries: Vectors, *, limit: int, index: IndexSpec, where: Filter | None = None
    ) -> list[list[Neighbour]]:
        """The nearest rows of each query, best first, at most 16,384. Raises `BadVector`, `Invalid` (`limit`)."""
        queries = check_vectors(queries, self._dimension(collection))
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"a search returns 1 to {MAX_LIMIT} rows", code="limit", field="limit")
        expression = True if where is None else render(where, self._connection.layout)
        if expression is False or not len(queries):
            return [[] for _ in queries]
        filtered = isinstance(expression, str)
        with self._connection.reading(collection) as client:
            answers = client.search(
                collection,
                data=list(queries),
                anns_field="vector",
                filter=expression if filtered else "",
                limit=limit,
                output_fields=["product_id"],
                search_params=search_params(index, limit=limit, exact=filtered and self._connection.lite),
                consistency_level=SESSION,
                timeout=self._timeout,
            )
        return [[neighbour_of(hit) for hit in hits] for hits in answers]

    def count(self, collection: str) -> int:
        """How many rows a collection has, as a strongly consistent read."""
        with self._connection.reading(collection) as client:
            (row,) = client.query(
                collection,
                filter="",
                output_fields=["count(*)"],
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        return int(row["count(*)"])

    def ping(self, needed: Collection[str] = ()) -> None:
        """Return if the store answers and has the collections that are needed; opens it where it is not open yet."""
        with self._connection.open() as client:
            found = client.list_collections(timeout=self._timeout)
        if not set(needed) <= set(found):
            raise index_lost()

    def close(self) -> None:
        """Close the connection; a milvus-lite database is flushed and may be opened by another process."""
        self._connection.close()

    def _dimension(self, collection: str) -> int:
        known = self._dimensions.get(check_name(collection))
        if known is None:
            with self._connection.open() as client:
                described = client.describe_collection(collection, timeout=self._timeout)
            fields = {field["name"]: field for field in described["fields"]}
            known = self._dimensions[collection] = int(fields["vector"]["params"]["dim"])
        return known
