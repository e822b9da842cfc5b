"""Dry runs, which are in no build's way, and since when a build is live.

Revision: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UNFINISHED = "state IN ('building', 'ready')"
FIND_DRY_RUNS = """
    UPDATE builds SET dry_run = true
    WHERE error_code = 'dry_run' OR id IN (SELECT build_id FROM build_steps WHERE kind = 'dry_run')
"""
FIND_LIVE = """
    UPDATE builds SET live_at = coalesce(
        (SELECT max(at) FROM build_events WHERE build_id = builds.id AND what IN ('promoted', 'live again')),
        created_at
    ) WHERE state IN ('live', 'retired')
"""

DROP_ABORTED = """
    UPDATE build_steps SET kind = 'drop', stage = 'index', token = NULL, attempts = 0,
        error_code = NULL, error_detail = NULL
    WHERE done_at IS NULL AND kind <> 'drop' AND build_id IN (SELECT id FROM builds WHERE dry_run)
"""
SAY_DRY_RUN = """
    UPDATE builds SET error_code = 'dry_run', error_detail = 'only an estimate was asked for'
    WHERE dry_run AND state = 'aborted' AND error_code IS NULL
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("builds", sa.Column("dry_run", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("builds", sa.Column("live_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(FIND_DRY_RUNS)
    op.execute("UPDATE builds SET error_code = NULL, error_detail = NULL WHERE error_code = 'dry_run'")
    op.execute(FIND_LIVE)
    _unfinished_is(f"{UNFINISHED} AND NOT dry_run")


def downgrade() -> None:
    """Take back."""
    # As they were before, dry runs that are under way would be in the way of builds.
    op.execute("UPDATE builds SET state = 'aborted' WHERE dry_run AND state = 'building'")
    op.execute(DROP_ABORTED)
    op.execute(SAY_DRY_RUN)
    _unfinished_is(UNFINISHED)
    op.drop_column("builds", "live_at")
    op.drop_column("builds", "dry_run")


def _unfinished_is(predicate: str) -> None:
    name, which = "uq_builds_unfinished", sa.text(predicate)
    op.drop_index(name, "builds")
    op.create_index(name, "builds", ["catalog"], unique=True, postgresql_where=which, sqlite_where=which)
