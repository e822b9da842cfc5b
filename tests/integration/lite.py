"""A collection of milvus-lite's engine in this process, which can die."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from milvus_lite import db
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

DIMENSION = 8
AT_LAST_S = 10.0
FLAT = ("FLAT", {}, {})
FIELDS = [
    FieldSchema("id", DataType.VARCHAR, is_primary=True, max_length=64),
    FieldSchema("product_id", DataType.VARCHAR, max_length=64),
    FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIMENSION),
]


class Lite:
    """A database with one collection of an index, and the parameters to search it with."""

    def __init__(
        self,
        folder: Path,
        kind: str,
        build_params: dict[str, int],
        search_params: dict[str, int],
        fields: Sequence[FieldSchema] = FIELDS,
    ) -> None:
        self._folder, self.params, self.replayed = folder, search_params, 0
        self._path = folder / "0.db"
        self._database = db.MilvusLite(str(self._path))
        schema = CollectionSchema(list(fields), enable_dynamic_field=True)
        self.collection = self._database.create_collection("c", schema)
        self.collection.create_index("vector", {"index_type": kind, "metric_type": "COSINE", "params": build_params})
        self.collection.load()

    def die(self) -> None:
        """Open what is left where the process dies now: a log, and the indexes as files."""
        self.collection._wait_for_bg()
        before, self._path = self._path, self._folder / f"{int(self._path.stem) + 1}.db"
        shutil.copytree(before, self._path)
        self.close()
        self._database = db.MilvusLite(str(self._path))
        self.collection = self._database.get_collection("c")
        self.collection.load()
        self.replayed += self.collection._memtable.size() > 0

    def close(self) -> None:
        self._database.close()
