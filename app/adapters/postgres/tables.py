"""The tables; those of builds stand in `build_tables`. Alembic's migrations make them; a test compares the two."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from app.domain.uploads import UNFINISHED

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC. SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC, without the zone where the database keeps none."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Read as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Identifiers compare by their bytes on Postgres too: page order is then the same everywhere, whatever the locale.
Id = String(128).with_variant(String(128, collation="C"), "postgresql")
Hash = String(64)
Json: Any = JSON().with_variant(JSONB(), "postgresql")

catalogs = Table(
    "catalogs",
    metadata,
    Column("name", Id, primary_key=True),
    Column("attributes", Json, nullable=False),
    Column("caption", Json, nullable=False),
)

products = Table(
    "products",
    metadata,
    Column("catalog", Id, ForeignKey("catalogs.name"), primary_key=True),
    Column("product_id", Id, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("upload_id", String(40), nullable=False),
    Column("digest", Hash, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=false()),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("attributes", Json, nullable=False),
    # When the row was written last: the transaction's number on Postgres, a number of the catalog's own on SQLite.
    # Triggers set it, so that whoever writes cannot forget.
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Index(None, "catalog", "changed"),
)

images = Table(
    "images",
    metadata,
    Column("catalog", Id, primary_key=True),
    Column("product_id", Id, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("url", Text),
    Column("content_hash", Hash),
    Column("width", Integer),
    Column("height", Integer),
    Column("error_code", String(64)),
    Column("error_detail", Text),
    ForeignKeyConstraint(["catalog", "product_id"], ["products.catalog", "products.product_id"]),
    Index(None, "catalog", "content_hash"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("catalog", Id, nullable=False),
    Column("product_id", Id, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("digest", Hash, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # When the row may be claimed (again): on a claim the end of the lease, on a release the end of the delay.
    Column("due_at", UtcDateTime, nullable=False),
    Column("token", String(32)),
    # Set once a worker may have written this version to an index: from then on it cannot just be superseded.
    Column("touched", Boolean, nullable=False, server_default=false()),
    Column("accepted_at", UtcDateTime, nullable=False),
    Column("fetched_at", UtcDateTime),
    Column("encoded_at", UtcDateTime),
    Column("indexed_at", UtcDateTime),
    Column("superseded_at", UtcDateTime),
    Column("dead_at", UtcDateTime),
    Column("error_code", String(64)),
    Column("error_detail", Text),
    ForeignKeyConstraint(["catalog", "product_id"], ["products.catalog", "products.product_id"]),
    UniqueConstraint("catalog", "product_id", "version"),
    Index(None, "accepted_at", "id"),
)

IS_UNFINISHED = uploads.c.state.in_([literal_column(f"'{state}'") for state in UNFINISHED])
"""The condition of a partial index, word for word: SQLite uses the index only for a statement that says it so."""
Index(
    "ix_uploads_unfinished",
    uploads.c.state,
    uploads.c.due_at,
    postgresql_where=IS_UNFINISHED,
    sqlite_where=IS_UNFINISHED,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("catalog", Id, ForeignKey("catalogs.name"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", Hash, nullable=False),
    Column("upload_id", String(40), ForeignKey("uploads.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("content_hash", Hash, primary_key=True),
    # float32, little-endian, `dimension` of them.
    Column("vector", LargeBinary, nullable=False),
)

recorded_queries = Table(
    "recorded_queries",
    metadata,
    Column("catalog", Id, ForeignKey("catalogs.name"), primary_key=True),
    # Of `query`, which is too long for a key.
    Column("digest", Hash, primary_key=True),
    Column("query", Json, nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)

judged_queries = Table(
    "judged_queries",
    metadata,
    Column("catalog", Id, ForeignKey("catalogs.name"), primary_key=True),
    Column("digest", Hash, primary_key=True),
    Column("text", Text, nullable=False),
    # By product_id, a number from 0.
    Column("grades", Json, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
