"""Bad filters and queries, by every route that takes them."""

import json
from typing import Any

import pytest

from tests.factories import a_picture
from tests.filtering import TEXTS
from tests.integration.refusals import SEARCH, refused
from tests.integration.shops import Shop


def deep(levels: int) -> dict[str, Any]:
    where: dict[str, Any] = {"price": 1}
    for _ in range(levels):
        where = {"not": where}
    return where


FILTERS: tuple[tuple[Any, str], ...] = (
    ({"prize": 1}, "unknown_attribute"),
    ({"price": {"near": 1}}, "bad_filter"),
    ({"price": {}}, "bad_filter"),
    ({"price": "1"}, "attribute_type"),
    ({"price": True}, "attribute_type"),
    ({"price": None}, "attribute_type"),
    ({"price": [1]}, "attribute_type"),
    ({"price": float("nan")}, "bad_filter"),
    ({"price": {"gte": float("inf")}}, "bad_filter"),
    ({"price": 10**400}, "attribute_type"),
    ({"price": 2**63}, "attribute_type"),
    ({"price": {"gte": 2, "lt": 1}}, "bad_filter"),
    ({"price": {"gt": 1, "gte": 1}}, "bad_filter"),
    ({"released": {"gte": "2021-01-01", "lt": "2020-01-01"}}, "bad_filter"),
    ({"released": {"gte": "2020-01-01T00:00:00-01:00", "lte": "2020-01-01"}}, "bad_filter"),
    ({"price": {"lt": float("nan")}}, "bad_filter"),
    ({"price": {"in": [1, float("nan")]}}, "bad_filter"),
    ({"colour": {"in": ["a"] * 3_000}}, "bad_filter"),
    ({"sizes": {"prefix": "M"}}, "bad_filter"),
    ({"care": {"prefix": "M"}}, "bad_filter"),
    ({"care": {"gt": "M"}}, "bad_filter"),
    ({"in_stock": {"gt": False}}, "bad_filter"),
    ({"sizes": ["M"]}, "attribute_type"),
    ({"colour": "x" * 1_025}, "too_long"),
    ({"colour": {"in": ["x" * 1_025]}}, "too_long"),
    ({"price": {"in": 1}}, "bad_filter"),
    ({"price": {"in": [1] * 3_000}}, "bad_filter"),
    ({"price": {"exists": 1}}, "bad_filter"),
    ({"colour": {"gte": "a"}}, "bad_filter"),
    ({"colour": "\ud800"}, "bad_text"),
    ({"colour": "a\0"}, "bad_text"),
    ({"colour": {"$ne": None}}, "bad_filter"),
    ({"not": []}, "bad_filter"),
    ({"any": {}}, "bad_filter"),
    ({"any": [1]}, "bad_filter"),
    ({"any": [{"price": 1}] * 3_000}, "bad_filter"),
    (deep(100), "bad_filter"),
    ({"in_stock": 1}, "attribute_type"),
    ({"released": "yesterday"}, "attribute_type"),
    ({"\ud800": 1}, "unknown_attribute"),
)


@pytest.mark.parametrize(
    ("facets", "code"),
    [
        (["prize"], "unknown_attribute"),
        (["\ud800"], "unknown_attribute"),
        (["care"], "bad_facet"),
        (["colour"] * 21, "bad_facet"),
    ],
)
def test_bad_facets_are_refused(untouched: Shop, facets: list[str], code: str) -> None:
    body = json.dumps({"facets": facets})
    answer = untouched.client.post(SEARCH, content=body, headers={"Content-Type": "application/json"})
    refused(answer, 422, code)


@pytest.mark.parametrize(("where", "code"), FILTERS)
def test_a_bad_filter_is_refused_by_every_route(untouched: Shop, where: Any, code: str) -> None:
    client, said = untouched.client, {"Content-Type": "application/json"}
    body = json.dumps({"filter": where})
    refused(client.post(SEARCH, content=body, headers=said), 422, code)
    files = {"image": ("", a_picture()), "query": ("", body)}
    refused(client.post(f"{SEARCH}:image", files=files), 422, code)
    if len(body) < 10_000:
        refused(client.get(SEARCH, params={"filter": json.dumps(where)}), 422, code)


@pytest.mark.parametrize("where", ["[]", "1", "null", '"a"', "true"])
def test_a_filter_that_is_no_object_is_refused(untouched: Shop, where: str) -> None:
    refused(untouched.client.get(SEARCH, params={"filter": where}), 422, "bad_filter", "filter")


@pytest.mark.parametrize("where", ["{", "", '{}, "text": "a red mug"', "[" * 10_000])
def test_a_filter_that_is_not_json_cannot_be_read(untouched: Shop, where: str) -> None:
    refused(untouched.client.get(SEARCH, params={"filter": where}), 400, "bad_json")


@pytest.mark.parametrize("levels", [21, 100, 900, 5_000, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [('{"not":', "}"), ('{"any":[', "]}")])
def test_a_filter_that_is_too_deep_is_refused_by_every_route(
    untouched: Shop, levels: int, opened: str, closed: str
) -> None:
    where = opened * levels + "{}" + closed * levels
    client, body = untouched.client, f'{{"filter": {where}}}'
    files = {"image": ("", a_picture()), "query": ("", body)}
    for answer in (
        client.post(SEARCH, content=body, headers={"Content-Type": "application/json"}),
        client.post(f"{SEARCH}:image", files=files),
        *([client.get(SEARCH, params={"filter": where})] if levels < 5_000 else []),
    ):
        # Which of them depends on how deep this Python's own reader goes.
        refused(answer, 422, "bad_filter" if levels < 400 else answer.json()["code"])
        assert answer.json()["code"] in ("bad_filter", "too_deep")


def test_filters_that_are_odd_and_allowed_select_what_they_say(untouched: Shop) -> None:
    for where, expected in (
        ({}, ["p"]),
        ({"colour": {"in": []}}, []),
        ({"any": []}, []),
        ({"colour": 'red" or catalog != "zzz'}, []),
        ({"colour": "漢字'\"\\\n"}, []),
        ({"not": {"colour": {"in": []}}}, ["p"]),
    ):
        assert untouched.search("shop", text="mug", filter=where) == expected
        assert untouched.search("shop", filter=where) == expected


def test_every_text_matches_itself_and_nothing_else(quiet_shop: Shop) -> None:
    quiet_shop.declare("exact")
    for place, text in enumerate(TEXTS):
        quiet_shop.put("exact", f"p{place:02}", attributes={"colour": text, "sizes": [text], "care": text})
    quiet_shop.work()
    for place, text in enumerate(TEXTS):
        for name in ("colour", "sizes", "care"):
            assert quiet_shop.search("exact", filter={name: text}) == [f"p{place:02}"]
            assert quiet_shop.search("exact", text="mug", filter={name: text}) == [f"p{place:02}"]


QUERIES: tuple[tuple[dict[str, Any], str, str | None], ...] = (
    ({"text": ""}, "empty_query", "text"),
    ({"text": " \t"}, "empty_query", "text"),
    ({"text": "x" * 100_000}, "too_long", "text"),
    ({"text": "a\0"}, "bad_text", "text"),
    ({"text": "\ud800"}, "bad_text", "text"),
    ({"text": 1}, "invalid", "text"),
    ({"limit": 0}, "bad_limit", "limit"),
    ({"limit": -1}, "bad_limit", "limit"),
    ({"limit": 101}, "bad_limit", "limit"),
    ({"limit": 10**9}, "bad_limit", "limit"),
    ({"limit": 10**400}, "bad_limit", "limit"),
    ({"limit": True}, "invalid", "limit"),
    ({"limit": "5"}, "invalid", "limit"),
    ({"limit": 1.5}, "invalid", "limit"),
    ({"limit": float("nan")}, "invalid", "limit"),
    ({"legs": {}}, "bad_legs", "legs"),
    ({"legs": {"image": 0, "text": 0}}, "bad_legs", "legs"),
    ({"legs": {"image": -1, "text": 1}}, "bad_legs", "legs"),
    ({"legs": {"image": float("nan")}}, "bad_legs", "legs"),
    ({"legs": {"image": float("inf")}}, "bad_legs", "legs"),
    ({"legs": {"smell": 1}}, "invalid", "legs.smell"),
    ({"legs": {"image": True}}, "invalid", "legs.image"),
    ({"legs": {"image": 10**400}}, "invalid", "legs.image"),
    ({"fusion": "magic"}, "invalid", "fusion"),
    ({"min_score": -1}, "bad_min_score", "min_score"),
    ({"min_score": float("nan")}, "bad_min_score", "min_score"),
    ({"min_score": float("inf")}, "bad_min_score", "min_score"),
    ({"min_score": 10**400}, "invalid", "min_score"),
    ({"min_score": "0.5"}, "invalid", "min_score"),
    ({"min_score": True}, "invalid", "min_score"),
    ({"explain": "yes"}, "invalid", "explain"),
    ({"explain": 1}, "invalid", "explain"),
    ({"group": "colour"}, "invalid", "group"),
    ({"group": {}}, "invalid", "group.by"),
    ({"group": {"by": 1}}, "invalid", "group.by"),
    ({"group": {"by": None}}, "invalid", "group.by"),
    ({"group": {"by": "prize"}}, "unknown_attribute", "group.by"),
    ({"group": {"by": "\ud800"}}, "unknown_attribute", "group.by"),
    ({"group": {"by": "x" * 9_999}}, "unknown_attribute", "group.by"),
    ({"group": {"by": "sizes"}}, "bad_group", "group.by"),
    ({"group": {"by": "care"}}, "bad_group", "group.by"),
    ({"group": {"by": "colour", "limit": 0}}, "bad_group", "group.limit"),
    ({"group": {"by": "colour", "limit": 101}}, "bad_group", "group.limit"),
    ({"group": {"by": "colour", "limit": 10**400}}, "bad_group", "group.limit"),
    ({"group": {"by": "colour", "limit": True}}, "invalid", "group.limit"),
    ({"group": {"by": "colour", "limit": "2"}}, "invalid", "group.limit"),
    ({"group": {"by": "colour", "size": 2}}, "unknown_field", "group.size"),
    ({"text": "mug", "collapse_duplicates": 1}, "invalid", "collapse_duplicates"),
    ({"text": "mug", "collapse_duplicates": "yes"}, "invalid", "collapse_duplicates"),
    ({"filter": []}, "invalid", "filter"),
    ({"image": {}}, "bad_image", "image"),
    ({"image": {"data": "?"}}, "bad_base64", "image.data"),
    ({"image": {"data": "", "product_id": "p"}}, "bad_image", "image"),
    ({"image": {"product_id": "a b"}}, "bad_id", "image.product_id"),
    ({"image": {"path": "/etc/passwd"}}, "unknown_field", "image.path"),
    ({"query": "mug"}, "unknown_field", "query"),
)


@pytest.mark.parametrize(("query", "code", "field"), QUERIES)
def test_a_bad_query_is_refused(untouched: Shop, query: dict[str, Any], code: str, field: str | None) -> None:
    said = {"Content-Type": "application/json"}
    refused(untouched.client.post(SEARCH, content=json.dumps(query), headers=said), 422, code, field)
    if "image" not in query:
        files = {"image": ("", a_picture()), "query": ("", json.dumps(query))}
        refused(untouched.client.post(f"{SEARCH}:image", files=files), 422, code, field)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("q=", 422, "empty_query"),
        ("q=%20", 422, "empty_query"),
        ("q=%00", 422, "bad_text"),
        (f"q={'x' * 50_000}", 422, "too_long"),
        ("limit=0", 422, "bad_limit"),
        ("limit=-1", 422, "bad_limit"),
        ("limit=1000000000", 422, "bad_limit"),
        ("limit=x", 422, "invalid"),
        (f"limit={'9' * 5000}", 422, "invalid"),
        ("min_score=-1", 422, "bad_min_score"),
        ("min_score=nan", 422, "bad_min_score"),
        ("min_score=1e999", 422, "bad_min_score"),
        ("min_score=x", 422, "invalid"),
        ("explain=perhaps", 422, "invalid"),
        ("group_by=sizes", 422, "bad_group"),
        ("group_by=", 422, "unknown_attribute"),
        ("group_by=colour&group_limit=0", 422, "bad_group"),
        ("group_by=colour&group_limit=x", 422, "invalid"),
        ("group_limit=2", 422, "bad_group"),
        ("collapse_duplicates=true", 422, "bad_collapse"),
        ("collapse_duplicates=perhaps", 422, "invalid"),
        ("text=mug", 422, "unknown_field"),
        ("q=a&Q=b", 422, "unknown_field"),
    ],
)
def test_bad_parameters_are_refused(untouched: Shop, query: str, status: int, code: str) -> None:
    refused(untouched.client.get(f"{SEARCH}?{query}"), status, code)


def test_a_query_by_two_pictures_is_refused(untouched: Shop) -> None:
    query = json.dumps({"image": {"product_id": "p"}})
    files = {"image": ("", a_picture()), "query": ("", query)}
    refused(untouched.client.post(f"{SEARCH}:image", files=files), 422, "bad_image", "image")
    refused(untouched.client.post(SEARCH, json={"image": {"product_id": "none"}}), 404, "unknown_product")


def test_a_part_with_a_name_beyond_measure_cannot_be_read(untouched: Shop) -> None:
    files = {"image": ("x" * 5_000, a_picture(), "image/jpeg")}
    refused(untouched.client.post(f"{SEARCH}:image", files=files), 400, "malformed")


def test_bytes_that_are_no_utf8_in_parameters_and_names_break_nothing(untouched: Shop) -> None:
    assert untouched.client.get(f"{SEARCH}?q=%FF%FE").status_code == 200
    assert untouched.client.get(f"{SEARCH}?%FF=1").json()["code"] == "unknown_field"


PRODUCT = "/v1/catalogs/shop/products/p"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SEARCH),
        ("POST", SEARCH),
        ("GET", f"{PRODUCT}/similar"),
        ("GET", PRODUCT),
        ("DELETE", PRODUCT),
        ("GET", "/v1/uploads"),
        ("GET", "/v1/catalogs"),
    ],
)
def test_a_parameter_that_no_route_has_is_not_passed_over(untouched: Shop, method: str, path: str) -> None:
    body = {"json": {}} if method == "POST" else {}
    refused(untouched.client.request(method, path, params={"limt": "5"}, **body), 422, "unknown_field", "limt")


def test_what_a_probe_adds_to_an_address_is_its_own(untouched: Shop) -> None:
    assert untouched.client.get("/health/live", params={"at": "1"}).status_code == 200
