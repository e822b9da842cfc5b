"""Receipts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.dependencies import App, UploadId
from app.api.documents import answer, receipt_document
from app.bootstrap import Application
from app.domain.errors import Invalid, NotFound
from app.domain.products import check_id
from app.domain.uploads import UploadState
from app.services.retry_upload import retry

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
    wanted = _ids(ids) if ids is not None else []
    for name, value in {"catalog": catalog, "after": after}.items():
        if value is not None:
            check_id(value, name)
    with application.database.reading() as transaction:
        if wanted:
            found = list(transaction.uploads.get(wanted).values())
        else:
            found = transaction.uploads.page(state=state, catalog=catalog, limit=limit, after=after)
        missing = transaction.pictures.in_error(found)
    return answer({"uploads": [receipt_document(upload, missing.get(upload.id, ())) for upload in found]})


@router.get("/{upload_id}")
def get_upload(application: App, upload_id: UploadId) -> Response:
    """The receipt of an upload."""
    return answer(_receipt(application, upload_id))


@router.post("/{upload_id}:retry")
def retry_upload(application: App, upload_id: UploadId) -> Response:
    """Try a dead upload once more, from the beginning."""
    retry(application.database, application.jobs, upload_id)
    return answer(_receipt(application, upload_id), 202)


def _receipt(application: Application, upload_id: str) -> dict[str, Any]:
    with application.database.reading() as transaction:
        found = transaction.uploads.get([upload_id]).get(upload_id)
        if found is None:
            raise NotFound(f"there is no upload {upload_id}", code="unknown_upload", field="upload_id")
        missing = transaction.pictures.in_error([found])
    return receipt_document(found, missing.get(upload_id, ()))


def _ids(stated: str) -> list[str]:
    wanted = [check_id(one, "ids") for one in stated.split(",")]
    if len(wanted) > MAX_IDS:
        raise Invalid(f"ask for at most {MAX_IDS} ids", code="too_many_ids", field="ids")
    return wanted
