"""Words in a shop that is served embedded: what is in no vector is found by its words."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.shops import PATIENCE_S, Shop, embedded

PRODUCTS = {
    "xm4": {"title": "Sony WH-1000XM4 over-ear headphones"},
    "xm3": {"title": "Sony WH-1000XM3 over-ear headphones"},
    "ears": {"title": "Over-ear headphones", "attributes": {"colour": "A4/80"}},
    "dress": {"title": "红色连衣裙 夏季新款"},
    "tea": {"title": "绿茶 礼盒装"},
    "shoe": {"title": "รองเท้าวิ่งผู้ชาย"},
    "fridge": {"title": "Kühlschrank", "attributes": {"care": "Gefrierfach von Müller"}},
}
KEYWORD = {"keyword": 1.0}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with embedded(tmp_path_factory.mktemp("shop")) as shop:
        shop.declare("default")
        shop.settled(*(shop.put("default", name, **stated) for name, stated in PRODUCTS.items()))
        yield shop


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("WH-1000XM4", "xm4"),
        ("wh1000xm3", "xm3"),
        ("sony wh 1000 xm4", "xm4"),
        ("a4 80", "ears"),
        ("连衣", "dress"),
        ("红色", "dress"),
        ("茶", "tea"),
        ("รองเท้า", "shoe"),
        ("KUHLSCHRANK", "fridge"),
        ("müller", "fridge"),
    ],
)
def test_what_has_these_words_is_first(shop: Shop, asked: str, first: str) -> None:
    assert shop.search("default", text=asked)[0] == first
    assert shop.search("default", text=asked, legs=KEYWORD)[0] == first


def test_the_words_obey_the_filter(shop: Shop) -> None:
    assert shop.search("default", text="headphones", legs=KEYWORD, filter={"colour": "A4/80"}) == ["ears"]


def test_words_are_found_after_they_change_and_gone_after_they_went(shop: Shop) -> None:
    shop.settled(shop.put("default", "late", title="Toaster ZX-81"))
    assert shop.search("default", text="zx81", legs=KEYWORD) == ["late"]
    shop.settled(shop.put("default", "late", title="Toaster QL-78"))
    assert shop.search("default", text="zx81", legs=KEYWORD) == []
    assert shop.search("default", text="QL78", legs=KEYWORD) == ["late"]
    shop.settled(shop.client.delete("/v1/catalogs/default/products/late"))
    assert shop.search("default", text="QL78", legs=KEYWORD) == []


def call(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    answer = shop.client.post(f"/v1/catalogs/{path}", json=body)
    assert answer.is_success, answer.text
    return dict(answer.json())


def promote_another(shop: Shop, catalog: str) -> None:
    build = f"{catalog}/builds/{call(shop, f'{catalog}/builds')['id']}"
    until = time.monotonic() + PATIENCE_S
    while shop.client.get(f"/v1/catalogs/{build}").json()["state"] != "ready":
        assert time.monotonic() < until
        time.sleep(0.02)
    call(shop, f"{build}:promote")


def test_a_build_from_before_says_that_it_has_no_words_until_another_is_live(shop: Shop) -> None:
    shop.declare("old")
    store = shop.application.store
    with shop.application.database.reading() as transaction:
        old = transaction.builds.live("old")
    assert old is not None
    store.drop(old.texts)
    store.create(old.texts, dimension=old.encoder.dimension, index=old.index)
    shop.settled(*(shop.put("old", name, **stated) for name, stated in PRODUCTS.items()))

    answer = call(shop, "old/search", text="WH-1000XM4")
    assert answer["degraded"] == ["keyword"]
    assert len(answer["hits"]) == len(PRODUCTS)
    assert call(shop, "old/search")["degraded"] == []
    told = call(shop, "old:reconcile")
    assert (told["rows"], told["missing"], told["stale"], told["repaired"]) == (len(PRODUCTS), 0, 0, 0)

    promote_another(shop, "old")
    answer = call(shop, "old/search", text="WH-1000XM4")
    assert (answer["degraded"], answer["hits"][0]["product_id"]) == ([], "xm4")
