"""What Postgres's planner goes by.

Until it has counted a new catalog's rows it takes them for a handful, and reads all of them where it was given twenty
keys. Its own autovacuum counts once a minute; an import brings ten thousand products in less.
"""

from sqlalchemy import Connection, MetaData, text

_LEAST = 500  # rows that may be read whole without anybody noticing

# Twice as many as were counted last, by which the planner would be wrong about more than the number of rows. Of a
# table that it does not own a role is told that it may not, each time anew.
_UNCOUNTED = text(
    """
    SELECT told.relname FROM pg_stat_user_tables told JOIN pg_class ON pg_class.oid = told.relid
    WHERE told.schemaname = current_schema() AND told.relname = ANY (:tables)
    AND told.n_mod_since_analyze > greatest(:least, told.n_live_tup / 2)
    AND pg_has_role(pg_class.relowner, 'USAGE')
    """
)


def count_rows(connection: Connection, metadata: MetaData) -> list[str]:
    """Count the rows of tables that have grown; returns which. One that another is counting is left to it.

    The connection commits each statement by itself: a table is let go of as soon as it is counted, and stays counted.
    """
    named = {"tables": list(metadata.tables), "least": _LEAST}
    grown = sorted(connection.execute(_UNCOUNTED, named).scalars())
    for name in grown:
        connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {metadata.tables[name].name}")
    return grown
