"""Embeddings as rows: float32, little-endian."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from app.adapters.postgres.statements import insert, portions
from app.adapters.postgres.tables import embeddings

_FLOAT32 = np.dtype("<f4")


class EmbeddingRows:
    """`Embeddings` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self, fingerprint: str, content_hashes: Sequence[str]) -> set[str]:
        """Which of these contents have an embedding."""
        found: set[str] = set()
        for some in portions(content_hashes):
            statement = select(embeddings.c.content_hash).where(
                embeddings.c.fingerprint == fingerprint, embeddings.c.content_hash.in_(some)
            )
            found.update(self._connection.execute(statement).scalars())
        return found

    def get(self, fingerprint: str, content_hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Embeddings by content hash, each of shape (dimension,)."""
        found: dict[str, NDArray[np.float32]] = {}
        for some in portions(content_hashes):
            statement = select(embeddings.c.content_hash, embeddings.c.vector).where(
                embeddings.c.fingerprint == fingerprint, embeddings.c.content_hash.in_(some)
            )
            for content_hash, vector in self._connection.execute(statement):
                found[content_hash] = np.frombuffer(vector, dtype=_FLOAT32)
        return found

    def add(self, fingerprint: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Store embeddings by content hash; one that is there already stays."""
        if not vectors:
            return
        rows = [
            # In order of the key: two workers that store the same contents then never wait for each other in a ring.
            {"fingerprint": fingerprint, "content_hash": key, "vector": vectors[key].astype(_FLOAT32).tobytes()}
            for key in sorted(vectors)
        ]
        self._connection.execute(insert(self._connection, embeddings).on_conflict_do_nothing(), rows)
