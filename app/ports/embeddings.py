"""Embeddings in the database: what was encoded once is not encoded again."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embeddings(Protocol):
    """Embeddings by content hash and encoder fingerprint: the same content is encoded once."""

    def known(self, fingerprint: str, content_hashes: Sequence[str]) -> set[str]:
        """Which of these contents have an embedding."""
        ...

    def get(self, fingerprint: str, content_hashes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Embeddings by content hash, each of shape (dimension,)."""
        ...

    def add(self, fingerprint: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Store embeddings by content hash; one that is there already stays."""
        ...
