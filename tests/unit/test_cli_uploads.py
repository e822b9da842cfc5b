"""`vitrine uploads`, against a service that answers in memory."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.cli import uploads
from app.cli.connection import Service
from app.cli.failures import line_of
from app.cli.uploads import _receipts, _retry_all
from app.domain.errors import Conflict, Refused
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


@pytest.mark.parametrize(
    "command",
    [
        lambda: uploads.list_uploads(catalog="shpo", url="http://service", json=True, limit=5),
        lambda: uploads.retry(None, all_dead=True, catalog="shpo", url="http://service", json=True),
    ],
    ids=["list", "retry"],
)
def test_a_catalog_that_is_not_there_is_no_empty_list(
    command: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def api(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/catalogs/shpo":
            return httpx.Response(404, json={"code": "unknown_catalog", "detail": "there is no catalog shpo"})
        return httpx.Response(200, json={"uploads": []})

    monkeypatch.setattr(httpx, "Client", lambda **given: _client(api))
    with pytest.raises(Refused, match="no catalog shpo") as caught:
        command()
    assert "`vitrine ingest SOURCE --catalog NAME`" in line_of(caught.value)


def _client(api: Callable[[httpx.Request], httpx.Response], made: type[httpx.Client] = httpx.Client) -> httpx.Client:
    return made(transport=httpx.MockTransport(api), base_url="http://service")


def test_the_advice_of_the_service_is_not_given_twice() -> None:
    detail = "upload u is indexed: only a dead one that is the newest of its product can be tried again"
    assert line_of(Conflict(detail, code="not_retryable")) == f"{detail} [not_retryable]"
