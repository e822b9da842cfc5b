"""Vectors and cosines over the API, with a small model whose directory nobody is told of."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.api.main import create_app
from app.bootstrap import Application, open_application
from app.config import Settings
from app.domain.errors import FetchFailed
from app.services.embed import MAX_CONTENTS, MAX_URLS
from migrations.upgrade import upgrade
from tests.integration.refusals import refused
from tests.integration.shops import inline
from tests.small_models import photo, write_clip

TEXTS = ["red mug", "green sneaker", "red mug"]
PHOTO, OTHER = photo(60, 40), photo(32, 48, seed=1)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    model = write_clip(tmp_path_factory.mktemp("secret") / "shoes-v2")
    settings = Settings(data=tmp_path_factory.mktemp("embed"), encoder=str(model), model_batch=2)
    application = open_application(settings)
    upgrade(application.database.engine)
    yield application
    application.close()


@pytest.fixture(scope="module")
def client(application: Application) -> TestClient:
    client = TestClient(create_app(application), raise_server_exceptions=False)
    assert client.put("/v1/catalogs/shop", json={}).status_code == 200
    return client


def embed(client: TestClient, **stated: Any) -> dict[str, Any]:
    answer = client.post("/v1/embed", json=stated)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_texts_and_pictures_come_back_as_vectors_of_the_encoder_in_order(
    application: Application, client: TestClient
) -> None:
    told = embed(client, texts=TEXTS, images=inline(OTHER, PHOTO))
    encoder = application.encoder
    assert (told["encoder"], told["dimension"]) == ("shoes-v2", encoder.spec.dimension)
    assert np.allclose(told["texts"], encoder.encode_texts(TEXTS), atol=1e-5)
    checked = [application.reception.checker.check(content).content for content in (OTHER, PHOTO)]
    expected = encoder.encode_images([encoder.prepare(content) for content in checked])
    assert np.allclose(told["images"], expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(told["texts"] + told["images"], axis=1), 1, atol=1e-5)
    assert embed(client, texts=["red mug"])["images"] == []
    assert embed(client, images=inline(PHOTO), catalog="shop")["encoder"] == "shoes-v2"


def test_what_is_embedded_by_name_of_a_catalog_is_what_its_build_is_searched_with(
    application: Application, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application.settings, "encoder", "nobody/knows")
    assert embed(client, texts=["red mug"], catalog="shop")["encoder"] == "shoes-v2"


def test_similarity_is_the_cosine_of_each_pair(client: TestClient) -> None:
    word, picture = {"text": "red mug"}, {"image": {"data": base64.b64encode(PHOTO).decode()}}
    answer = client.post("/v1/similarity", json={"pairs": [[word, word], [word, picture], [picture, word]]})
    assert answer.status_code == 200
    told = answer.json()
    vectors = embed(client, texts=["red mug"], images=inline(PHOTO))
    cosine = float(np.dot(vectors["texts"][0], vectors["images"][0]))
    assert told["scores"] == pytest.approx([1.0, cosine, cosine], abs=1e-5)
    assert told["encoder"] == "shoes-v2"


def test_where_the_model_lies_is_nowhere_told(client: TestClient) -> None:
    shown = client.get("/v1/catalogs/shop")
    assert shown.json()["build"]["encoder"] == "shoes-v2"
    assert client.get("/v1/catalogs/shop/builds").json()["builds"][0]["encoder"] == "shoes-v2"


@pytest.mark.parametrize(
    ("path", "stated", "status", "code", "field"),
    [
        ("embed", {}, 422, "no_contents", None),
        ("embed", {"texts": ["a"] * (MAX_CONTENTS + 1)}, 422, "too_many_contents", None),
        ("embed", {"images": [{"url": "https://example.org/a"}] * (MAX_URLS + 1)}, 422, "too_many_urls", None),
        ("embed", {"texts": ["a", " "]}, 422, "empty_text", "texts[1]"),
        ("embed", {"texts": ["a" * 2_001]}, 422, "too_long", "texts[0]"),
        ("embed", {"texts": [1]}, 422, "invalid", "texts.0"),
        ("embed", {"words": ["a"]}, 422, "unknown_field", "words"),
        ("embed", {"images": [{}]}, 422, "bad_image", "images[0]"),
        ("embed", {"images": [{"data": "?"}]}, 422, "bad_base64", "images[0]"),
        ("embed", {"images": inline(PHOTO, b"none")}, 415, "image_format", "images[1]"),
        ("embed", {"images": [{"url": "http://127.0.0.1/a.jpg"}]}, 422, "url_not_allowed", "images[0]"),
        ("embed", {"texts": ["a"], "catalog": "none"}, 404, "unknown_catalog", "catalog"),
        ("embed", {"texts": ["a"], "catalog": "a b"}, 422, "bad_id", "catalog"),
        ("similarity", {"pairs": []}, 422, "no_contents", None),
        ("similarity", {"pairs": [[{"text": "a"}]]}, 422, "invalid", None),
        ("similarity", {"pairs": [[{"text": "a"}, {}]]}, 422, "bad_side", "pairs[0][1]"),
        ("similarity", {"pairs": [[{"text": "a"}, {"image": {}}]]}, 422, "bad_image", "pairs[0][1].image"),
        ("similarity", {"pairs": [[{"text": ""}, {"text": "a"}]]}, 422, "empty_text", "pairs[0][0].text"),
    ],
)
def test_what_cannot_be_embedded_says_why(
    client: TestClient, path: str, stated: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    refused(client.post(f"/v1/{path}", json=stated), status, code, field)


def test_a_picture_whose_server_does_not_answer_is_unavailable(
    application: Application, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> bytes:
        raise FetchFailed("the picture's server answers 503")

    monkeypatch.setattr(application.searcher.encoder.fetcher, "fetch", fail)
    answer = client.post("/v1/embed", json={"images": [{"url": "https://example.org/a.jpg"}]})
    refused(answer, 503, "fetch_failed", "images[0]")


def test_a_picture_behind_a_url_is_fetched(
    application: Application, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application.searcher.encoder.fetcher, "fetch", {"https://example.org/a.jpg": PHOTO}.get)
    told = embed(client, images=[{"url": "https://example.org/a.jpg"}, *inline(PHOTO)])
    assert np.allclose(told["images"][0], told["images"][1], atol=1e-6)
