"""What workers read of uploads before they take them and while they hold them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select

from app.adapters.postgres.statements import one_of
from app.adapters.postgres.tables import IS_UNFINISHED, products, uploads
from app.domain.uploads import Stage

_SAME_PRODUCT = and_(products.c.catalog == uploads.c.catalog, products.c.product_id == uploads.c.product_id)
_COLUMNS = (
    uploads.c.id,
    uploads.c.state,
    uploads.c.version,
    uploads.c.token,
    uploads.c.touched,
    products.c.version.label("newest"),
    products.c.upload_id.label("newest_upload"),
)

STANDING = select(*_COLUMNS).join(products, _SAME_PRODUCT).where(one_of(uploads.c.id, "ids"))
"""How uploads stand, by `ids`: read again and again, so no more than decisions need."""


def waiting(stage: Stage, now: datetime, limit: int) -> Select[Any]:
    """Uploads that wait for a stage, oldest first, with what a claim tells; others' are passed over."""
    return (
        select(
            *_COLUMNS,
            uploads.c.catalog,
            uploads.c.product_id,
            uploads.c.kind,
            uploads.c.attempts,
            uploads.c.error_detail,
            products.c.title,
            products.c.description,
            products.c.attributes,
        )
        .join(products, _SAME_PRODUCT)
        .where(IS_UNFINISHED, uploads.c.state == stage.takes, uploads.c.due_at <= now)
        .order_by(uploads.c.due_at)
        .limit(limit)
        .with_for_update(of=uploads, skip_locked=True)
    )
