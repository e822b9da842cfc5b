"""How often what searches find has changed beside the products themselves, so that answers can be kept until then.

Revision: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    name = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
    op.create_table(
        "revisions",
        sa.Column("catalog", name, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["catalog"], ["catalogs.name"], name=op.f("fk_revisions_catalog_catalogs")),
        sa.PrimaryKeyConstraint("catalog", name=op.f("pk_revisions")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("revisions")
