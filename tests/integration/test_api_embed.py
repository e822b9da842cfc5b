"""Vectors and cosines over the API, with a small model whose directory nobody is told of."""

import base64
import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
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
    application: Application, client: TestClient
) -> None:
    embedder = replace(application.embedder, configured=str(application.settings.data / "nobody-knows"))
    other = TestClient(create_app(replace(application, embedder=embedder)), raise_server_exceptions=False)
    assert embed(other, texts=["red mug"], catalog="shop") == embed(client, texts=["red mug"], catalog="shop")
    refused(other.post("/v1/embed", json={"texts": ["red mug"]}), 503, "encoder_not_found")


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


def lost(model: Path) -> None:
    shutil.rmtree(model)


def unreadable(model: Path) -> None:
    (model / "config.json").write_text("not json")


def without_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()


def broken_weights(model: Path) -> None:
    (model / "model.safetensors").write_text("not safetensors")


def another_tokenizer(model: Path) -> None:
    (model / "added_tokens.json").write_text("{}")


GONE, REFUSED, CHANGED = "encoder_not_found", "encoder_refused", "fingerprint_mismatch"


@pytest.mark.parametrize(
    ("damage", "codes"),
    [
        (lost, {"embedding": GONE, "declaring": GONE, "searching": GONE, "ready": GONE}),
        (unreadable, {"embedding": REFUSED, "declaring": REFUSED, "searching": REFUSED, "ready": REFUSED}),
        (without_weights, {"embedding": REFUSED, "declaring": REFUSED, "searching": REFUSED, "ready": REFUSED}),
        (broken_weights, {"embedding": REFUSED, "searching": CHANGED, "ready": CHANGED}),
        (another_tokenizer, {"searching": CHANGED, "ready": CHANGED}),
    ],
)
def test_where_the_model_lies_is_told_by_no_error_and_by_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], codes: dict[str, str]
) -> None:
    model = write_clip(tmp_path / "secret" / "shoes-v2")
    settings = Settings(data=tmp_path / "data", encoder=str(model))
    with contextlib.closing(open_application(settings)) as application:
        upgrade(application.database.engine)
        assert TestClient(create_app(application)).put("/v1/catalogs/shop", json={}).status_code == 200
    damage(model)
    with contextlib.closing(open_application(settings)) as application:
        client = TestClient(create_app(application), raise_server_exceptions=False)
        answers = {
            "embedding": client.post("/v1/embed", json={"texts": ["red mug"]}),
            "declaring": client.put("/v1/catalogs/other", json={}),
            "searching": client.get("/v1/catalogs/shop/search", params={"q": "red mug"}),
            "ready": client.get("/health/ready"),
        }
    for name, answer in answers.items():
        told = answer.json()["parts"]["encoder"] if name == "ready" else answer.json()
        assert (name, told.get("code")) == (name, codes.get(name))
        assert name not in codes or "shoes-v2" in told["detail"]
        assert not [word for word in ("secret", str(tmp_path), "JSON", "header") if word in answer.text]
    logged = [str(getattr(record, "detail", "")) for record in caplog.records]
    assert [line for line in logged if str(model) in line]


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

    monkeypatch.setattr(application.embedder.fetcher, "fetch", fail)
    answer = client.post("/v1/embed", json={"images": [{"url": "https://example.org/a.jpg"}]})
    refused(answer, 503, "fetch_failed", "images[0]")


def test_a_picture_behind_a_url_is_fetched(
    application: Application, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application.embedder.fetcher, "fetch", {"https://example.org/a.jpg": PHOTO}.get)
    told = embed(client, images=[{"url": "https://example.org/a.jpg"}, *inline(PHOTO)])
    assert np.allclose(told["images"][0], told["images"][1], atol=1e-6)


def test_as_many_pictures_as_a_request_may_name_by_url_are_fetched_side_by_side_and_stay_in_order(
    application: Application, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_together = threading.Barrier(MAX_URLS, timeout=8.0)  # a loaded machine is slow
    photos = {f"https://example.org/{place}.jpg": photo(40, 40, seed=place) for place in range(MAX_URLS)}

    def fetch(url: str) -> bytes:
        asked_together.wait()
        return photos[url]

    monkeypatch.setattr(application.embedder.fetcher, "fetch", fetch)
    told = embed(client, images=[{"url": url} for url in photos])
    assert np.allclose(told["images"], embed(client, images=inline(*photos.values()))["images"], atol=1e-6)
