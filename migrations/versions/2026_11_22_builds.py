"""The work of builds: their steps, what happened to them, and which of them take uploads.

Revision: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column("takes_uploads", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("fills_at", MOMENT, nullable=True),
        sa.Column("retired_at", MOMENT, nullable=True),
        sa.Column("report", JSON, nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
    ):
        op.add_column("builds", column)
    op.execute("UPDATE builds SET takes_uploads = (state IN ('building', 'ready', 'live'))")
    op.create_table(
        "build_steps",
        sa.Column("build_id", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("after", ID, nullable=False),
        sa.Column("up_to", ID, nullable=False),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("token", sa.String(32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("touched", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paid", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_build_steps_build_id_builds")),
        sa.PrimaryKeyConstraint("build_id", "number", name=op.f("pk_build_steps")),
    )
    undone = sa.text("done_at IS NULL")
    op.create_index(
        "ix_build_steps_undone",
        "build_steps",
        ["stage", "due_at"],
        postgresql_where=undone,
        sqlite_where=undone,
    )
    op.create_table(
        "build_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("build_id", sa.String(40), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("told", JSON, nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_build_events_build_id_builds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build_events")),
    )
    op.create_index(op.f("ix_build_events_build_id"), "build_events", ["build_id"])
    op.create_table(
        "build_failures",
        sa.Column("build_id", sa.String(40), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_build_failures_build_id_builds")),
        sa.PrimaryKeyConstraint("build_id", "content_hash", name=op.f("pk_build_failures")),
    )
    op.create_table(
        "announcements",
        sa.Column("process_id", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("process_id", "fingerprint", name=op.f("pk_announcements")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("announcements")
    op.drop_table("build_failures")
    op.drop_table("build_events")
    op.drop_table("build_steps")
    with op.batch_alter_table("builds") as table:
        for name in ("takes_uploads", "rate", "fills_at", "retired_at", "report", "error_code", "error_detail"):
            table.drop_column(name)
