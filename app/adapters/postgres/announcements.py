"""Which API processes there are, and the encoders they have loaded, as rows that are written again and again."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import Connection, delete, select

from app.adapters.postgres.build_tables import announcements
from app.adapters.postgres.clock import Clock
from app.adapters.postgres.statements import insert

_PRESENT = ""


class AnnouncementRows:
    """`Announcements` of the port."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def announce(self, process_id: str, fingerprints: Collection[str]) -> None:
        """Say that a process is there and has these encoders loaded."""
        statement = insert(self._connection, announcements)
        rows = [
            {"process_id": process_id, "fingerprint": one, "seen_at": self._clock.now}
            for one in sorted({_PRESENT, *fingerprints})
        ]
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["process_id", "fingerprint"], set_={"seen_at": statement.excluded.seen_at}
            ),
            rows,
        )

    def lacking(self, fingerprint: str, *, within: timedelta) -> set[str]:
        """The processes that were there `within` that time, and had not this encoder loaded."""
        since = self._clock.now - within
        seen = self._connection.execute(
            select(announcements.c.process_id, announcements.c.fingerprint).where(announcements.c.seen_at >= since)
        ).all()
        there = {row.process_id for row in seen if row.fingerprint == _PRESENT}
        return there - {row.process_id for row in seen if row.fingerprint == fingerprint}

    def withdraw(self, process_id: str) -> None:
        """Say that a process is no longer there."""
        self._connection.execute(delete(announcements).where(announcements.c.process_id == process_id))

    def forget(self, *, older_than: timedelta) -> None:
        """Drop what processes said that are long gone."""
        self._connection.execute(delete(announcements).where(announcements.c.seen_at < self._clock.now - older_than))
