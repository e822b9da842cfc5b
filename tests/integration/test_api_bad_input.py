"""Bad products, patches and declarations: the same rules by every way in, and nothing left behind."""

from typing import Any

import pytest

from tests.integration.refusals import PRODUCT, SENDERS, by_batch, by_form, refused
from tests.integration.shops import Shop

NESTED: Any = []
for _ in range(300):
    NESTED = [NESTED]

PRODUCTS: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
    ("invalid", "title", {}),
    ("invalid", "title", {"title": 1}),
    ("invalid", "title", {"title": None}),
    ("bad_text", "title", {"title": "\ud800"}),
    ("empty_title", "title", {"title": " "}),
    ("bad_text", "title", {"title": "a\0b"}),
    ("too_long", "title", {"title": "x" * 1_000_000}),
    ("too_long", "description", {"description": "x" * 20_001}),
    ("unknown_field", "colour", {"colour": "red"}),
    ("unknown_field", "__proto__", {"__proto__": {}}),
    ("invalid", "attributes", {"attributes": []}),
    ("unknown_attribute", "attributes.__proto__", {"attributes": {"__proto__": 1}}),
    ("unknown_attribute", None, {"attributes": {"\ud800": 1}}),
    ("attribute_type", "attributes.price", {"attributes": {"price": "1"}}),
    ("attribute_type", "attributes.price", {"attributes": {"price": True}}),
    ("attribute_type", "attributes.price", {"attributes": {"price": float("nan")}}),
    ("attribute_type", "attributes.price", {"attributes": {"price": float("inf")}}),
    ("attribute_type", "attributes.price", {"attributes": {"price": 2**63}}),
    ("attribute_type", "attributes.price", {"attributes": {"price": 10**400}}),
    ("attribute_type", "attributes.price", {"attributes": {"price": NESTED}}),
    ("attribute_type", "attributes.colour", {"attributes": {"colour": {"a": 1}}}),
    ("attribute_type", "attributes.in_stock", {"attributes": {"in_stock": 1}}),
    ("attribute_type", "attributes.released", {"attributes": {"released": "yesterday"}}),
    ("attribute_type", "attributes.released", {"attributes": {"released": "9999-12-31T23:59:59-23:00"}}),
    ("bad_text", "attributes.colour", {"attributes": {"colour": "\ud800"}}),
    ("bad_text", "attributes.colour", {"attributes": {"colour": "a\0"}}),
    ("too_long", "attributes.colour", {"attributes": {"colour": "x" * 1_025}}),
    ("invalid", "version", {"version": True}),
    ("invalid", "version", {"version": 1.5}),
    ("invalid", "version", {"version": "1"}),
    ("bad_version", "version", {"version": 0}),
    ("bad_version", "version", {"version": 2**63}),
    ("bad_version", "version", {"version": 10**400}),
    ("invalid", "images", {"images": {}}),
    ("invalid", "images.0", {"images": ["x"]}),
    ("bad_image", "images[0]", {"images": [{}]}),
    ("bad_image", "images[0]", {"images": [{"url": "https://example.org/a", "data": ""}]}),
    ("unknown_field", "images.0.path", {"images": [{"path": "/etc/passwd"}]}),
    ("bad_base64", "images[0]", {"images": [{"data": "?"}]}),
    ("too_many_images", "images", {"images": [{"url": "https://example.org/a"}] * 51}),
)


@pytest.mark.parametrize(("code", "field", "product"), PRODUCTS)
def test_a_bad_product_is_refused_by_every_way_in(
    untouched: Shop, code: str, field: str | None, product: dict[str, Any]
) -> None:
    whole = product if field == "title" else {"title": "t", **product}
    for send in SENDERS:
        refused(send(untouched, whole), 422, code, field)


@pytest.mark.parametrize("product_id", ["", "a b", "x" * 129, "ä", "\0", "a\n"])
def test_a_bad_id_in_a_body_is_refused(untouched: Shop, product_id: str) -> None:
    for send in (by_form, by_batch):
        refused(send(untouched, {"product_id": product_id, "title": "t"}), 422, "bad_id", "product_id")


def test_a_bad_patch_or_declaration_is_refused(untouched: Shop) -> None:
    patch = "/v1/catalogs/shop/products/p"
    for code, field, body in (
        ("unknown_attribute", "attributes.prize", {"attributes": {"prize": None}}),
        ("attribute_type", "attributes.price", {"attributes": {"price": "1"}}),
        ("unknown_field", "title", {"attributes": {}, "title": "t"}),
        ("invalid", "attributes", {}),
    ):
        refused(untouched.client.patch(patch, json=body), 422, code, field)
    refused(untouched.client.patch(f"{patch}x", json={"attributes": {}}), 404, "unknown_product")
    declare = untouched.client.put
    for code, field, body in (
        ("unknown_type", "attributes.a", {"attributes": {"a": "colour"}}),
        ("attribute_name", 'attributes.a"b', {"attributes": {'a"b': "keyword"}}),
        ("unknown_attribute", "caption", {"caption": ["a"]}),
        ("unknown_field", "name", {"name": "new"}),
        ("invalid", "attributes.a", {"attributes": {"a": 1}}),
    ):
        refused(declare("/v1/catalogs/new", json=body), 422, code, field)
    refused(
        declare("/v1/catalogs/shop", json={"attributes": {"price": "keyword"}}),
        409,
        "schema_change",
        "attributes.price",
    )


def test_a_version_that_was_accepted_with_other_content_is_a_conflict(untouched: Shop) -> None:
    other = {"title": "other", "version": 1}
    answer = untouched.client.put("/v1/catalogs/shop/products/p", json=other)
    refused(answer, 409, "version_conflict", "version")


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_bad_idempotency_key_is_refused(untouched: Shop, key: str) -> None:
    answer = untouched.client.put(PRODUCT, json={"title": "t"}, headers={"Idempotency-Key": key})
    refused(answer, 422, "bad_idempotency_key", "Idempotency-Key")


def test_text_that_looks_like_code_is_text(quiet_shop: Shop) -> None:
    quiet_shop.declare("words")
    title = "{{7*7}} ${x} <script> __proto__ '; DROP TABLE uploads; -- 漢字 🙂 \u2028"
    quiet_shop.put("words", "p", title=title, attributes={"colour": title})
    quiet_shop.work()
    assert quiet_shop.search("words", text=title, filter={"colour": title}) == ["p"]
    assert quiet_shop.client.get("/v1/catalogs/words/products/p").json()["title"] == title
