"""Requests that are refused: how they are sent by every way in, and what their answers have in common."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.integration.shops import Shop, lines

PRODUCT = "/v1/catalogs/shop/products/q"
BATCH = "/v1/catalogs/shop/products:batch"
FORM = "/v1/catalogs/shop/products"
SEARCH = "/v1/catalogs/shop/search"
SECRETS = ("Traceback", "site-packages", "/app/", ".py", "sqlite", "milvus.db", "pytest-of")


def refused(answer: Any, status: int, code: str, field: str | None = None) -> None:
    """The answer is this problem, and tells nothing of us."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert told["request_id"] == answer.headers["x-request-id"]
    if field is not None:
        assert told["field"] == field
    assert not [secret for secret in SECRETS if secret in answer.text]


Sender = Callable[[Shop, dict[str, Any]], Any]


def told(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 207
    return [json.loads(line) for line in answer.text.splitlines()]


def by_put(shop: Shop, product: dict[str, Any]) -> Any:
    body = json.dumps(product).encode()
    return shop.client.put(PRODUCT, content=body, headers={"Content-Type": "application/json"})


def by_form(shop: Shop, product: dict[str, Any]) -> Any:
    return shop.client.post(FORM, files={"product": ("", json.dumps({"product_id": "q", **product}))})


class Line:
    """The answer to a line of a batch, in the shape of an answer."""

    def __init__(self, answer: Any) -> None:
        (line,) = told(answer)
        self.status_code = line["status"]
        self.text = answer.text
        self.headers = {"content-type": "application/problem+json", "x-request-id": "line"}
        self._line = {**line, "request_id": "line"}

    def json(self) -> dict[str, Any]:
        return self._line


def by_batch(shop: Shop, product: dict[str, Any]) -> Any:
    return Line(shop.client.post(BATCH, content=lines({"product_id": "q", **product})))


SENDERS: Sequence[Sender] = (by_put, by_form, by_batch)
