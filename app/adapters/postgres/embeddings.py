"""Embeddings as rows: float32, little-endian."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, bindparam, select

from app.adapters.postgres.prepared import Prepared
from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import embeddings

_FLOAT32 = np.dtype("<f4")
_THESE = and_(
    embeddings.c.fingerprint == bindparam("fingerprint"), one_of(embeddings.c.content_hash, "content_hashes")
)
_VECTORS = Prepared(select(embeddings.c.content_hash, embeddings.c.vector).where(_THESE))


class EmbeddingRows:
    """`Embeddings` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self, fingerprint: str, content_hashes: Sequence[str]) -> set[str]:
        """Which of these contents have an embedding."""
        statement = select(embeddings.c.content_hash).where(_THESE)
        wanted = {"fingerprint": fingerprint, "content_hashes": content_hashes}
        return set(self._connection.scalars(statement, wanted).all())

    def get(self, fingerprint: str, content_hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Embeddings by content hash, each of shape (dimension,)."""
        rows = _VECTORS.rows(self._connection, {"fingerprint": fingerprint, "content_hashes": content_hashes})
        return {content_hash: np.frombuffer(vector, dtype=_FLOAT32) for content_hash, vector in rows}

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
