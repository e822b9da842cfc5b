"""What a build would take: what was counted, what was measured of a sample, and what follows from both."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from app.domain.builds import Build
from app.domain.index_size import index_bytes, vector_bytes

ESTIMATED = "estimated"
"""The event that tells an estimate."""

RESERVE_BYTES = 512 * 2**20
"""What a build leaves free: uploads, their pictures and the database's log go on growing while it is filled, and
milvus-lite loses what it had acknowledged once its disk is full."""

_PAGE = 4_096  # SQLite's: a row stands in one whole, or in several of its own
_KEY = 112  # 96 characters, and what tells their lengths
_KEY_IN_INDEX = 150  # of pages that are two thirds full


def embedding_bytes(dimension: int) -> int:
    """Bytes of one embedding in the database, as SQLite keeps it; Postgres takes no more."""
    row = vector_bytes(dimension) + _KEY
    pages = -(-row // _PAGE) if row > _PAGE else 1 / (_PAGE // row)
    return round(pages * _PAGE) + _KEY_IN_INDEX


@dataclass(frozen=True, slots=True)
class Counted:
    """What a build is to hold, and what of that has no embedding under its encoder.

    Products that stand; `picture_rows` and `caption_rows` of theirs; `pictures` and `captions`, each content counted
    once; of these the `lacking` ones, and of those the ones that a sample has encoded and stored. `encoding_ms` is
    what one worker takes to encode the rest.
    """

    products: int = 0
    picture_rows: int = 0
    caption_rows: int = 0
    pictures: int = 0
    captions: int = 0
    lacking_pictures: int = 0
    lacking_captions: int = 0
    sampled_pictures: int = 0
    sampled_captions: int = 0
    encoding_ms: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        """Both together."""
        return Counted(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def rows(self) -> int:
        """Rows of both collections."""
        return self.picture_rows + self.caption_rows

    @property
    def lacking(self) -> int:
        """Contents without an embedding."""
        return self.lacking_pictures + self.lacking_captions

    @property
    def left(self) -> int:
        """Contents without one once the sample is stored."""
        return self.lacking - self.sampled_pictures - self.sampled_captions

    @property
    def told(self) -> dict[str, int]:
        """As a document."""
        return asdict(self)

    @staticmethod
    def read(told: Mapping[str, int]) -> "Counted":
        """A document, read back."""
        return Counted(**told)


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a sample took: how many rows, the seconds of that and of one seal, and the bytes that a row has
    beside its vector."""

    rows: int = 0
    seconds: float = 0.0
    sealing: float = 0.0
    row_bytes: float = 0.0

    def seconds_of(self, rows: int) -> float:
        """What writing so many rows takes one worker."""
        return self.seconds * rows / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a build would take.

    `row_bytes` is what a row has beside its vector, and `row_overhead` what the store takes in memory for it beyond
    that. `free` is how many bytes are free where its collections would lie, where known.
    """

    build: Build
    counted: Counted
    sampled_rows: int
    writing: float
    seconds: float
    row_bytes: float
    row_overhead: int
    free: int | None

    @property
    def memory(self) -> int:
        """Bytes that the store takes in memory once it is loaded: its indexes, and the rows beside their vectors."""
        return self._indexes + round(self.counted.rows * (self.row_bytes + self.row_overhead))

    @property
    def disk(self) -> int:
        """Bytes of its collections on disk: the rows with their vectors, and the indexes."""
        row = vector_bytes(self.build.encoder.dimension) + self.row_bytes
        return self._indexes + round(self.counted.rows * row)

    @property
    def database(self) -> int:
        """Bytes of the embeddings that are yet to be stored in the database."""
        return self.counted.left * embedding_bytes(self.build.encoder.dimension)

    @property
    def needed(self) -> int:
        """Bytes on the disk of a machine that has both the vectors and the database."""
        return self.disk + self.database

    @property
    def fits(self) -> bool:
        """Whether there is room, as far as this can be known."""
        return self.free is None or self.free >= self.needed + RESERVE_BYTES

    @property
    def _indexes(self) -> int:
        collections = self.counted.picture_rows, self.counted.caption_rows
        dimension = self.build.encoder.dimension
        return sum(index_bytes(self.build.index, dimension, rows) for rows in collections if rows)

    @property
    def told(self) -> dict[str, Any]:
        """As a document."""
        counted = self.counted
        known = {} if self.free is None else {"free_bytes": self.free, "fits": self.fits}
        return {
            "products": counted.products,
            "pictures": counted.pictures,
            "captions": counted.captions,
            "stored": counted.pictures + counted.captions - counted.lacking,
            "pictures_to_encode": counted.lacking_pictures,
            "captions_to_encode": counted.lacking_captions,
            "sampled": {
                "pictures": counted.sampled_pictures,
                "captions": counted.sampled_captions,
                "rows": self.sampled_rows,
            },
            "encoding_seconds": round(counted.encoding_ms / 1e3, 1),
            "writing_seconds": round(self.writing, 1),
            "seconds": round(self.seconds, 1),
            "memory_bytes": self.memory,
            "disk_bytes": self.disk,
            "database_bytes": self.database,
            **known,
        }
