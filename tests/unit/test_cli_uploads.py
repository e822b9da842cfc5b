"""`vitrine uploads`, against a service that answers in memory."""

from typing import Any

import httpx

from app.cli.connection import Service
from app.cli.uploads import _receipts, _retry_all
from app.domain.uploads import UploadState


class Uploads:
    """The part of the API that tells of uploads, newest first, and tries dead ones again."""

    def __init__(self, count: int) -> None:
        self.ids = [f"u{number}" for number in range(count)]
        self.pages: list[dict[str, str]] = []
        self.retried: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return self._retry(request.url.path.removeprefix("/v1/uploads/").removesuffix(":retry"))
        asked = dict(request.url.params)
        self.pages.append(asked)
        start = self.ids.index(asked["after"]) + 1 if "after" in asked else 0
        found = self.ids[start : start + int(asked["limit"])]
        return httpx.Response(200, json={"uploads": [{"upload_id": one} for one in found]})

    def _retry(self, upload_id: str) -> httpx.Response:
        if upload_id == "u1":
            problem: dict[str, Any] = {"status": 409, "code": "not_retryable", "detail": "a newer one came"}
            return httpx.Response(409, json=problem)
        self.retried.append(upload_id)
        return httpx.Response(202, json={"upload_id": upload_id})


def service(api: Uploads) -> Service:
    return Service(httpx.Client(transport=httpx.MockTransport(api), base_url="http://service"), private=False)


def test_receipts_are_read_page_by_page_to_the_last() -> None:
    api = Uploads(450)
    found = [receipt["upload_id"] for receipt in _receipts(service(api), "shop", UploadState.DEAD)]
    assert found == api.ids
    assert [page.get("after") for page in api.pages] == [None, "u199", "u399"]
    assert {(page["catalog"], page["state"]) for page in api.pages} == {("shop", "dead")}


def test_every_dead_upload_is_tried_again_and_those_that_cannot_be_are_listed() -> None:
    api = Uploads(3)
    retried, errors = _retry_all(service(api), "shop")
    assert retried == api.retried == ["u0", "u2"]
    assert errors == [{"upload_id": "u1", "code": "not_retryable", "detail": "a newer one came"}]
