"""What a step that is done in several has counted so far.

Revision: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("build_steps", sa.Column("tally", json, nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("build_steps", "tally")
