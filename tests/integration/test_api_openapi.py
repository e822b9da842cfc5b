"""`/openapi.json` says what is answered: every answer of a walk through all calls is held against it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import update

from app.adapters.postgres.tables import uploads
from tests.factories import a_picture
from tests.integration.refusals import BATCH, FORM, PRODUCT, SEARCH
from tests.integration.shops import ATTRIBUTES, Shop, at_rest, inline, lines

PROBLEM = "application/problem+json"
EMBEDS = ("/v1/embed", "/v1/similarity")


class Described:
    """Looks up what the description says of a call, and keeps what was answered so far."""

    def __init__(self, shop: Shop) -> None:
        self.told: dict[str, Any] = shop.client.get("/openapi.json").json()
        self.seen: set[tuple[str, str, str]] = set()
        _close(self.told)
        templates = sorted(self.told["paths"], key=lambda path: (path.count("{"), -len(path)))
        self._paths = [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in templates]

    def check(self, answer: httpx.Response) -> None:
        """The status, the media type and every member of this answer are described."""
        answer.read()
        path = next(path for pattern, path in self._paths if pattern.fullmatch(answer.request.url.path))
        method, status = answer.request.method.lower(), str(answer.status_code)
        self.seen.add((method, path, status))
        described = self.told["paths"][path][method]["responses"][status]["content"]
        media_type = answer.headers["content-type"].partition(";")[0]
        schema = described[media_type].get("itemSchema") or described[media_type]["schema"]
        if media_type.endswith("json"):
            for document in answer.text.splitlines() if "itemSchema" in described[media_type] else [answer.text]:
                validator = Draft202012Validator({**schema, "components": self.told["components"]})
                validator.validate(json.loads(document))


def _close(schema: Any) -> None:
    """Members that are not described are not allowed."""
    if isinstance(schema, dict):
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with at_rest(tmp_path_factory.mktemp("described")) as shop:
        yield shop


@pytest.fixture(scope="module")
def described(shop: Shop) -> Described:
    """The description, and every call made once well and once badly."""
    described = Described(shop)
    shop.client.event_hooks["response"] = [described.check]
    _walk(shop)
    shop.client.event_hooks["response"] = []
    return described


def _walk(shop: Shop) -> None:
    call = shop.client.request
    call("PUT", "/v1/catalogs/shop", json={"attributes": ATTRIBUTES, "caption": ["colour"]})
    call("PUT", "/v1/catalogs/shop", json={"attributes": {}})
    whole = {"price": 1.5, "colour": "red", "in_stock": True, "sizes": ["S"], "released": "2026-01-01"}
    images = [*inline(a_picture()), {"url": "http://shop.invalid/none.jpg"}]
    fields: dict[str, Any] = {"title": "t", "attributes": whole, "images": images}
    accepted = call("PUT", PRODUCT, json=fields, headers={"Idempotency-Key": "k"}).json()
    call("PUT", PRODUCT, json={"title": "other"}, headers={"Idempotency-Key": "k"})
    call("PUT", PRODUCT, json={"title": "t", "images": inline(b"no picture")})
    shop.work()
    call("GET", f"/v1/uploads/{accepted['upload_id']}")
    call("PATCH", "/v1/catalogs/shop/products/none", json={"attributes": {"price": 2}})
    stated = b'{"product_id": "f", "title": "t", "images": [{"upload": "one"}]}'
    call("POST", FORM, files={"product": ("", stated), "one": ("x", a_picture("blue"))})
    call("POST", FORM, files={"other": ("", b"")})
    call("POST", BATCH, content=lines({"product_id": "b", "title": "a red mug"}, {"product_id": "b"}))
    call("POST", BATCH, content=b"")
    shop.work()
    _look(shop, accepted["upload_id"])
    _build(shop)
    call("PATCH", PRODUCT, json={"attributes": {"price": 2}})
    call("DELETE", PRODUCT)
    call("DELETE", PRODUCT, params={"version": 0})


def _keep_queries(shop: Shop) -> None:
    """So that the build that is started next is asked them."""
    call, queries = shop.client.request, "/v1/catalogs/shop/queries"
    call("GET", "/v1/catalogs/shop/search?q=mug")
    shop.application.searcher.recorder.write()
    call("PUT", f"{queries}/judged", json={"queries": [{"text": "red", "products": {"f": 1, "none": 0.5}}]})
    call("PUT", f"{queries}/judged", json={"queries": [{"text": "red", "products": {}}]})
    call("PUT", f"{queries}/judged", json={"queries": [{"text": "red", "products": {"f": True}}]})
    call("PUT", f"{queries}/judged", json={"queries": [{"text": " ", "products": {"f": 1}}]})
    call("PUT", "/v1/catalogs/none/queries/judged", json={"queries": []})
    for catalog in ("shop", "none"):
        call("GET", f"/v1/catalogs/{catalog}/queries")
        call("POST", f"/v1/catalogs/{catalog}/queries:forget")
    call("GET", "/v1/catalogs/shop/search?q=mug")
    shop.application.searcher.recorder.write()


def _look(shop: Shop, upload_id: str) -> None:
    call = shop.client.request
    for path in ("/v1/catalogs", "/v1/uploads", "/health/live", "/health/ready", "/metrics"):
        call("GET", path)
    similar = "/products/b/similar"
    paged = ("/search?q=mug&limit=1", "/search?cursor=none", f"{similar}?cursor=none")
    for path in ("", "/builds", "/products/b", "/search", "/search?q=mug", similar, *paged):
        call("GET", f"/v1/catalogs/shop{path}")
        call("GET", f"/v1/catalogs/none{path}")
    call("GET", call("GET", "/v1/catalogs/shop/products/f").json()["images"][0]["url"])
    call("GET", f"/v1/catalogs/shop/pictures/{'0' * 64}")
    call("POST", f"/v1/uploads/{upload_id}:retry")
    writer = shop.application.database.engine.execution_options(vitrine_writes=True)
    with writer.begin() as connection:  # as if a worker had buried it
        dead = {"state": "dead", "error_code": "bad_vector", "error_detail": "not a number"}
        connection.execute(update(uploads).where(uploads.c.id == upload_id).values(**dead))
    call("GET", f"/v1/uploads/{upload_id}")
    call("POST", f"/v1/uploads/{upload_id}:retry")
    call("GET", "/v1/uploads/none")
    call("POST", SEARCH, json={"text": "mug", "image": inline(a_picture())[0]})
    call("POST", SEARCH, json={"text": "mug", "filter": {"not": {"price": 2}}, "explain": True, "min_score": 0.01})
    call("POST", SEARCH, json={"group": {"by": "colour"}})
    call("POST", SEARCH, json={"text": "mug", "group": {"by": "price"}, "collapse_duplicates": True})
    call("GET", f"{SEARCH}?q=mug&group_by=colour&group_limit=2&collapse_duplicates=true")
    for product_id in ("f", "b", "none"):
        stated = {"text": "mug", "filter": {"not": {"colour": "red"}}, "limit": 1}
        call("POST", f"/v1/catalogs/shop/products/{product_id}:explain", json=stated)
    call("POST", "/v1/catalogs/shop/products/q:explain", json={"text": "mug", "filter": {"any": [{"price": 2}]}})
    call("POST", SEARCH, content=b"{", headers={"Content-Type": "application/json"})
    call("POST", f"{SEARCH}:image", files={"image": ("x", a_picture())})
    call("POST", "/v1/embed", json={"texts": ["a red mug"], "images": inline(a_picture()), "catalog": "shop"})
    call("POST", "/v1/embed", json={"texts": ["a"], "catalog": "none"})
    call("POST", "/v1/similarity", json={"pairs": [[{"text": "red"}, {"image": inline(a_picture())[0]}]]})
    call("POST", "/v1/similarity", json={"pairs": []})
    call("PUT", "/v1/catalogs/stolen", json={}, headers={"Origin": "https://evil.example"})


def _build(shop: Shop) -> None:
    call = shop.client.request
    builds = "/v1/catalogs/shop/builds"
    live = call("GET", builds).json()["builds"][0]["id"]
    call("POST", builds, json={"index": "none"})
    build = call("POST", builds, json={"dry_run": True}).json()["id"]
    shop.build()
    call("GET", f"{builds}/{build}")
    build = call("POST", builds, json={"rate": 0}).json()["id"]
    call("POST", builds, json={})
    call("POST", f"{builds}/{build}:promote", json={})
    shop.build()
    call("GET", f"{builds}/{build}")
    call("POST", f"{builds}/{build}:throttle", json={"rate": None})
    call("POST", f"{builds}/{build}:throttle", json={})
    shop.build()
    call("GET", f"{builds}/{build}")
    call("POST", f"{builds}/{build}:abort", json={})
    for path in (build, live, "none"):
        call("GET", f"{builds}/{path}")
    _keep_queries(shop)
    build = call("POST", builds, json={}).json()["id"]
    call("POST", f"{builds}/{build}:check")
    shop.build()
    call("POST", f"{builds}/{build}:check")
    call("POST", f"{builds}/{build}:check")
    shop.build()
    call("GET", f"{builds}/{build}")
    for action in ("promote", "rollback", "promote", "promote"):
        told = call("GET", builds).json()["builds"]
        (answers,) = [one["id"] for one in told if one["state"] == "live"]
        call("POST", f"{builds}/{answers if action == 'rollback' else build}:{action}")
    call("POST", f"{builds}/{live}:retire")
    call("POST", f"{builds}/{live}:retire")
    call("POST", f"{builds}/{live}:tune")
    call("POST", f"{builds}/{build}:tune", json={"compare": ["FLAT", "IVF_PQ"], "recall": 0.9})
    call("POST", f"{builds}/{build}:tune", json={"recall": 0})
    call("POST", f"{builds}/{build}:untune")
    shop.build()
    call("POST", f"{builds}/{build}:tune", json={"recall": 0.9})
    shop.build()
    call("GET", f"{builds}/{build}")
    call("POST", f"{builds}/{build}:untune")
    call("POST", f"{builds}/none:untune")
    call("POST", "/v1/catalogs/shop:reconcile")
    call("POST", "/v1/catalogs/shop:reconcile", json={"dry_run": 1})
    call("POST", "/v1/catalogs/none:reconcile", json={"dry_run": True})


def test_every_call_was_made_and_answered_as_it_is_described(described: Described) -> None:
    calls = {(method, path) for path, some in described.told["paths"].items() for method in some}
    succeeded = {(method, path) for method, path, status in described.seen if status.startswith("2")}
    assert calls == succeeded


def test_every_call_tells_one_success_and_its_problems(described: Described) -> None:
    for path, operations in described.told["paths"].items():
        for method, told in operations.items():
            responses = told["responses"]
            assert len([status for status in responses if status.startswith("2")]) == 1, (method, path)
            for status, response in responses.items():
                if status >= "400" and not path.startswith("/health"):
                    assert list(response["content"]) == [PROBLEM], (method, path, status)
            makes = (method, path) == ("put", "/v1/catalogs/{catalog}")
            assert ("404" in responses) == (path in EMBEDS or ("{" in path and not makes)), (method, path)


def test_statuses_bodies_and_headers_are_the_true_ones(described: Described) -> None:
    paths = described.told["paths"]
    product = paths["/v1/catalogs/{catalog}/products/{product_id}"]
    for method in ("put", "patch", "delete"):
        assert "202" in product[method]["responses"]
        assert "Idempotency-Key" in [one["name"] for one in product[method]["parameters"]]
    form = paths["/v1/catalogs/{catalog}/products"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["required"] == ["product"]
    batch = paths["/v1/catalogs/{catalog}/products:batch"]["post"]
    assert batch["requestBody"]["content"]["application/x-ndjson"]["itemSchema"]["anyOf"]
    assert list(batch["responses"]["207"]["content"]) == ["application/x-ndjson"]
    assert "HTTPValidationError" not in described.told["components"]["schemas"]


def test_every_reference_leads_somewhere(described: Described) -> None:
    text = json.dumps(described.told)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named <= set(described.told["components"]["schemas"])
    assert named >= {"Problem", "NamedProductIn", "Receipt", "ProductDocument", "AcceptedLine"}
