"""Uploads as rows: writing them down, and telling of them. Claims stand in `claims.py`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, exists, func, not_, or_, select, tuple_, update

from app.adapters.postgres.claims import AFRESH, ClaimRows
from app.adapters.postgres.clock import Clock
from app.adapters.postgres.receipts import new_receipt, read_receipt, upload_row
from app.adapters.postgres.statements import insert, one_of
from app.adapters.postgres.tables import IS_UNFINISHED, products, uploads
from app.domain.uploads import Claim, Stage, Upload, UploadState
from app.ports.products import Accepted
from app.ports.uploads import Failure


class UploadRows:
    """`Uploads` of the port."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._claims = ClaimRows(connection)

    def known(self, catalog: str, versions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, str]]:
        """(upload_id, digest) of the uploads with these (product_id, version)."""
        if not versions:
            return {}
        statement = select(uploads.c.product_id, uploads.c.version, uploads.c.id, uploads.c.digest).where(
            uploads.c.catalog == catalog, tuple_(uploads.c.product_id, uploads.c.version).in_(versions)
        )
        rows = self._connection.execute(statement)
        return {(product_id, version): (upload_id, digest) for product_id, version, upload_id, digest in rows}

    def add(self, catalog: str, accepted: Sequence[Accepted]) -> dict[str, Upload]:
        """Insert uploads; older ones of the same products that no worker has begun are superseded."""
        if not accepted:
            return {}
        now = self._clock.now
        receipts = {one.upload_id: new_receipt(catalog, one, now) for one in accepted}
        rows = [upload_row(receipts[one.upload_id], one.digest, now) for one in accepted]
        self._connection.execute(insert(self._connection, uploads), rows)
        self._supersede(catalog, accepted, now)
        return receipts

    def _supersede(self, catalog: str, accepted: Sequence[Accepted], now: datetime) -> None:
        newer = [upload for upload in accepted if upload.newest and upload.version > 1]
        if not newer:
            return
        # These are the newest of their products, so whatever else is unfinished of them is older.
        older = and_(
            uploads.c.catalog == catalog,
            one_of(uploads.c.product_id, "product_ids"),
            not_(one_of(uploads.c.id, "ids")),
            IS_UNFINISHED,
            uploads.c.token.is_(None),
            uploads.c.touched.is_(False),
        )
        # A worker that is at one of them at this moment finds out by itself, and is not waited for.
        idle = select(uploads.c.id).where(older).with_for_update(skip_locked=True)
        superseded = {"state": UploadState.SUPERSEDED, "superseded_at": now}
        self._connection.execute(
            update(uploads).where(uploads.c.id.in_(idle)).values(**superseded),
            {
                "ids": [upload.upload_id for upload in newer],
                "product_ids": [upload.product.product_id for upload in newer],
            },
        )

    def get(self, upload_ids: Sequence[str]) -> dict[str, Upload]:
        """Receipts by id."""
        if not upload_ids:
            return {}
        rows = self._connection.execute(select(uploads).where(one_of(uploads.c.id, "ids")), {"ids": upload_ids})
        return {row.id: read_receipt(row) for row in rows.all()}

    def page(
        self, *, state: UploadState | None, catalog: str | None, limit: int, after: str | None = None
    ) -> list[Upload]:
        """Receipts, newest first; `after` is the last id of the page before."""
        statement = select(uploads).order_by(uploads.c.accepted_at.desc(), uploads.c.id.desc()).limit(limit)
        if state is not None:
            statement = statement.where(uploads.c.state == state)
        if catalog is not None:
            statement = statement.where(uploads.c.catalog == catalog)
        if after is not None:
            last = select(uploads.c.accepted_at).where(uploads.c.id == after).scalar_subquery()
            older = and_(uploads.c.accepted_at == last, uploads.c.id < after)
            statement = statement.where(or_(uploads.c.accepted_at < last, older))
        return [read_receipt(row) for row in self._connection.execute(statement)]

    def counts(self, catalog: str | None = None) -> dict[UploadState, int]:
        """How many uploads are in each state."""
        statement = select(uploads.c.state, func.count()).group_by(uploads.c.state)
        if catalog is not None:
            statement = statement.where(uploads.c.catalog == catalog)
        counted = {UploadState(state): n for state, n in self._connection.execute(statement)}
        return {state: counted.get(state, 0) for state in UploadState}

    def claim(self, stage: Stage, *, limit: int, lease: timedelta) -> list[Claim]:
        """Take uploads that wait for a stage, oldest first, and count the attempt."""
        return self._claims.take(stage, now=self._clock.now, limit=limit, lease=lease)

    def advance(self, stage: Stage, claims: Sequence[Claim]) -> set[str]:
        """Move the claimed uploads on; returns the ids that moved."""
        return self._claims.advance(stage, claims, now=self._clock.now)

    def release(
        self,
        claims: Sequence[Claim],
        *,
        delay: timedelta,
        blameless: bool,
        reasons: Mapping[str, Failure] | None = None,
    ) -> None:
        """Give claimed uploads back, due again after `delay`, with the reason of each by upload id."""
        self._claims.release(claims, reasons or {}, now=self._clock.now, delay=delay, blameless=blameless)

    def encode_again(self, claims: Sequence[Claim]) -> None:
        """Send claimed uploads back to the encode stage."""
        self._claims.encode_again(claims, now=self._clock.now)

    def bury(self, claims: Sequence[Claim], failures: Mapping[str, Failure]) -> None:
        """Mark claimed uploads as dead, with the failure of each by upload id."""
        self._claims.bury(claims, failures, now=self._clock.now)

    def retry(self, upload_id: str) -> bool:
        """Put a dead upload that is still the newest back to its beginning."""
        newest = exists().where(
            products.c.catalog == uploads.c.catalog,
            products.c.product_id == uploads.c.product_id,
            products.c.upload_id == uploads.c.id,
        )
        revived = (
            update(uploads)
            .where(uploads.c.id == upload_id, uploads.c.state == UploadState.DEAD, newest)
            .values(state=UploadState.ACCEPTED, due_at=self._clock.now, dead_at=None, **AFRESH)
        )
        return self._connection.execute(revived).rowcount == 1

    def being_indexed(self, catalog: str) -> set[str]:
        """The tokens under which uploads of a catalog are held that may be on their way into its builds."""
        held = and_(IS_UNFINISHED, uploads.c.state == Stage.INDEX.takes, uploads.c.token.is_not(None))
        return set(self._connection.scalars(select(uploads.c.token).where(held, uploads.c.catalog == catalog)))

    def busy(self) -> set[str]:
        """The catalogs that have an upload which has not ended."""
        return set(self._connection.scalars(select(uploads.c.catalog).where(IS_UNFINISHED).distinct()))

    def due(self) -> dict[Stage, int]:
        """How many uploads each stage could claim now."""
        statement = (
            select(uploads.c.state, func.count().label("n"))
            .where(IS_UNFINISHED, uploads.c.due_at <= self._clock.now)
            .group_by(uploads.c.state)
        )
        counted: dict[str, int] = {row.state: row.n for row in self._connection.execute(statement)}
        return {stage: counted.get(stage.takes, 0) for stage in Stage}

    def forget_leases(self) -> None:
        """End every lease."""
        held = and_(IS_UNFINISHED, uploads.c.token.is_not(None))
        self._connection.execute(update(uploads).where(held).values(token=None, due_at=self._clock.now))
