"""Receipts."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.dependencies import CHECKED, App, UploadId
from app.api.documents import answer, receipt_document
from app.api.openapi import problems
from app.api.schemas.documents import Receipt, ReceiptList
from app.domain.errors import Invalid
from app.domain.products import check_id
from app.domain.uploads import UploadState
from app.services.retry_upload import retry
from app.services.tell_receipts import page_of_receipts, receipt_of, receipts_of

router = APIRouter(prefix="/v1/uploads", dependencies=CHECKED)

MAX_IDS = 200
MAX_PAGE = 200


@router.get("", response_model=ReceiptList)
def list_uploads(
    application: App,
    state: UploadState | None = None,
    catalog: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    after: str | None = None,
    ids: str | None = None,
) -> Response:
    """Receipts, newest first: of a state, of a catalog, after the last one of a page; or those of some ids."""
    wanted = _ids(ids) if ids is not None else []
    for name, value in {"catalog": catalog, "after": after}.items():
        if value is not None:
            check_id(value, name)
    if wanted:
        found = receipts_of(application.database, wanted)
    else:
        found = page_of_receipts(application.database, state=state, catalog=catalog, limit=limit, after=after)
    return answer(ReceiptList(uploads=[receipt_document(*one) for one in found]))


@router.get("/{upload_id}", response_model=Receipt, responses=problems(404))
def get_upload(application: App, upload_id: UploadId) -> Response:
    """The receipt of an upload."""
    return answer(receipt_document(*receipt_of(application.database, upload_id)))


@router.post("/{upload_id}:retry", status_code=202, response_model=Receipt, responses=problems(404, 409))
def retry_upload(application: App, upload_id: UploadId) -> Response:
    """Try a dead upload once more, from the beginning."""
    retry(application.database, application.jobs, upload_id)
    return answer(receipt_document(*receipt_of(application.database, upload_id)), 202)


def _ids(stated: str) -> list[str]:
    wanted = [check_id(one, "ids") for one in stated.split(",")]
    if len(wanted) > MAX_IDS:
        raise Invalid(f"ask for at most {MAX_IDS} ids", code="too_many_ids", field="ids")
    return wanted
