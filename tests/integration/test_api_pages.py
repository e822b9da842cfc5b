"""Pages of an answer over HTTP, by every call that searches; the shop and its builds change between them."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from app.services.seal_cursors import LIFE_S
from tests.factories import a_picture
from tests.fakes.encoders import FakeEncoder
from tests.integration.refusals import refused
from tests.integration.shops import PATIENCE_S, Shop, embedded, inline, lines

COUNT = 30
CHEAP = {"price": {"lt": 1_000}}


class Shelf:
    """A catalog of thirty mugs, and the ways to ask it."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.client, self.name = shop, shop.client, f"c{uuid4().hex[:8]}"
        self.path = f"/v1/catalogs/{self.name}"
        shop.declare(self.name)
        products = [
            {
                "product_id": f"p{number:02}",
                "title": "a mug",
                "attributes": {"price": number},
                "images": inline(a_picture(("red", "blue")[number % 2])),
            }
            for number in range(COUNT)
        ]
        assert shop.client.post(f"{self.path}/products:batch", content=lines(*products)).status_code == 207
        shop.idle()

    def by_get(self, **stated: Any) -> Any:
        return self.client.get(f"{self.path}/search", params={"q": "a mug", **stated})

    def by_cursor_alone(self, **stated: Any) -> Any:
        words = {} if "cursor" in stated else {"q": "a mug"}
        return self.client.get(f"{self.path}/search", params={**words, **stated})

    def by_post(self, **stated: Any) -> Any:
        return self.client.post(f"{self.path}/search", json={"text": "a mug", "filter": CHEAP, **stated})

    def by_picture(self, **stated: Any) -> Any:
        files = {"image": ("x", a_picture("red")), "query": ("", json.dumps(stated))}
        return self.client.post(f"{self.path}/search:image", files=files)

    def by_product(self, **stated: Any) -> Any:
        return self.client.get(f"{self.path}/products/p05/similar", params=stated)

    def by_product_and_filter(self, **stated: Any) -> Any:
        return self.client.get(
            f"{self.path}/products/p05/similar", params={"filter": json.dumps({"price": {"gte": 0}}), **stated}
        )

    def by_browsing(self, **stated: Any) -> Any:
        return self.client.post(f"{self.path}/search", json=stated)

    def build(self, action: str, **stated: Any) -> Any:
        answer = self.client.post(f"{self.path}/builds{action}", json=stated)
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with embedded(tmp_path_factory.mktemp("pages"), others=[FakeEncoder("other", weights="1")]) as opened:
        yield opened


@pytest.fixture
def shelf(shop: Shop) -> Shelf:
    return Shelf(shop)


def ids(page: Any) -> list[str]:
    return [hit["product_id"] for hit in page["hits"]]


WAYS: tuple[Callable[..., Any], ...] = (
    Shelf.by_get,
    Shelf.by_cursor_alone,
    Shelf.by_post,
    Shelf.by_picture,
    Shelf.by_product,
    Shelf.by_product_and_filter,
    Shelf.by_browsing,
)


def test_what_is_like_a_product_may_be_filtered(shelf: Shelf) -> None:
    answer = shelf.client.get(f"{shelf.path}/products/p05/similar", params={"filter": '{"price": {"lt": 8}}'})
    assert sorted(ids(answer.json())) == ["p00", "p01", "p02", "p03", "p04", "p06", "p07"]
    path = f"{shelf.path}/products/p05/similar"
    first = shelf.client.get(path, params={"filter": '{"price": {"lt": 8}}', "limit": 4}).json()
    alone = shelf.client.get(path, params={"limit": 4, "cursor": first["cursor"]}).json()
    assert sorted(ids(first) + ids(alone)) == sorted(ids(answer.json()))
    for other in (
        shelf.client.get(path.replace("p05", "p06"), params={"cursor": first["cursor"]}),
        shelf.client.get(path, params={"filter": '{"price": {"lt": 9}}', "cursor": first["cursor"]}),
    ):
        refused(other, 400, "cursor_mismatch", "cursor")
    unread = shelf.client.get(f"{shelf.path}/products/p05/similar", params={"filter": "{price"})
    refused(unread, 400, "bad_json")


@pytest.mark.parametrize("ask", WAYS)
def test_pages_hold_still_while_products_come_and_go(shelf: Shelf, ask: Callable[..., Any]) -> None:
    whole = ids(ask(shelf, limit=100).json())
    assert len(whole) == COUNT - (ask in {Shelf.by_product, Shelf.by_product_and_filter})
    page = ask(shelf, limit=7).json()
    shown, gone = ids(page), whole[9]
    shelf.shop.settled(shelf.client.delete(f"{shelf.path}/products/{gone}"))
    while "cursor" in page:
        came = shelf.shop.put(shelf.name, f"a{len(shown)}", title="a mug", images=inline(a_picture("red")))
        shelf.shop.settled(came)
        page = ask(shelf, limit=7, cursor=page["cursor"]).json()
        shown += ids(page)
    assert shown == [one for one in whole if one != gone]


def test_pages_go_on_while_a_build_is_promoted_and_theirs_is_let_go_of(shelf: Shelf) -> None:
    whole = ids(shelf.by_get(limit=100).json())
    page = shelf.by_get(limit=8).json()
    first, shown = page["build"], ids(page)
    build = shelf.build("", encoder="other")["id"]
    until = time.monotonic() + PATIENCE_S
    while shelf.client.get(f"{shelf.path}/builds/{build}").json()["state"] != "ready":
        assert time.monotonic() < until
        time.sleep(0.05)
    forced = {"force": True, "reason": "what a check of mugs says is of no matter"}
    for action, stated in ((f"/{build}:promote", forced), (f"/{first['id']}:retire", {})):
        shelf.build(action, **stated)
        page = shelf.by_cursor_alone(limit=8, cursor=page["cursor"]).json()
        assert page["build"] == first
        shown += ids(page)
    assert shown + ids(shelf.by_cursor_alone(limit=100, cursor=page["cursor"]).json()) == whole
    assert shelf.by_get().json()["build"]["id"] == build


def test_a_cursor_that_is_none_is_a_clear_400(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = shelf.by_get(limit=2).json()["cursor"]
    for bad in ("", "x", cursor[:-1], cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), cursor + "A", "é", "\0"):
        for ask in WAYS:
            refused(ask(shelf, cursor=bad), 400, "bad_cursor", "cursor")
    said = {"Content-Type": "application/json"}
    odd = shelf.client.post(f"{shelf.path}/search", content=json.dumps({"cursor": "\ud800"}), headers=said)
    refused(odd, 400, "bad_cursor", "cursor")
    refused(Shelf(shelf.shop).by_get(cursor=cursor), 400, "bad_cursor", "cursor")
    refused(shelf.by_post(cursor=cursor), 400, "cursor_mismatch", "cursor")
    refused(shelf.by_product(cursor=cursor), 400, "cursor_mismatch", "cursor")
    refused(shelf.by_post(cursor=1), 422, "invalid", "cursor")
    refused(shelf.by_cursor_alone(cursor=cursor, limit=0), 422, "bad_limit", "limit")
    later = time.time() + LIFE_S + 60
    monkeypatch.setattr(shelf.shop.application.searcher.cursors, "_clock", lambda: later)
    refused(shelf.by_get(cursor=cursor), 400, "cursor_expired", "cursor")
