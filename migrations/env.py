"""Alembic's entry: runs the migrations on the engine that `upgrade` hands over."""

from alembic import context
from sqlalchemy import Engine, text

from app.adapters.postgres.build_tables import metadata

LOCK_TIMEOUT = "5s"
"""A migration that cannot get its lock gives up instead of queueing every query of the shop behind it."""


def run() -> None:
    """Run every pending migration in one transaction."""
    engine: Engine = context.config.attributes["engine"]
    with engine.execution_options(vitrine_writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            # However long it takes, nothing cuts a migration off.
            for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(text(f"SET LOCAL {limit} = 0"))
            # One process migrates, the others wait and then find nothing to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(7153290464)"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.configure(
            connection=connection,
            target_metadata=metadata,
            compare_type=True,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()


run()
