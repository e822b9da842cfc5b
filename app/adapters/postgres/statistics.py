"""What Postgres's planner goes by.

Until it has counted a new catalog's rows it takes them for a handful, and reads all of them where it was given twenty
keys. Its own autovacuum counts once a minute; an import brings ten thousand products in less.
"""

from sqlalchemy import Connection, MetaData, text

_LEAST = 500  # rows that may be read whole without anybody noticing

# Twice as many as were counted last, by which the planner would be wrong about more than the number of rows.
_UNCOUNTED = text(
    """
    SELECT relname FROM pg_stat_user_tables
    WHERE schemaname = current_schema() AND relname = ANY (:tables)
    AND n_mod_since_analyze > greatest(:least, n_live_tup / 2)
    """
)


def count_rows(connection: Connection, metadata: MetaData) -> list[str]:
    """Count the rows of tables that have grown; returns which. One that another is counting is left to it."""
    named = {"tables": list(metadata.tables), "least": _LEAST}
    grown = sorted(connection.execute(_UNCOUNTED, named).scalars())
    for name in grown:
        connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {metadata.tables[name].name}")
    return grown
