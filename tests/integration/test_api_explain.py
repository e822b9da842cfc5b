"""Why a search shows a product or not, over HTTP and milvus-lite: every cause there is, and what is refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import a_picture
from tests.integration.refusals import SEARCH, refused
from tests.integration.shops import Shop, at_rest, inline, lines
from tests.integration.test_api_bad_queries import FILTERS, QUERIES

SAID = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A red and a blue mug with pictures, a lamp far from both, and a crowd of as many as a leg is asked for."""
    with at_rest(tmp_path_factory.mktemp("explained")) as shop:
        shop.declare("shop")
        for colour in ("red", "blue"):
            pictures = inline(a_picture(colour))
            attributes = {"colour": colour, "price": 60}
            shop.put("shop", colour, title=f"a {colour} mug", images=pictures, attributes=attributes)
        crowd = [{"product_id": f"crowd{place}", "title": "a mug"} for place in range(110)]
        crowd += [{"product_id": "lamp", "title": "lamp"}, {"product_id": "lost", "title": "a red mug again"}]
        shop.client.post("/v1/catalogs/shop/products:batch", content=lines(*crowd))
        shop.put("shop", "gone")
        shop.work()
        shop.client.delete("/v1/catalogs/shop/products/gone")
        shop.put("shop", "new")
        yield shop


def why(shop: Shop, product_id: str, **query: Any) -> dict[str, Any]:
    answer = shop.client.post(f"/v1/catalogs/shop/products/{product_id}:explain", json={"text": "a red mug", **query})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert (told["product_id"], told["degraded"]) == (product_id, [])
    return told


def test_every_hit_says_where_it_comes_from(shop: Shop) -> None:
    query = {"text": "a red mug", "filter": {"price": {"lt": 70}}, "explain": True}
    for fusion in ("rrf", "weighted"):
        first, second = shop.client.post(SEARCH, json={**query, "fusion": fusion}).json()["hits"]
        assert (first["product_id"], list(first["explain"]["legs"])) == ("red", ["image", "text", "keyword"])
        for hit in (first, second):
            added = 0.0
            for leg in hit["explain"]["legs"].values():
                added += leg["contribution"]
            assert added == hit["score"]
            for name in ("image", "text"):
                leg = hit["explain"]["legs"][name]
                assert leg["exact_score"] == pytest.approx(leg["score"], abs=1e-4)
            assert hit["explain"]["filter"] == [
                {
                    "place": "filter.price.lt",
                    "condition": {"price": {"lt": 70}},
                    "detail": "price is 60, asked: below 70",
                    "value": 60,
                }
            ]
    asked = shop.client.get(SEARCH, params={"q": "a red mug", "explain": "true", "min_score": "0.95"}).json()
    assert [hit["product_id"] for hit in asked["hits"]] == ["red"]
    assert asked["total"]["value"] == 1
    assert "explain" in asked["hits"][0]
    assert "explain" not in shop.client.get(SEARCH, params={"q": "mug"}).json()["hits"][0]


def test_what_is_found_tells_its_rank_and_its_legs(shop: Shop) -> None:
    told = why(shop, "red")
    assert (told["reason"], told["rank"], told["depth"]) == ("found", 1, 100)
    assert told["legs"]["text"]["rank"] == 1
    assert "upload" not in told


def test_what_is_cut_off_tells_by_what(shop: Shop) -> None:
    told = why(shop, "blue", limit=1)
    assert told["reason"] == "cut_off_by_limit"
    assert told["rank"] > 1
    told = why(shop, "blue", min_score=0.6)
    assert told["reason"] == "cut_off_by_min_score"
    assert told["score"] < 0.6


def test_what_is_filtered_out_tells_its_own_value(shop: Shop) -> None:
    told = why(shop, "blue", filter={"colour": "red", "price": {"gte": 10, "lt": 50}})
    assert told["reason"] == "filtered_out"
    assert [(one["place"], one["value"]) for one in told["conditions"]] == [
        ("filter.colour", "blue"),
        ("filter.price.lt", 60),
    ]
    assert told["detail"] == "colour is blue, asked: red; price is 60, asked: below 50"


def test_what_is_not_indexed_shows_its_receipt(shop: Shop) -> None:
    told = why(shop, "new")
    assert (told["reason"], told["upload"]["state"]) == ("not_indexed", "fetched")
    assert told["upload"]["stages"][-1]["at"][:10] in told["detail"]


def test_what_is_gone_or_asked_with_says_so(shop: Shop) -> None:
    assert why(shop, "gone")["reason"] == "deleted"
    assert why(shop, "red", text=None, image={"product_id": "red"})["reason"] == "own_product"
    answer = shop.client.post("/v1/catalogs/shop/products/none:explain", json={"text": "mug"})
    refused(answer, 404, "unknown_product", "product_id")


def test_what_no_leg_brought_tells_its_exact_rank(shop: Shop) -> None:
    told = why(shop, "lamp")
    assert told["reason"] == "beyond_candidates"
    assert told["legs"]["text"]["exact_rank"] > told["depth"] == 100
    told = why(shop, "lost", text="a mug", legs={"keyword": 1})
    assert (told["reason"], told["depth"]) == ("beyond_candidates", 100)
    with shop.application.database.reading() as transaction:
        build = transaction.builds.live("shop")
    assert build is not None
    before = why(shop, "lost")
    shop.application.store.delete(build.texts, ["lost"])
    told = why(shop, "lost")
    assert (before["reason"], told["reason"]) == ("found", "missed_by_the_index")
    # The index still has the deleted mug, which stood before it.
    assert (before["legs"]["text"]["rank"], told["legs"]["text"]["exact_rank"]) == (3, 2)
    assert "rank" not in told["legs"]["text"]


def test_who_asks_while_another_is_answered_is_sent_away(shop: Shop) -> None:
    with shop.application.explainer.turn:
        answer = shop.client.post("/v1/catalogs/shop/products/lamp:explain", json={"text": "a red mug"})
    refused(answer, 503, "explain_busy")
    assert int(answer.headers["retry-after"]) > 0


def test_a_long_filter_is_not_repeated_with_every_hit(shop: Shop) -> None:
    where = {"colour": {"in": ["red", "blue", *(f"colour {number}" * 20 for number in range(400))]}}
    answer = shop.client.post(SEARCH, json={"text": "a red mug", "filter": where, "explain": True})
    for hit in answer.json()["hits"]:
        (condition,) = hit["explain"]["filter"]
        assert (condition["place"], condition["value"]) == ("filter.colour.in", hit["product_id"])
        assert "condition" not in condition
    assert len(answer.content) < 20_000


def test_browsing_tells_the_place(shop: Shop) -> None:
    told = why(shop, "red", text=None, filter={"price": 60}, limit=1)
    assert (told["reason"], told["rank"], told["legs"]) == ("cut_off_by_limit", 2, {})


@pytest.mark.parametrize(("where", "code"), FILTERS)
def test_a_bad_filter_is_refused(untouched: Shop, where: Any, code: str) -> None:
    body = json.dumps({"text": "mug", "filter": where})
    refused(untouched.client.post("/v1/catalogs/shop/products/p:explain", content=body, headers=SAID), 422, code)


@pytest.mark.parametrize(("query", "code", "field"), QUERIES)
def test_a_bad_query_is_refused(untouched: Shop, query: dict[str, Any], code: str, field: str | None) -> None:
    path = "/v1/catalogs/shop/products/p:explain"
    refused(untouched.client.post(path, content=json.dumps(query), headers=SAID), 422, code, field)


def test_an_explanation_is_of_a_whole_query(shop: Shop) -> None:
    cursor = shop.client.get(SEARCH, params={"q": "mug", "limit": 1}).json()["cursor"]
    path = "/v1/catalogs/shop/products/red:explain"
    for stated in ({"cursor": cursor}, {"text": "mug", "cursor": cursor}, {"cursor": "none"}):
        refused(shop.client.post(path, json=stated), 422, "bad_query", "cursor")
