"""Catalogs over the API: declared again, with pictures of products that are gone, and without their index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import a_picture
from tests.integration.refusals import SEARCH, refused
from tests.integration.shops import ATTRIBUTES, Shop, at_rest, inline


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with at_rest(tmp_path) as shop:
        shop.declare("shop", caption=["colour"])
        yield shop


def caption(shop: Shop) -> list[str]:
    told: list[str] = shop.client.get("/v1/catalogs/shop").json()["caption"]
    return told


def test_a_declaration_without_a_caption_keeps_it_and_another_caption_is_refused(shop: Shop) -> None:
    shop.declare("shop")
    assert caption(shop) == ["colour"]
    shop.declare("shop", attributes={**ATTRIBUTES, "season": "keyword"})
    shop.declare("shop", attributes={**ATTRIBUTES, "season": "keyword"}, caption=["colour"])
    for other in ([], ["season"], ["colour", "season"]):
        body = {"attributes": {**ATTRIBUTES, "season": "keyword"}, "caption": other}
        refused(shop.client.put("/v1/catalogs/shop", json=body), 409, "schema_change", "caption")
    without = {name: told for name, told in ATTRIBUTES.items() if name != "colour"} | {"season": "keyword"}
    answer = shop.client.put("/v1/catalogs/shop", json={"attributes": without})
    refused(answer, 409, "schema_change", "attributes.colour")
    assert caption(shop) == ["colour"]


def test_the_picture_of_a_deleted_product_is_no_longer_served(shop: Shop) -> None:
    shop.put("shop", "p", images=inline(a_picture()))
    shop.work()
    url = shop.client.get("/v1/catalogs/shop/products/p").json()["images"][0]["url"]
    assert shop.client.get(url).status_code == 200
    shop.client.delete("/v1/catalogs/shop/products/p")
    refused(shop.client.get(url), 404, "picture_not_found")


@pytest.mark.parametrize("lost", ["images", "texts"])
def test_a_lost_index_is_unavailable_and_uploads_wait(shop: Shop, lost: str) -> None:
    shop.put("shop", "p", images=inline(a_picture()))
    shop.work()
    assert shop.client.get("/health/ready").json()["parts"]["vectors"] == {"status": "ok"}
    with shop.application.database.reading() as transaction:
        build = transaction.builds.live("shop")
    assert build is not None
    collection = getattr(build, lost)
    with shop.application.store.connection.open() as client:  # unlike drop, behind the back of the store
        client.drop_collection(collection)
    gone = {"images": ["image"], "texts": ["text", "keyword"]}[lost]
    answer = shop.client.post(SEARCH, json={"text": "a red mug"})
    assert ([hit["product_id"] for hit in answer.json()["hits"]], answer.json()["degraded"]) == (["p"], gone)
    answer = shop.client.post(SEARCH, json={"text": "a red mug", "legs": dict.fromkeys(gone, 1)})
    refused(answer, 503, "index_lost")
    assert collection not in answer.text
    waiting = shop.put("shop", "q", images=inline(a_picture("blue")))
    shop.work()
    told = shop.receipt(waiting["upload_id"])
    assert (told["state"], told.get("error")) == ("encoded", None)
    ready = shop.client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["parts"]["vectors"]["code"] == "index_lost"
    assert collection not in ready.text
