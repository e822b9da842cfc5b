"""The vector store on Milvus: a server, or milvus-lite."""

from collections.abc import Sequence

from app.adapters.milvus.collections import STRONG, MilvusCollections
from app.adapters.milvus.expression import literal, render
from app.adapters.milvus.rows import calls_of_ids, calls_of_rows, check_vectors, stamps_of
from app.adapters.milvus.schema import MAX_LIMIT, search_params
from app.adapters.milvus.words import BM25, METRIC
from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.errors import Invalid
from app.domain.filters import Filter
from app.ports.vectors import Among, Neighbour, Stamp, VectorRow

SESSION = "Session"  # a read waits for the writes of this process

_STAMP = ["version", "digest"]


def _any_of(field: str, values: Sequence[str]) -> str:
    """The rows of these values, which may be somebody else's and hold anything."""
    return f"{field} in [{', '.join(map(literal, values))}]"


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"a search returns 1 to {MAX_LIMIT} rows", code="limit", field="limit")


class MilvusStore(MilvusCollections):
    """Collections on a Milvus server, 2.3 or later, or in a milvus-lite database.

    `uri` is a server's address or a path that ends in `.db`; `timeout` bounds every call to a server, in seconds.
    Nothing is opened before the first call. A milvus-lite database belongs to one process: `Misconfigured`
    (`data_held`) where another has it.
    """

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write rows, each replacing the one of its id.

        Raises `BadVector` and `Invalid` (`dimension`, `bad_id`) before anything is written.
        """
        for portion in calls_of_rows(rows, dimension=self.dimension(collection)):
            with self.connection.writing(collection, len(portion)) as client:
                client.upsert(collection, portion, timeout=self.timeout)  # as `packing` has it

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete rows; ids that are not there are passed over."""
        for portion in calls_of_ids(ids):
            with self.connection.writing(collection, len(portion)) as client:
                client.delete(collection, filter=_any_of("id", portion), timeout=self.timeout)

    def settle(self, collection: str) -> None:
        """Return once everything written before survives the death of the store's process."""
        self.connection.settle(collection)

    def stamps(self, collection: str, ids: Sequence[str], *, own: bool = False) -> dict[str, Stamp]:
        """The stamp of each stored id, as a strongly consistent read, or one that waits for `own` writes alone."""
        found: dict[str, Stamp] = {}
        for portion in calls_of_ids(ids):
            with self.connection.reading(collection) as client:
                rows = client.query(
                    collection,
                    filter=_any_of("id", portion),
                    output_fields=_STAMP,
                    consistency_level=SESSION if own else STRONG,
                    timeout=self.timeout,
                )
            found |= stamps_of(rows)
        return found

    def stamps_between(self, collection: str, after: str, before: str) -> dict[str, Stamp]:
        """The stamp of every row with an id between two others, as a strongly consistent read."""
        bounds = [f"id > {literal(after)}"] + ([f"id < {literal(before)}"] if before else [])
        with self.connection.reading(collection) as client:
            rows = client.query(
                collection,
                filter=" and ".join(bounds),
                output_fields=_STAMP,
                consistency_level=STRONG,
                timeout=self.timeout,
            )
        return stamps_of(rows)

    def search(
        self,
        collection: str,
        queries: Vectors,
        *,
        limit: int,
        index: IndexSpec,
        where: Filter | Among | None = None,
        timeout: float | None = None,
        growing: bool = True,
    ) -> list[list[Neighbour]]:
        """The nearest rows of each query, best first, at most 16,384. Raises `BadVector`, `Invalid` (`limit`).

        Without its `growing` segments, which a server has not indexed, it is not asked to compare row by row.
        """
        queries = check_vectors(queries, self.dimension(collection, timeout))
        _check_limit(limit)
        expression = self._expression(where)
        if expression is False or not len(queries):
            return [[] for _ in queries]
        filtered = isinstance(expression, str)
        exact = isinstance(where, Among) or (filtered and self.connection.lite)
        with self.connection.reading(collection) as client:
            found: list[list[Neighbour]] = client.search(  # as `unpacking` has it
                collection,
                data=[query.tobytes() for query in queries],  # pymilvus packs number by number what is no bytes
                anns_field="vector",
                filter=expression if filtered else "",
                limit=limit,
                output_fields=["product_id"],
                search_params={**search_params(index, limit=limit, exact=exact), "ignore_growing": not growing},
                consistency_level=SESSION,
                timeout=self._at_most(timeout),
            )
        return found

    def search_words(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        limit: int,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> list[Neighbour] | None:
        """The rows that have any of the terms, best first by BM25; None where the collection has no words."""
        _check_limit(limit)
        if not self.has_words(collection, timeout):
            return None
        expression = self._expression(where)
        if expression is False or not terms:
            return []
        with self.connection.reading(collection) as client:
            found: list[list[Neighbour]] = client.search(  # as `unpacking` has it
                collection,
                data=[" ".join(terms)],
                anns_field=BM25,
                filter=expression if isinstance(expression, str) else "",
                limit=limit,
                output_fields=["product_id"],
                search_params={"metric_type": METRIC},
                consistency_level=SESSION,
                timeout=self._at_most(timeout),
            )
        return found[0]

    def _expression(self, where: Filter | Among | None) -> str | bool:
        if isinstance(where, Among):
            return _any_of("product_id", where.product_ids) if where.product_ids else False
        return True if where is None else render(where, self.connection.layout)

    def unsealed(self, collection: str) -> int:
        """At least how many rows a server has not sealed; milvus-lite seals by itself whenever a thousand have come.

        A server counts sealed rows with those that were deleted since or written over.
        """
        if self.connection.lite:
            return 0
        return max(0, self.count(collection) - int(self.index_state(collection)["total_rows"]))

    def count(self, collection: str) -> int:
        """How many rows a collection has, as a strongly consistent read."""
        with self.connection.reading(collection) as client:
            (row,) = client.query(
                collection,
                filter="",
                output_fields=["count(*)"],
                consistency_level=STRONG,
                timeout=self.timeout,
            )
        return int(row["count(*)"])
