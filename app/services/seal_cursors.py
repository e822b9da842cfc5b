"""Cursors as answers carry them: signed, for a while, with a key that all processes of a service share."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from app.domain.cursors import Cursor, bad_cursor, digest_of, seal, unseal
from app.domain.errors import Malformed
from app.domain.search import SearchQuery
from app.ports.database import Database

LIFE_S = 3_600
"""A shopper who looks on after an hour sees the shop as it is by then. It costs nothing to keep a cursor longer."""

KEY_BYTES = 32
_NAME = "cursors"


class Cursors:
    """Seals cursors and opens them. Safe to use from several threads. `clock` tells seconds since 1970."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: bytes | None = None

    def sealed(self, cursor: Cursor) -> str | None:
        """The text of a cursor, good for an hour from now; None where nothing follows."""
        if cursor.ends:
            return None
        return seal(replace(cursor, made_at=int(self._clock())), self._key())

    def opened(self, text: str, catalog: str, query: SearchQuery) -> Cursor:
        """The cursor of a text that comes alone, or beside the query that it goes on with.

        Raises `Malformed`: `bad_cursor`, `cursor_expired`, `cursor_mismatch`.
        """
        cursor = unseal(text, self._key())
        if cursor.catalog != catalog:
            raise bad_cursor()
        if self._clock() - cursor.made_at > LIFE_S:
            told = "this cursor is older than an hour: leave it out and begin again"
            raise Malformed(told, code="cursor_expired", field="cursor")
        if not _goes_on(query, cursor):
            told = "this cursor goes on with another query: state that one, or the cursor and a limit alone"
            raise Malformed(told, code="cursor_mismatch", field="cursor")
        return cursor

    def _key(self) -> bytes:
        with self._lock:
            if self._known is None:
                self._known = self._kept()
            return self._known

    def _kept(self) -> bytes:
        """The key of the database; whoever needs it first makes it."""
        with self._database.reading() as transaction:
            found = transaction.secrets.get(_NAME)
        if found is None:
            with self._database.writing() as transaction:
                found = transaction.secrets.keep(_NAME, secrets.token_bytes(KEY_BYTES))
        return found


def _goes_on(query: SearchQuery, cursor: Cursor) -> bool:
    """Whether it is the cursor's query, or states nothing beside it, or nothing but the product that was asked by."""
    asked = digest_of(query)
    if asked == digest_of(SearchQuery(like=query.like)):
        return query.like is None or digest_of(replace(query, filter=cursor.filter)) == cursor.asked
    return asked == cursor.asked
