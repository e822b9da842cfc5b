"""Receipts: what became of uploads, with the pictures that they go without."""

from collections.abc import Sequence

from app.domain.errors import NotFound
from app.domain.uploads import Picture, Upload, UploadState
from app.ports.database import Database, Transaction

Receipt = tuple[Upload, Sequence[Picture]]
"""An upload, and the pictures that its version goes without."""


def receipt_of(database: Database, upload_id: str) -> Receipt:
    """The receipt of one upload. Raises `NotFound` (`unknown_upload`)."""
    found = receipts_of(database, [upload_id])
    if not found:
        raise NotFound(f"there is no upload {upload_id}", code="unknown_upload", field="upload_id")
    return found[0]


def receipts_of(database: Database, upload_ids: Sequence[str]) -> list[Receipt]:
    """The receipts of those of these uploads that there are."""
    with database.reading() as transaction:
        return _with_missing(transaction, list(transaction.uploads.get(upload_ids).values()))


def page_of_receipts(
    database: Database, *, state: UploadState | None, catalog: str | None, limit: int, after: str | None
) -> list[Receipt]:
    """Receipts, newest first: of a state, of a catalog, after the last one of a page."""
    with database.reading() as transaction:
        found = transaction.uploads.page(state=state, catalog=catalog, limit=limit, after=after)
        return _with_missing(transaction, found)


def _with_missing(transaction: Transaction, uploads: Sequence[Upload]) -> list[Receipt]:
    missing = transaction.pictures.in_error(uploads)
    return [(upload, missing.get(upload.id, ())) for upload in uploads]
