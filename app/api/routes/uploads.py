"""Receipts."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.dependencies import App
from app.api.documents import answer, receipt_document
from app.bootstrap import Application
from app.domain.errors import Conflict, Invalid, NotFound
from app.domain.uploads import Upload, UploadState

router = APIRouter(prefix="/v1/uploads")

MAX_IDS = 200
MAX_PAGE = 200


@router.get("")
def list_uploads(
    application: App,
    state: UploadState | None = None,
    catalog: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    after: str | None = None,
    ids: str | None = None,
) -> Response:
    """Receipts, newest first: of a state, of a catalog, after the last one of a page; or those of some ids."""
    with application.database.reading() as transaction:
        if ids is None:
            found = transaction.uploads.page(state=state, catalog=catalog, limit=limit, after=after)
        else:
            wanted = ids.split(",")
            if len(wanted) > MAX_IDS:
                raise Invalid(f"ask for at most {MAX_IDS} ids", code="too_many_ids", field="ids")
            found = list(transaction.uploads.get(wanted).values())
    return answer({"uploads": [receipt_document(upload) for upload in found]})


@router.get("/{upload_id}")
def get_upload(application: App, upload_id: str) -> Response:
    """The receipt of an upload."""
    return answer(receipt_document(_receipt(application, upload_id)))


@router.post("/{upload_id}:retry")
def retry_upload(application: App, upload_id: str) -> Response:
    """Try a dead upload once more, from the beginning."""
    receipt = _receipt(application, upload_id)
    with application.database.writing() as transaction:
        revived = transaction.uploads.retry(upload_id)
    if not revived:
        raise Conflict(
            f"upload {upload_id} is {receipt.state.value}, not dead and the newest of its product",
            code="not_retryable",
            field="upload_id",
        )
    application.sweep()
    return answer(receipt_document(_receipt(application, upload_id)), 202)


def _receipt(application: Application, upload_id: str) -> Upload:
    with application.database.reading() as transaction:
        found = transaction.uploads.get([upload_id]).get(upload_id)
    if found is None:
        raise NotFound(f"there is no upload {upload_id[:64]}", code="unknown_upload", field="upload_id")
    return found
