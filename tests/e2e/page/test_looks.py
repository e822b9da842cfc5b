"""What the page looks like: light and dark, wide and narrow."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.page.steps import SEARCHES, STATE, answer_with, open_chip, type_words, visit
from tests.e2e.page_server import search

UNREADABLE = (Path(__file__).parent / "unreadable.js").read_text()
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@SCHEMES
@pytest.mark.parametrize("width", [1280, 390])
def test_all_text_can_be_read_in_every_state(page: Page, scheme: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    answer = search("default", {"text": "mug", "limit": 24})
    answer["hits"][0] |= {"images": [], "matched_image": None}
    answer_with(page, answer | {"degraded": ["text"]})
    visit(page, '/?q=mug&filter={"colour":"red"}')
    expect(page.locator(".missing")).to_be_visible()
    assert page.evaluate(UNREADABLE) == []
    for name in ("colour", "price", "in_stock"):
        expect(open_chip(page, name)).to_be_visible()
        assert page.evaluate(UNREADABLE) == []
        page.keyboard.press("Escape")
    answer_with(page, {"title": "Unavailable", "status": 503, "code": "down", "request_id": "req-7"}, 503)
    type_words(page, "lamp")
    expect(page.locator(STATE)).to_contain_text("req-7")
    assert page.evaluate(UNREADABLE) == []
    page.unroute(SEARCHES)
    visit(page, "/?catalog=empty")
    expect(page.locator(STATE)).to_be_visible()
    assert page.evaluate(UNREADABLE) == []


def test_a_product_without_a_picture_stays_dark_in_the_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    answer = search("default", {"limit": 1})
    answer["hits"][0] |= {"images": [], "matched_image": None}
    answer_with(page, answer)
    visit(page, "/")
    ground = "one => getComputedStyle(one).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(page.locator(".tile").evaluate(ground)) < 64


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_shows_it_without_scrolling_sideways(page: Page, scheme: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)
    visit(page, '/?q=mug&filter={"colour":{"in":["red","blue"]}}')
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    box = open_chip(page, "price").bounding_box()
    assert (round(box["x"]), round(box["width"]), round(box["y"] + box["height"])) == (0, 360, 740)
