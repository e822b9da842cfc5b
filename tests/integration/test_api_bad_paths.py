"""Bad paths and parameters: unknown names, ids that are none, methods that there are not."""

from typing import Any

import pytest

from tests.factories import a_picture
from tests.integration.refusals import PRODUCT, SEARCH, refused
from tests.integration.shops import Shop

ROUTES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PUT", "/v1/catalogs/{c}/products/{p}", {"json": {"title": "t"}}),
    ("PATCH", "/v1/catalogs/{c}/products/{p}", {"json": {"attributes": {}}}),
    ("DELETE", "/v1/catalogs/{c}/products/{p}", {}),
    ("GET", "/v1/catalogs/{c}/products/{p}", {}),
    ("GET", "/v1/catalogs/{c}/products/{p}/similar", {}),
    ("POST", "/v1/catalogs/{c}/products", {"files": {"product": ("", b'{"product_id": "q", "title": "t"}')}}),
    ("POST", "/v1/catalogs/{c}/products:batch", {"content": b'{"product_id": "q", "title": "t"}'}),
    ("GET", "/v1/catalogs/{c}/search", {}),
    ("POST", "/v1/catalogs/{c}/search", {"json": {}}),
    ("POST", "/v1/catalogs/{c}/search:image", {"files": {"image": ("", a_picture())}}),
    ("POST", "/v1/catalogs/{c}/products/{p}:explain", {"json": {}}),
    ("GET", "/v1/catalogs/{c}", {}),
    ("GET", "/v1/catalogs/{c}/builds", {}),
    ("POST", "/v1/catalogs/{c}/builds", {"json": {}}),
    ("GET", "/v1/catalogs/{c}/builds/{b}", {}),
    ("POST", "/v1/catalogs/{c}/builds/{b}:promote", {}),
    ("POST", "/v1/catalogs/{c}/builds/{b}:rollback", {}),
    ("POST", "/v1/catalogs/{c}/builds/{b}:abort", {}),
    ("POST", "/v1/catalogs/{c}/builds/{b}:retire", {}),
    ("POST", "/v1/catalogs/{c}/builds/{b}:untune", {}),
    ("POST", "/v1/catalogs/{c}/builds/{b}:throttle", {"json": {"rate": 1}}),
)
BAD_IDS = (
    "%00",
    "a%00b",
    "%C3%A4",
    "a%20b",
    "%F0%9F%92%A5",
    "x" * 129,
    "%FF",
    "a%0Ab",
    "..%5C..",
    "%7B%7B7*7%7D%7D",
    "'",
)


@pytest.mark.parametrize(("method", "path", "request_"), ROUTES)
def test_an_unknown_catalog_is_not_found(untouched: Shop, method: str, path: str, request_: dict[str, Any]) -> None:
    answer = untouched.client.request(method, path.format(c="none", p="p", b="b"), **request_)
    refused(answer, 404, "unknown_catalog", "catalog")
    assert "PUT /v1/catalogs/none" in answer.json()["detail"]


def test_an_unknown_build_is_not_found(untouched: Shop) -> None:
    for method, path, request_ in ROUTES:
        if "{b}" in path:
            answer = untouched.client.request(method, path.format(c="shop", b="none"), **request_)
            refused(answer, 404, "unknown_build", "build")


@pytest.mark.parametrize("bad", BAD_IDS)
def test_a_bad_id_is_refused_wherever_it_stands_in_a_path(untouched: Shop, bad: str) -> None:
    for method, path, request_ in (*ROUTES, ("PUT", "/v1/catalogs/{c}", {"json": {}})):
        refused(
            untouched.client.request(method, path.format(c=bad, p="p", b="b"), **request_), 422, "bad_id", "catalog"
        )
        for place, name in (("{p}", "product_id"), ("{b}", "build")):
            if place in path:
                answer = untouched.client.request(method, path.format(c="shop", p=bad, b=bad), **request_)
                refused(answer, 422, "bad_id", name)
    refused(untouched.client.get(f"/v1/catalogs/shop/pictures/{bad}"), 422, "bad_id", "picture")
    refused(untouched.client.get(f"/v1/uploads/{bad}"), 422, "bad_id", "upload_id")
    refused(untouched.client.post(f"/v1/uploads/{bad}:retry"), 422, "bad_id", "upload_id")
    for name in ("catalog", "after", "ids"):
        refused(untouched.client.get(f"/v1/uploads?{name}={bad}"), 422, "bad_id", name)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/catalogs/shop/products/none", 404, "unknown_product"),
        ("DELETE", "/v1/catalogs/shop/products/none", 404, "unknown_product"),
        ("GET", "/v1/catalogs/shop/products/none/similar", 404, "unknown_product"),
        ("GET", "/v1/catalogs/shop/products/p/similar?limit=0", 422, "bad_limit"),
        ("GET", f"/v1/catalogs/shop/pictures/{'0' * 64}", 404, "picture_not_found"),
        ("GET", "/v1/catalogs/shop/pictures/..%2F..%2Flock", 404, "not_found"),
        ("GET", "/v1/catalogs/a%2Fb", 404, "not_found"),
        ("GET", "/v1/uploads/none", 404, "unknown_upload"),
        ("POST", "/v1/uploads/none:retry", 404, "unknown_upload"),
        ("GET", "/v1/uploads?state=lost", 422, "invalid"),
        ("GET", "/v1/uploads?limit=0", 422, "invalid"),
        ("GET", "/v1/uploads?limit=1000000000", 422, "invalid"),
        ("GET", f"/v1/uploads?ids={','.join(['a'] * 201)}", 422, "too_many_ids"),
        ("DELETE", "/v1/catalogs/shop/products/p?version=0", 422, "bad_version"),
        ("DELETE", f"/v1/catalogs/shop/products/p?version={2**63}", 422, "bad_version"),
        ("DELETE", f"/v1/catalogs/shop/products/p?version={'9' * 5000}", 422, "invalid"),
        ("DELETE", "/v1/catalogs/shop/products/p?version=true", 422, "invalid"),
        ("GET", "/v1/none", 404, "not_found"),
        ("GET", "/assets/..%2Fmain.py", 404, "not_found"),
    ],
)
def test_what_is_not_there_or_not_so_says_so(untouched: Shop, method: str, path: str, status: int, code: str) -> None:
    refused(untouched.client.request(method, path), status, code)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PRODUCT), ("DELETE", SEARCH), ("PUT", "/v1/uploads"), ("POST", "/health/live")]
)
def test_a_method_that_is_none_says_which_there_are(untouched: Shop, method: str, path: str) -> None:
    answer = untouched.client.request(method, path)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]
