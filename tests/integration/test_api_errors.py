"""What goes wrong on our side: 503 for what does not answer, 500 for the rest, and not a word of where."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.main import create_app
from app.bootstrap import open_application
from app.config import Settings
from app.domain.errors import BlobsUnavailable
from tests.factories import a_picture
from tests.fakes.encoders import FakeEncoder, FakeLoader
from tests.integration.refusals import SEARCH, refused
from tests.integration.shops import Shop, inline


@pytest.fixture
def without_database(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(data=tmp_path, encoder="fake", database_url="postgresql://someone:secret@127.0.0.1:1/none")
    application = open_application(settings, loader=FakeLoader(FakeEncoder()))
    yield TestClient(create_app(application), raise_server_exceptions=False)
    application.close()


def test_a_database_that_does_not_answer_is_503_and_asks_to_come_again(without_database: TestClient) -> None:
    for answer in (
        without_database.get("/v1/catalogs"),
        without_database.put("/v1/catalogs/shop/products/p", json={"title": "t"}),
        without_database.get(SEARCH),
        without_database.get("/v1/uploads/none"),
    ):
        refused(answer, 503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "secret" not in answer.text
        assert "127.0.0.1" not in answer.text
    ready = without_database.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["parts"]["database"]["code"] == "database_unavailable"
    assert ready.json()["parts"]["vectors"]["status"] == "ok"
    assert without_database.get("/health/live").status_code == 200


def test_pictures_that_cannot_be_stored_leave_nothing(untouched: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise BlobsUnavailable("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(untouched.application.blobs, "staged", full)
        answer = untouched.client.put(
            "/v1/catalogs/shop/products/q", json={"title": "t", "images": inline(a_picture("blue"))}
        )
        refused(answer, 503, "blobs_unavailable")


def test_a_crash_tells_nothing_but_its_request_id(untouched: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> AbstractContextManager[None]:
        raise RuntimeError("/etc/secret: Traceback")

    with monkeypatch.context() as patched:
        patched.setattr(untouched.application.database, "reading", crash)
        refused(untouched.client.get("/v1/catalogs"), 500, "internal")
