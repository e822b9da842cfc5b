"""What the page's tests do and look at again and again."""

import base64
import json
import os
import re
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image
from playwright.sync_api import JSHandle, Locator, Page, Route

SEARCHES = re.compile(r"/v1/catalogs/[^/]+/search$")
SETTLED = "#results[aria-busy=false]"
STATE = "#state:visible"


def visit(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(SETTLED).wait_for()


def asked(page: Page, act: Callable[[], Any]) -> dict[str, Any]:
    """Do something and return the body of the search it causes, once its answer is shown."""
    with page.expect_request(SEARCHES) as request:
        act()
    page.locator(SETTLED).wait_for()
    body: dict[str, Any] = json.loads(request.value.post_data or "")
    return body


def type_words(page: Page, words: str) -> dict[str, Any]:
    return asked(page, lambda: page.get_by_label("Search by words").fill(words))


def titles(page: Page) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def chip(page: Page, name: str) -> Locator:
    return page.locator(f".chip[data-attribute={name}]")


def open_chip(page: Page, name: str) -> Locator:
    chip(page, name).locator("button").first.click()
    return page.locator(".popover:popover-open")


def answer_with(page: Page, answer: dict[str, Any], status: int = 200) -> None:
    page.route(SEARCHES, lambda route: route.fulfill(status=status, json=answer))


def held_back(page: Page, routes: list[Route]) -> Route:
    """The first request of those a test holds back: it is routed a moment after the page has sent it."""
    deadline = time.monotonic() + 30
    while not routes and time.monotonic() < deadline:
        page.wait_for_timeout(10)
    return routes[0]


def picture(size: tuple[int, int] = (40, 40), kind: str = "PNG") -> bytes:
    """A picture of noise: nothing compresses it."""
    drawn = BytesIO()
    Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1])).save(drawn, kind)
    return drawn.getvalue()


def choose(page: Page, content: bytes, name: str, kind: str = "image/png") -> None:
    """Choose a file as the picture to search with."""
    page.locator("#picture").set_input_files({"name": name, "mimeType": kind, "buffer": content})


def transfer(page: Page, content: bytes, name: str = "shoe.png", kind: str = "image/png") -> JSHandle:
    """What a drop or a paste of a file carries."""
    return page.evaluate_handle(
        """([data, name, type]) => {
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type }));
            return transfer;
        }""",
        [base64.b64encode(content).decode(), name, kind],
    )
