"""Pages of other sites neither read nor change a service on loopback."""

import pytest
from starlette.testclient import TestClient

from app.api.main import create_app
from tests.integration.shops import Shop

HOSTS = ("localhost", "127.0.0.1", "[::1]")


@pytest.fixture
def client(untouched: Shop) -> TestClient:
    return TestClient(create_app(untouched.application, hosts=HOSTS), base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:8000", "[::1]:8000", "[::1]"])
def test_the_names_of_loopback_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/catalogs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["rebind.example", "rebind.example:8000", "127.0.0.1.example", ""])
def test_a_name_that_was_bound_to_loopback_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/v1/catalogs", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "unknown_host")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9000"])
def test_a_page_of_another_site_changes_nothing(client: TestClient, origin: str) -> None:
    answer = client.put("/v1/catalogs/stolen", json={}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
    assert client.get("/v1/catalogs/stolen").status_code == 404


def test_the_page_of_the_service_itself_may_search(client: TestClient) -> None:
    answer = client.post(
        "/v1/catalogs/none/search", json={"text": "mug"}, headers={"Origin": "http://127.0.0.1:8000"}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_catalog")
