"""Exact search in milvus-lite: an index of one list, which needs nothing to train on."""

from typing import Any

from milvus_lite.index.faiss_ivf_flat import faiss


class AnyRows(faiss.IndexIVFFlat):  # type: ignore[misc] # faiss publishes no types
    """faiss's index, content with fewer than the 39 rows a list that it asks for to place the lists.

    It writes its warning to stderr, past every log, for each small catalog, and milvus-lite has no setting for that.
    Where there are more lists than one, the warning is right and stays.
    """

    def train(self, rows: Any) -> None:
        """Place the lists."""
        if self.nlist == 1:
            self.cp.min_points_per_centroid = 1
        super().train(rows)


def allow_few_rows() -> None:
    """Have milvus-lite build indexes of this kind."""
    faiss.IndexIVFFlat = AnyRows
