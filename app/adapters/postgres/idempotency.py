"""Idempotency keys as rows."""

from collections.abc import Sequence
from hashlib import blake2b

from sqlalchemy import Connection, func, select

from app.adapters.postgres.clock import Clock
from app.adapters.postgres.statements import has_one_writer, insert, one_of
from app.adapters.postgres.tables import idempotency_keys


class IdempotencyKeyRows:
    """`IdempotencyKeys` of the port."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def lock(self, catalog: str, keys: Sequence[str]) -> None:
        """Hold these keys, which may have no row yet, until this transaction ends. SQLite has one writer anyway."""
        if has_one_writer(self._connection):
            return
        for number in sorted({_number(catalog, key) for key in keys}):  # one order for everybody
            self._connection.execute(select(func.pg_advisory_xact_lock(number)))

    def get(self, catalog: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(digest, upload_id) by key."""
        statement = select(idempotency_keys).where(
            idempotency_keys.c.catalog == catalog, one_of(idempotency_keys.c.key, "keys")
        )
        rows = self._connection.execute(statement, {"keys": keys}) if keys else ()
        return {row.key: (row.digest, row.upload_id) for row in rows}

    def add(self, catalog: str, key: str, digest: str, upload_id: str) -> None:
        """Write a key down; one that is there already stays."""
        row = {
            "catalog": catalog,
            "key": key,
            "digest": digest,
            "upload_id": upload_id,
            "created_at": self._clock.now,
        }
        self._connection.execute(insert(self._connection, idempotency_keys).on_conflict_do_nothing(), row)


def _number(catalog: str, key: str) -> int:
    """What stands for a key among Postgres' advisory locks: 64 bits, so that two keys hardly ever share one."""
    return int.from_bytes(blake2b(f"{catalog}\0{key}".encode(), digest_size=8).digest(), signed=True)
