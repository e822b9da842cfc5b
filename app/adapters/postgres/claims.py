"""Claiming uploads: rows taken with `FOR UPDATE SKIP LOCKED`, held by a token until a lease ends.

One column, `due_at`, says when a row may be taken: a claim moves it to the end of the lease, a release to the end of
a delay. A worker that dies therefore gives its rows back by doing nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from app.adapters.postgres.pictures import pictures_of
from app.adapters.postgres.statements import portions
from app.adapters.postgres.tables import products, uploads
from app.domain.products import Product
from app.domain.uploads import MAX_ATTEMPTS, Claim, Stage, UploadKind, UploadState
from app.ports.catalogue import Failure

GROUP_SHRINKS_BY = 8
"""A group in which a worker died is tried again in groups of an eighth, so that a poisonous upload ends up alone."""


class ClaimRows:
    """The part of `Uploads` that workers use."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, stage: Stage, *, now: datetime, limit: int, lease: timedelta) -> list[Claim]:
        """Take up to `limit` uploads for a stage and count the attempt."""
        waiting = self._connection.execute(_waiting(stage, now, limit)).all()
        outdated = [row for row in waiting if row.version != row.newest]
        current = [row for row in waiting if row.version == row.newest]
        self._overtaken(outdated, now)
        worn_out = [row for row in current if row.attempts >= MAX_ATTEMPTS]
        self.bury({row.id: _exhausted(stage) for row in worn_out}, now=now)
        taken = _group([row for row in current if row.attempts < MAX_ATTEMPTS], limit)
        if not taken:
            return []
        token = uuid4().hex
        values: dict[str, Any] = {"token": token, "due_at": now + lease, "attempts": uploads.c.attempts + 1}
        if stage is Stage.INDEX:
            values["touched"] = True
        self._update_all([row.id for row in taken], values)
        pictures = pictures_of(self._connection, [(row.catalog, row.product_id, row.version) for row in taken])
        return [_claim(row, token, tuple(pictures[row.catalog, row.product_id, row.version])) for row in taken]

    def advance(self, stage: Stage, claims: Sequence[Claim], *, now: datetime) -> set[str]:
        """Move the claimed uploads that are still held and still the newest to the next state."""
        rows = self._rows([claim.upload_id for claim in claims])
        held = {claim.upload_id: claim.token for claim in claims}
        mine = [row for row in rows if row.token == held[row.id] and row.state == stage.takes]
        moving = [row.id for row in mine if row.version == row.newest]
        moved = {"state": stage.gives, f"{stage.gives}_at": now, "token": None, "due_at": now, "attempts": 0}
        self._update_all(moving, moved)
        self._overtaken([row for row in mine if row.version != row.newest], now)
        if stage is Stage.INDEX:
            # Others went on with these while this worker may still have been writing: what it wrote may be on top.
            self._index_again([row for row in rows if row.token != held[row.id]], now)
        return set(moving)

    def release(self, claims: Sequence[Claim], *, due_at: datetime, blameless: bool) -> None:
        """Give claimed uploads back, due again at `due_at`."""
        statement = (
            update(uploads)
            .where(uploads.c.id == bindparam("the_id"), uploads.c.token == bindparam("the_token"))
            .values(token=None, due_at=due_at, attempts=uploads.c.attempts - (1 if blameless else 0))
        )
        if claims:
            self._connection.execute(
                statement, [{"the_id": claim.upload_id, "the_token": claim.token} for claim in claims]
            )

    def encode_again(self, claims: Sequence[Claim], *, now: datetime) -> None:
        """Send claimed uploads back to the encode stage, where they are due at once."""
        back = {"state": Stage.ENCODE.takes, "due_at": now, "token": None, "attempts": 0}
        for claim in claims:
            mine = and_(uploads.c.id == claim.upload_id, uploads.c.token == claim.token)
            self._connection.execute(update(uploads).where(mine).values(**back))

    def bury(self, failures: Mapping[str, Failure], *, now: datetime) -> None:
        """Mark uploads as dead."""
        statement = (
            update(uploads)
            .where(uploads.c.id == bindparam("the_id"))
            .values(
                state=UploadState.DEAD,
                dead_at=now,
                token=None,
                error_code=bindparam("the_code"),
                error_detail=bindparam("the_detail"),
            )
        )
        if failures:
            self._connection.execute(
                statement,
                [
                    {"the_id": upload_id, "the_code": failure.code, "the_detail": failure.detail}
                    for upload_id, failure in failures.items()
                ],
            )

    def _rows(self, upload_ids: Sequence[str]) -> list[Row[Any]]:
        found: list[Row[Any]] = []
        for some in portions(sorted(upload_ids)):
            found += self._connection.execute(
                _with_product().where(uploads.c.id.in_(some)).with_for_update(of=uploads)
            )
        return found

    def _update_all(self, upload_ids: Sequence[str], values: Mapping[str, Any]) -> None:
        for some in portions(upload_ids):
            self._connection.execute(update(uploads).where(uploads.c.id.in_(some)).values(**values))

    def _overtaken(self, rows: Sequence[Row[Any]], now: datetime) -> None:
        """A newer version came: these end here. What they may have written is written over."""
        ended = {"state": UploadState.SUPERSEDED, "superseded_at": now, "token": None}
        self._update_all([row.id for row in rows], ended)
        self._index_again([row for row in rows if row.touched], now)

    def _index_again(self, rows: Sequence[Row[Any]], now: datetime) -> None:
        newest = [row.newest_upload for row in rows]
        for some in portions(newest):
            done = and_(uploads.c.id.in_(some), uploads.c.state == UploadState.INDEXED)
            self._connection.execute(update(uploads).where(done).values(state=UploadState.ENCODED, due_at=now))


def _with_product() -> Any:
    same = and_(products.c.catalog == uploads.c.catalog, products.c.product_id == uploads.c.product_id)
    return select(
        uploads.c.id,
        uploads.c.catalog,
        uploads.c.product_id,
        uploads.c.version,
        uploads.c.kind,
        uploads.c.state,
        uploads.c.attempts,
        uploads.c.token,
        uploads.c.touched,
        products.c.version.label("newest"),
        products.c.upload_id.label("newest_upload"),
        products.c.title,
        products.c.description,
        products.c.attributes,
    ).join(products, same)


def _waiting(stage: Stage, now: datetime, limit: int) -> Any:
    return (
        _with_product()
        .where(uploads.c.state == stage.takes, uploads.c.due_at <= now)
        .order_by(uploads.c.due_at)
        .limit(limit)
        .with_for_update(of=uploads, skip_locked=True)
    )


def _group(rows: Sequence[Row[Any]], limit: int) -> list[Row[Any]]:
    """The rows to take together: those with as many attempts as the first, fewer the more attempts there were."""
    if not rows:
        return []
    attempts = rows[0].attempts
    size = max(1, limit // GROUP_SHRINKS_BY**attempts)
    return [row for row in rows if row.attempts == attempts][:size]


def _claim(row: Row[Any], token: str, pictures: tuple[Any, ...]) -> Claim:
    product = Product(row.product_id, row.title, row.description, row.attributes)
    kind = UploadKind(row.kind)
    return Claim(row.id, row.catalog, row.version, kind, row.attempts + 1, token, product, pictures)


def _exhausted(stage: Stage) -> Failure:
    return Failure("attempts_exhausted", f"{MAX_ATTEMPTS} attempts at {stage} ended without an answer")
