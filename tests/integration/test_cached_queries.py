"""Answers that are kept, over HTTP: a hit says so, and tells its own time; Redis or memory, as the settings say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.adapters.redis_cache import PREFIX
from tests.factories import a_picture
from tests.integration.refusals import SEARCH
from tests.integration.shops import Shop, at_rest, embedded, inline

MUG = {"text": "a red mug", "filter": {"price": {"lt": 10}}, "facets": ["colour"], "limit": 1}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with embedded(tmp_path_factory.mktemp("cached")) as shop:
        shop.declare("shop")
        for name in ("one", "two"):
            shop.put("shop", name, attributes={"price": 1, "colour": "red"}, images=inline(a_picture()))
        shop.idle()
        yield shop


def ask(shop: Shop, **stated: Any) -> dict[str, Any]:
    answer = shop.client.post(SEARCH, json={**MUG, **stated})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def hits(shop: Shop) -> float:
    families = text_string_to_metric_families(shop.client.get("/metrics").text)
    samples = next(one.samples for one in families if one.name == "vitrine_answers")
    return sum(one.value for one in samples if one.name.endswith("_total") and one.labels["by"] == "hit")


def test_a_hit_is_the_same_answer_and_says_that_it_is_one(shop: Shop) -> None:
    first, before = ask(shop), hits(shop)
    again = ask(shop)
    assert (first.pop("cached"), again.pop("cached")) == (False, True)
    took, again_took = first.pop("timings_ms"), again.pop("timings_ms")
    assert "legs" in took
    assert set(again_took) == {"plan", "cache", "total"}
    assert again == first
    assert hits(shop) == before + 1
    assert ask(shop, cursor=again["cursor"])["hits"][0]["product_id"] != first["hits"][0]["product_id"]


def test_every_way_to_ask_finds_what_is_kept(shop: Shop) -> None:
    def asked(method: str, path: str, **stated: Any) -> bool:
        return bool(shop.client.request(method, f"/v1/catalogs/shop{path}", **stated).json()["cached"])

    ways: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/search?q=mug", {}),
        ("GET", "/search", {}),
        ("GET", "/products/one/similar", {}),
        ("POST", "/search:image", {"files": {"image": ("x", a_picture())}}),
        ("POST", "/search", {"json": {"image": inline(a_picture("blue"))[0]}}),
    ]
    assert [asked(method, path, **stated) for method, path, stated in ways] == [False] * len(ways)
    assert [asked(method, path, **stated) for method, path, stated in ways] == [True] * len(ways)


def test_an_accepted_change_and_an_indexed_upload_are_in_the_next_answer(shop: Shop) -> None:
    wide = {"limit": 10}
    before = ask(shop, **wide)["total"]["value"]
    put = shop.put("shop", "three", attributes={"price": 1, "colour": "blue"})
    shop.settled(put)
    assert ask(shop, **wide)["total"]["value"] == before + 1
    assert ask(shop, **wide)["cached"]
    shop.client.delete("/v1/catalogs/shop/products/three")
    assert "three" not in [one["product_id"] for one in ask(shop, **wide)["hits"]]


def test_without_room_nothing_is_kept(tmp_path: Path) -> None:
    with at_rest(tmp_path, cache_mb=0) as shop:
        shop.declare("shop")
        assert [ask(shop)["cached"], ask(shop)["cached"]] == [False, False]


def test_with_a_redis_answers_are_kept_there(redis_url: str, tmp_path: Path) -> None:
    with at_rest(tmp_path, cache_url=redis_url, cache_mb=0) as over_redis:
        over_redis.declare("shop")
        cache = over_redis.application.cached._cache._far  # type: ignore[attr-defined]
        cache._redis.connection_pool.connection_kwargs.update(socket_timeout=10.0)
        assert [ask(over_redis)["cached"], ask(over_redis)["cached"]] == [False, True]
        kept = list(cache._redis.scan_iter(f"{PREFIX}*"))
        assert kept
        for one in kept:
            cache._redis.delete(one)
        assert not ask(over_redis)["cached"]


def test_a_redis_that_is_away_fails_no_search(tmp_path: Path) -> None:
    with at_rest(tmp_path, cache_url="redis://127.0.0.1:1/0", cache_mb=0) as shop:
        shop.declare("shop")
        assert [ask(shop)["cached"], ask(shop)["cached"]] == [False, False]
