"""Idempotency keys as rows."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from app.adapters.postgres.clock import Clock
from app.adapters.postgres.statements import insert
from app.adapters.postgres.tables import idempotency_keys


class IdempotencyKeyRows:
    """`IdempotencyKeys` of the port."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def get(self, catalog: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(digest, upload_id) by key."""
        statement = select(idempotency_keys).where(
            idempotency_keys.c.catalog == catalog, idempotency_keys.c.key.in_(keys)
        )
        return {row.key: (row.digest, row.upload_id) for row in self._connection.execute(statement)}

    def add(self, catalog: str, key: str, digest: str, upload_id: str) -> None:
        """Write a key down; one that another writer has just written stays."""
        row = {
            "catalog": catalog,
            "key": key,
            "digest": digest,
            "upload_id": upload_id,
            "created_at": self._clock.now,
        }
        self._connection.execute(insert(self._connection, idempotency_keys).on_conflict_do_nothing(), row)
