"""Claiming uploads: rows taken with `FOR UPDATE SKIP LOCKED`, held by a token until a lease ends.

One column, `due_at`, says when a row may be taken: a claim moves it to the end of the lease, a release to the end of
a delay. A worker that dies therefore gives its rows back by doing nothing.

A worker may have to write to the newest upload of a product while another holds it. So that no two wait in a ring,
all rows are locked before the first is written: in one order when it writes down, without waiting when it takes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, bindparam, select, update

from app.adapters.postgres.claimable import STANDING, waiting
from app.adapters.postgres.pictures import pictures_of
from app.adapters.postgres.statements import has_one_writer, one_of
from app.adapters.postgres.tables import uploads
from app.domain.products import Product
from app.domain.uploads import MAX_ATTEMPTS, Claim, Stage, UploadKind, UploadState
from app.ports.uploads import Failure

GROUP_SHRINKS_BY = 8
"""A group in which a worker died is tried again in groups of an eighth, so that a poisonous upload ends up alone."""

AFRESH = {"token": None, "attempts": 0, "error_code": None, "error_detail": None}
"""An upload that nobody has tried in its stage yet."""

_IS_ONE = one_of(uploads.c.id, "ids")
_THESE = select(uploads.c.id).where(_IS_ONE)


class ClaimRows:
    """The part of `Uploads` that workers use."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._alone = has_one_writer(connection)
        self._locked: set[str] = set()

    def take(self, stage: Stage, *, now: datetime, limit: int, lease: timedelta) -> list[Claim]:
        """Take up to `limit` uploads for a stage and count the attempt."""
        while found := self._connection.execute(waiting(stage, now, limit)).all():
            current = [row for row in found if row.version == row.newest]
            ending = self._free_to_end([row for row in found if row.version != row.newest])
            self._overtaken(ending, now)
            worn_out = [row for row in current if row.attempts >= MAX_ATTEMPTS]
            self._end({row.id: _exhausted(stage, row) for row in worn_out}, now)
            taken = _group([row for row in current if row.attempts < MAX_ATTEMPTS], limit)
            if taken:
                return self._hand_out(stage, taken, due_at=now + lease)
            if not (ending or worn_out):
                break  # all of them end later, once others have let go of what is newer
        return []

    def advance(self, stage: Stage, claims: Sequence[Claim], *, now: datetime) -> set[str]:
        """Move the claimed uploads that are still held and still the newest to the next state."""
        mine = [row for row in self._held(claims, now) if row.state == stage.takes]
        moving = [row.id for row in mine if row.version == row.newest]
        moved = {"state": stage.gives, f"{stage.gives}_at": now, "due_at": now, **AFRESH}
        self._update_all(moving, moved)
        self._overtaken([row for row in mine if row.version != row.newest], now)
        return set(moving)

    def release(
        self,
        claims: Sequence[Claim],
        reasons: Mapping[str, Failure],
        *,
        now: datetime,
        delay: timedelta,
        blameless: bool,
    ) -> None:
        """Give claimed uploads back, due again after `delay`."""
        mine = [row.id for row in self._held(claims, now)]
        attempts = uploads.c.attempts - (1 if blameless else 0)
        self._update_all(mine, {"token": None, "due_at": now + delay, "attempts": attempts})
        self._tell({upload_id: reasons[upload_id] for upload_id in mine if upload_id in reasons})

    def encode_again(self, claims: Sequence[Claim], *, now: datetime) -> None:
        """Send claimed uploads back to the encode stage, where they are due at once."""
        back = {"state": Stage.ENCODE.takes, "due_at": now, **AFRESH}
        self._update_all([row.id for row in self._held(claims, now)], back)

    def bury(self, claims: Sequence[Claim], failures: Mapping[str, Failure], *, now: datetime) -> None:
        """Mark claimed uploads as dead, or superseded where a newer version came; all of `claims` are locked."""
        self._lock([claim.upload_id for claim in claims])
        mine = self._held([claim for claim in claims if claim.upload_id in failures], now)
        self._end({row.id: failures[row.id] for row in mine if row.version == row.newest}, now)
        self._overtaken([row for row in mine if row.version != row.newest], now)

    def _hand_out(self, stage: Stage, rows: Sequence[Row[Any]], *, due_at: datetime) -> list[Claim]:
        token = uuid4().hex
        values: dict[str, Any] = {"token": token, "due_at": due_at, "attempts": uploads.c.attempts + 1}
        if stage is Stage.INDEX:
            values["touched"] = True
        self._update_all([row.id for row in rows], values)
        pictures = pictures_of(self._connection, [(row.catalog, row.product_id, row.version) for row in rows])
        return [_claim(row, token, tuple(pictures[row.catalog, row.product_id, row.version])) for row in rows]

    def _held(self, claims: Sequence[Claim], now: datetime) -> list[Row[Any]]:
        """The rows of these claims whose lease was not lost.

        Others went on with the lost ones while this worker may still have been writing. Where a newer version came
        meanwhile, what this worker wrote may be on top of it.
        """
        tokens = {claim.upload_id: claim.token for claim in claims}
        self._lock(list(tokens))
        rows = self._rows(list(tokens))
        lost = [row for row in rows if row.token != tokens[row.id]]
        self._index_again([row for row in lost if row.touched and row.version != row.newest], now)
        return [row for row in rows if row.token == tokens[row.id]]

    def _end(self, failures: Mapping[str, Failure], now: datetime) -> None:
        self._update_all(list(failures), {"state": UploadState.DEAD, "dead_at": now, "token": None})
        self._tell(failures)

    def _tell(self, failures: Mapping[str, Failure]) -> None:
        told: dict[str, Any] = {"error_code": bindparam("code"), "error_detail": bindparam("detail")}
        rows = [{"the_id": name, "code": one.code, "detail": one.detail} for name, one in failures.items()]
        if rows:
            self._connection.execute(update(uploads).where(uploads.c.id == bindparam("the_id")).values(told), rows)

    def _rows(self, upload_ids: Sequence[str]) -> Sequence[Any]:
        return self._connection.execute(STANDING, {"ids": upload_ids}).all() if upload_ids else []

    def _lock(self, upload_ids: Sequence[str]) -> None:
        """Lock uploads, and with them the newest of their products, in one order for everybody."""
        if self._alone:
            return
        unlocked = [upload_id for upload_id in upload_ids if upload_id not in self._locked]
        ids = {*unlocked, *(row.newest_upload for row in self._rows(unlocked))} - self._locked
        if ids:
            held = _THESE.order_by(uploads.c.id).with_for_update()
            self._locked.update(self._connection.scalars(held, {"ids": list(ids)}))

    def _free_to_end(self, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
        """Those of overtaken rows that need no upload which another worker holds; rows to take have no order."""
        ids = {row.newest_upload for row in rows if row.touched}
        if ids and not self._alone:
            free = _THESE.with_for_update(skip_locked=True)
            self._locked.update(self._connection.scalars(free, {"ids": list(ids)}))
        return [row for row in rows if not row.touched or self._holds(row.newest_upload)]

    def _holds(self, upload_id: str) -> bool:
        """Whether nobody else can write to an upload until this transaction ends."""
        return self._alone or upload_id in self._locked

    def _update_all(self, upload_ids: Sequence[str], values: Mapping[str, Any]) -> None:
        if upload_ids:
            self._connection.execute(update(uploads).where(_IS_ONE).values(**values), {"ids": upload_ids})

    def _overtaken(self, rows: Sequence[Row[Any]], now: datetime) -> None:
        """A newer version came: these end here. What they may have written is written over."""
        ended = {"state": UploadState.SUPERSEDED, "superseded_at": now, "token": None}
        self._update_all([row.id for row in rows], ended)
        self._index_again([row for row in rows if row.touched], now)

    def _index_again(self, rows: Sequence[Row[Any]], now: datetime) -> None:
        """Index the newest of these products once more; a worker that is at it already may have been too early."""
        again = {"state": UploadState.ENCODED, "due_at": now, **AFRESH}
        # What is not locked came after this transaction began, and is still to be indexed.
        ids = {row.newest_upload for row in rows if self._holds(row.newest_upload)}
        if ids:
            reached = uploads.c.state.in_((UploadState.INDEXED, UploadState.ENCODED))
            self._connection.execute(update(uploads).where(_IS_ONE, reached).values(**again), {"ids": list(ids)})


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


def _exhausted(stage: Stage, row: Row[Any]) -> Failure:
    known = f"; the last reason told: {row.error_detail}" if row.error_detail else ""
    return Failure("attempts_exhausted", f"{MAX_ATTEMPTS} attempts at {stage} ended without a result{known}")
