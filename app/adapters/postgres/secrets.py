"""Secrets as rows."""

from sqlalchemy import Connection, select

from app.adapters.postgres.statements import insert
from app.adapters.postgres.tables import secrets


class SecretRows:
    """`Secrets` of the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> bytes | None:
        """The secret of that name."""
        found = self._connection.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one_or_none()
        return None if found is None else bytes(found)

    def keep(self, name: str, value: bytes) -> bytes:
        """Write a secret down unless there is one; who comes second waits here, and is given the first one's."""
        row = {"name": name, "value": value}
        self._connection.execute(insert(self._connection, secrets).on_conflict_do_nothing(), row)
        return bytes(self._connection.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one())
