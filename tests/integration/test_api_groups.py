"""Groups and near-duplicates over HTTP and milvus-lite: by every call that takes them, page after page."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import a_picture
from tests.integration.refusals import SEARCH
from tests.integration.shops import Shop, at_rest, inline, lines

STYLES = 12
EXPLAIN = "/v1/catalogs/shop/products/{}:explain"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Twelve styles of one to four variants, red and blue in turn, and two products without a style or picture."""
    with at_rest(tmp_path_factory.mktemp("groups")) as shop:
        shop.declare("shop")
        products = [
            {
                "product_id": f"s{style:02}-{variant}",
                "title": "a red mug",
                "attributes": {"colour": f"S-{style}", "price": variant},
                "images": inline(a_picture(("red", "blue")[style % 2], size=(20 + variant, 20))),
            }
            for style in range(STYLES)
            for variant in range(1 + style % 4)
        ]
        bare = [{"product_id": f"x{number}", "title": "a red mug"} for number in range(2)]
        assert shop.client.post("/v1/catalogs/shop/products:batch", content=lines(*products, *bare)).is_success
        for _ in range(4):
            shop.work()
        yield shop


def pages(shop: Shop, query: dict[str, Any]) -> list[dict[str, Any]]:
    """The pages of a query, by its cursor alone from the second on; each but the last is full."""
    found = [shop.client.post(SEARCH, json=query).json()]
    while cursor := found[-1].get("cursor"):
        assert len(found[-1]["hits"]) == query["limit"]
        found.append(shop.client.post(SEARCH, json={"cursor": cursor, "limit": query["limit"]}).json())
    return found


@pytest.mark.parametrize("asked", [{}, {"text": "a red mug"}, {"image": {"product_id": "x0"}}])
@pytest.mark.parametrize("limit", [1, 2])
def test_no_page_shows_more_of_a_group_than_was_asked_for(shop: Shop, asked: dict[str, Any], limit: int) -> None:
    found = pages(shop, {**asked, "group": {"by": "colour", "limit": limit}, "limit": 4})
    hits = [hit for page in found for hit in page["hits"]]
    bare = [hit for hit in hits if "group" not in hit]
    sizes = {f"S-{style}": 1 + style % 4 for style in range(STYLES)}
    assert Counter(hit["group"]["value"] for hit in hits if "group" in hit) == {
        value: min(limit, size) for value, size in sizes.items()
    }
    assert all(hit["group"]["size"] == sizes[hit["group"]["value"]] for hit in hits if "group" in hit)
    assert len(bare) == (1 if "image" in asked else 2)
    assert {page["total"]["value"] for page in found} == {len(hits)}
    assert len({hit["product_id"] for hit in hits}) == len(hits)


def test_every_call_takes_groups_and_duplicates(shop: Shop) -> None:
    stated = {"group": {"by": "colour", "limit": 2}, "collapse_duplicates": True, "limit": 100}
    expected = shop.client.post(SEARCH, json={"text": "a red mug", **stated}).json()
    parameters = {"group_by": "colour", "group_limit": 2, "collapse_duplicates": True, "limit": 100}
    by_get = shop.client.get(SEARCH, params={"q": "a red mug", **parameters}).json()
    assert by_get["hits"] == expected["hits"]
    assert Counter(hit.get("duplicates", 0) for hit in expected["hits"])[0] == 2  # those without a picture
    files = {"image": ("x", a_picture("red")), "query": ("", json.dumps(stated))}
    by_picture = shop.client.post(f"{SEARCH}:image", files=files).json()["hits"]
    assert [hit["attributes"].get("colour", "")[:2] for hit in by_picture[:2]] == ["S-", "S-"]
    assert len(by_picture) == 4  # a red one, a blue one, and those without a picture


def test_a_facet_counts_products_and_the_total_hits(shop: Shop) -> None:
    for asked in ({}, {"text": "a red mug"}):
        found = shop.client.post(SEARCH, json={**asked, "group": {"by": "colour"}, "facets": ["price"]}).json()
        assert found["total"]["value"] == STYLES + 2
        assert sum(one["count"] for one in found["facets"]["price"]["buckets"]) == 30


def test_what_is_left_out_says_behind_which(shop: Shop) -> None:
    asked = {"group": {"by": "colour"}}
    told = shop.client.post(EXPLAIN.format("s03-2"), json=asked).json()
    assert (told["reason"], told["behind"]) == ("grouped", "s03-0")
    told = shop.client.post(EXPLAIN.format("s04-0"), json=asked).json()
    assert (told["reason"], told["rank"]) == ("found", 5)
    asked = {"text": "a red mug", "collapse_duplicates": True}
    told = shop.client.post(EXPLAIN.format("s02-2"), json=asked).json()
    assert (told["reason"], told["behind"]) == ("duplicate", "s00-0")
