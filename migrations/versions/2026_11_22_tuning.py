"""What tuning measured of a build.

Revision: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("builds", sa.Column("tuned", json, nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("builds", "tuned")
