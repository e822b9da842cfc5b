"""Queries that shoppers asked and queries that somebody judged, to be asked of a build before it goes live.

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    identifier = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "recorded_queries",
        sa.Column("catalog", identifier, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("query", json, nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["catalog"], ["catalogs.name"], name=op.f("fk_recorded_queries_catalog_catalogs")),
        sa.PrimaryKeyConstraint("catalog", "digest", name=op.f("pk_recorded_queries")),
    )
    op.create_table(
        "judged_queries",
        sa.Column("catalog", identifier, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("grades", json, nullable=False),
        sa.ForeignKeyConstraint(["catalog"], ["catalogs.name"], name=op.f("fk_judged_queries_catalog_catalogs")),
        sa.PrimaryKeyConstraint("catalog", "digest", name=op.f("pk_judged_queries")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("judged_queries")
    op.drop_table("recorded_queries")
