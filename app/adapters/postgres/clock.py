"""The database's clock, read once a transaction: leases end by one clock, whatever the workers' own say."""

from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import Connection, func, select


class Clock:
    """The moment of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def now(self) -> datetime:
        """Aware, in UTC. SQLite lives on this machine and has no clock of its own."""
        if self._connection.dialect.name == "sqlite":
            return datetime.now(UTC)
        moment: datetime = self._connection.execute(select(func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)
