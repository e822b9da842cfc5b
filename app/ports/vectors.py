"""The vector store port: collections of vectors with the attributes that filters read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.builds import IndexSpec
from app.domain.embeddings import Vectors
from app.domain.filters import Filter
from app.domain.products import AttributeValue


class Stamp(NamedTuple):
    """What a row says it is of: the product's version, and 64 bits of what that version is."""

    version: int
    digest: int


@dataclass(frozen=True, slots=True)
class VectorRow:
    """One row of a collection: a picture of a product, or the caption of one.

    `id` is unique in its collection; `vector` has shape (dimension,), float32, norm 1; `stamp` has two int64. `words`
    are the terms of the product, joined by single spaces; a collection without words passes over them.
    """

    id: str
    product_id: str
    stamp: Stamp
    vector: NDArray[np.float32]
    attributes: Mapping[str, AttributeValue]
    words: str = ""


class Neighbour(NamedTuple):  # every query makes some hundreds
    """A row that was found, with its score: the cosine similarity to the query in [-1, 1], or BM25 above 0."""

    id: str
    product_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Among:
    """The rows of these products, and no others."""

    product_ids: Sequence[str]


class VectorSearch(Protocol):
    """What a query needs of a vector store. May raise `StoreUnavailable`. Safe to call from several threads."""

    def search(
        self,
        collection: str,
        queries: Vectors,
        *,
        limit: int,
        index: IndexSpec,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> list[list[Neighbour]]:
        """The nearest rows of each query, best first. `queries` has shape (n, dimension); the answer has n lists.

        Reads what was written before the call (read-your-writes). Of a few products `among` all the others every
        row is compared, whatever the index. `timeout` is how many seconds a server may take, where that is less than
        for any call.
        """
        ...

    def search_words(
        self,
        collection: str,
        terms: Sequence[str],
        *,
        limit: int,
        where: Filter | Among | None = None,
        timeout: float | None = None,
    ) -> list[Neighbour] | None:
        """The rows that have any of the terms, best first by BM25; None where the collection has no words.

        Reads what was written before the call. `timeout` as above.
        """
        ...


class VectorStore(VectorSearch, Protocol):
    """Collections by physical name. Every method may raise `StoreUnavailable`. Safe to call from several threads."""

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
        """As every search; rows that no index holds yet, which are compared one by one, may be left out of it."""
        ...

    def check(self, index: IndexSpec, *, dimension: int) -> None:
        """Raise `Invalid` (`index_type`, `index_param`) where this store cannot build such an index."""
        ...

    def create(self, collection: str, *, dimension: int, index: IndexSpec, words: bool = False) -> None:
        """Create a collection, indexed and loaded; nothing happens where it exists already.

        One with `words` can be searched by them, where this store can do that.
        """
        ...

    def point(self, alias: str, collection: str) -> None:
        """Let an alias name a collection, whatever it named before. For people: nothing here asks by an alias."""
        ...

    def drop(self, collection: str) -> None:
        """Drop a collection; nothing happens where there is none."""
        ...

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write rows, each replacing the one of its id. Where two rows share an id the last is kept."""
        ...

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete rows; ids that are not there are passed over."""
        ...

    def settle(self, collection: str) -> None:
        """Return once everything written before is durable: it survives the death of the store's process."""
        ...

    def seal(self, collection: str) -> None:
        """Ask the store to index what was written: until then a search may walk those rows, slowly or roughly."""
        ...

    def unsealed(self, collection: str) -> int:
        """At least how many rows are not sealed: where others were written over or deleted there may be more."""
        ...

    def unindexed(self, collection: str) -> int:
        """How many of the rows that were sealed are not indexed yet; those that never will be count as indexed."""
        ...

    def unserved(self, collection: str) -> int:
        """How many of the rows that are indexed are not searched by their index yet."""
        ...

    def stamps(self, collection: str, ids: Sequence[str], *, own: bool = False) -> dict[str, Stamp]:
        """The stamp of each stored id, as a strongly consistent read; ids that are not stored are left out.

        `own` waits for what this process has written and for nobody else.
        """
        ...

    def stamps_between(self, collection: str, after: str, before: str) -> dict[str, Stamp]:
        """The stamp of every row whose id is greater than `after` and less than `before`, byte by byte.

        A strongly consistent read. The empty text is no bound.
        """
        ...

    def count(self, collection: str) -> int:
        """How many rows a collection has, as a strongly consistent read."""
        ...

    @property
    def row_overhead(self) -> int:
        """Bytes of memory that a row takes beside its attributes and what the index keeps of its vector."""
        ...

    def free_bytes(self) -> int | None:
        """How many bytes are free where collections lie; None where that is another machine's to know."""
        ...

    def ping(self, needed: Collection[str] = ()) -> None:
        """Return if the store answers and has the collections that are needed; else `index_lost`."""
        ...
