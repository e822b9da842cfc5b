"""Receipts of uploads, and the rows that hold them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.domain.uploads import UNFINISHED, Upload, UploadKind, UploadState
from app.ports.products import Accepted


def new_receipt(catalog: str, one: Accepted, now: datetime) -> Upload:
    """The receipt an upload begins with: stages that had nothing to do are passed at once."""
    passed = {UploadState.ACCEPTED, one.state}
    if one.state is UploadState.ENCODED:
        passed.add(UploadState.FETCHED)
    stages = {state: now for state in UploadState if state in passed}
    return Upload(one.upload_id, catalog, one.product.product_id, one.version, one.kind, one.state, 0, stages)


def upload_row(receipt: Upload, digest: str, now: datetime) -> dict[str, Any]:
    """The row of a new upload."""
    return {
        "id": receipt.id,
        "catalog": receipt.catalog,
        "product_id": receipt.product_id,
        "version": receipt.version,
        "kind": receipt.kind,
        "state": receipt.state,
        "digest": digest,
        "due_at": now,
        "accepted_at": now,
        "fetched_at": receipt.stages.get(UploadState.FETCHED),
        "encoded_at": receipt.stages.get(UploadState.ENCODED),
        "superseded_at": receipt.stages.get(UploadState.SUPERSEDED),
    }


def read_receipt(row: Row[Any]) -> Upload:
    """The receipt that a row of `uploads` holds."""
    reached = {state: getattr(row, f"{state}_at") for state in UploadState}
    waits = row.state in UNFINISHED and row.token is None and row.error_code is not None
    return Upload(
        row.id,
        row.catalog,
        row.product_id,
        row.version,
        UploadKind(row.kind),
        UploadState(row.state),
        row.attempts,
        {state: moment for state, moment in reached.items() if moment is not None},
        row.error_code,
        row.error_detail,
        row.due_at if waits else None,
    )
