"""The tables of builds: what they are, what they hold, the work on them, and what happened to them.

Whoever wants all tables takes `metadata` from here: the others are imported with it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
)

from app.adapters.postgres.tables import Hash, Id, Json, UtcDateTime, metadata

__all__ = [
    "IS_UNDONE",
    "announcements",
    "build_events",
    "build_failures",
    "build_products",
    "build_steps",
    "builds",
    "metadata",
]

_LIVE = text("state = 'live'")
_UNFINISHED = text("state IN ('building', 'ready') AND NOT dry_run")

builds = Table(
    "builds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("catalog", Id, ForeignKey("catalogs.name"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("encoder", Json, nullable=False),
    Column("parameters", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Set on one that only tells what it would take.
    Column("dry_run", Boolean, nullable=False, server_default=false()),
    # Set while it has collections that every upload goes to, whatever its state.
    Column("takes_uploads", Boolean, nullable=False, server_default=false()),
    # Products a second that filling it may take; NULL: as many as it can, 0: none.
    Column("rate", Float),
    # When the next of its pages may be taken.
    Column("fills_at", UtcDateTime),
    # When it was made live last, and when another took its place.
    Column("live_at", UtcDateTime),
    Column("retired_at", UtcDateTime),
    Column("report", Json),
    Column("tuned", Json),
    Column("error_code", String(64)),
    Column("error_detail", Text),
    Index("uq_builds_live", "catalog", unique=True, postgresql_where=_LIVE, sqlite_where=_LIVE),
    Index("uq_builds_unfinished", "catalog", unique=True, postgresql_where=_UNFINISHED, sqlite_where=_UNFINISHED),
)

build_products = Table(
    "build_products",
    metadata,
    Column("build_id", String(40), ForeignKey("builds.id"), primary_key=True),
    Column("product_id", Id, primary_key=True),
    # The version the build holds for certain; 0 until the first one is found there.
    Column("version", BigInteger, nullable=False, server_default="0"),
    # How many picture rows the build may hold: noted before they are written.
    Column("pictures", Integer, nullable=False),
)

build_steps = Table(
    "build_steps",
    metadata,
    Column("build_id", String(40), ForeignKey("builds.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    # Whose workers take it: those of the stage `index` or `encode`.
    Column("stage", String(16), nullable=False),
    # A page's products: those with an id beyond `after`, up to and with `up_to`; '' is no bound.
    Column("after", Id, nullable=False),
    Column("up_to", Id, nullable=False),
    Column("products", Integer, nullable=False),
    Column("tally", Json),
    Column("due_at", UtcDateTime, nullable=False),
    Column("token", String(32)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Set once a worker may have written rows of the page.
    Column("touched", Boolean, nullable=False, server_default=false()),
    # Set once a page is counted against the rate of its build.
    Column("paid", Boolean, nullable=False, server_default=false()),
    Column("done_at", UtcDateTime),
    Column("error_code", String(64)),
    Column("error_detail", Text),
)

IS_UNDONE = build_steps.c.done_at.is_(None)
Index(
    "ix_build_steps_undone",
    build_steps.c.stage,
    build_steps.c.due_at,
    postgresql_where=IS_UNDONE,
    sqlite_where=IS_UNDONE,
)

build_events = Table(
    "build_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("build_id", String(40), ForeignKey("builds.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("what", String(32), nullable=False),
    Column("told", Json, nullable=False),
)

build_failures = Table(
    "build_failures",
    metadata,
    Column("build_id", String(40), ForeignKey("builds.id"), primary_key=True),
    Column("content_hash", Hash, primary_key=True),
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
)

announcements = Table(
    "announcements",
    metadata,
    Column("process_id", String(64), primary_key=True),
    # An encoder that the process has loaded; '' says only that it is there.
    Column("fingerprint", String(32), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)

# In a table of its own: whoever works on a build holds the catalog's row, and waits for rows that uploads hold.
revisions = Table(
    "revisions",
    metadata,
    Column("catalog", Id, ForeignKey("catalogs.name"), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
