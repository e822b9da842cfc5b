"""The storefront page in a real browser. Override `base_url` to drive it against another server."""

import base64
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.e2e.page_server import search, serve_page

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = api.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

SEARCHES = re.compile(r"/v1/catalogs/[^/]+/search$")
STATE = "#state:visible"


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with serve_page() as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, base_url: str) -> Iterator[Any]:
    """An open page that shows everything; at the end, no script may have failed nor the policy been broken."""
    context = browser.new_context(base_url=base_url, viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(10_000)
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda line: failures.append(line.text) if "Content Security Policy" in line.text else None)
    visit(page, "/")
    yield page
    context.close()
    assert failures == []


def visit(page: Any, address: str) -> None:
    page.goto(address)
    page.locator("#results[aria-busy=false]").wait_for()


def asked(page: Any, act: Callable[[], Any]) -> dict[str, Any]:
    """Do something and return the body of the search it causes, once its answer is shown."""
    with page.expect_request(SEARCHES) as request:
        act()
    page.locator("#results[aria-busy=false]").wait_for()
    return json.loads(request.value.post_data)


def type_words(page: Any, words: str) -> dict[str, Any]:
    return asked(page, lambda: page.get_by_label("Search by words").fill(words))


def titles(page: Any) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def chip(page: Any, name: str) -> Any:
    return page.locator(f".chip[data-attribute={name}]")


def open_chip(page: Any, name: str) -> Any:
    chip(page, name).locator("button").first.click()
    return page.locator(".popover:popover-open")


def answer_with(page: Any, answer: dict[str, Any], status: int = 200) -> None:
    page.route(SEARCHES, lambda route: route.fulfill(status=status, json=answer))


def picture(size: tuple[int, int] = (40, 40), kind: str = "PNG") -> bytes:
    """A picture of noise: nothing compresses it."""
    drawn = BytesIO()
    Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1])).save(drawn, kind)
    return drawn.getvalue()


def transfer(page: Any, content: bytes, name: str = "shoe.png", kind: str = "image/png") -> Any:
    return page.evaluate_handle(
        """([data, name, type]) => {
            const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type }));
            return transfer;
        }""",
        [base64.b64encode(content).decode(), name, kind],
    )


# --- words, answers, states


def test_the_page_opens_with_everything_unranked(page: Any) -> None:
    assert page.locator(".card").count() == 24
    expect(page.get_by_role("status")).to_have_text("24 of 36 products")
    expect(page.locator(".price").first).to_have_text("10.00")
    expect(page.locator(".score")).to_have_count(0)


def test_typed_words_are_searched_and_stand_in_the_address(page: Any) -> None:
    request = type_words(page, "  red mug ")
    assert request == {"limit": 24, "text": "red mug"}
    assert set(titles(page)) == {"Red mug"}
    expect(page.get_by_role("heading", level=1)).to_have_text("“red mug”")
    expect(page.get_by_role("status")).to_have_text("3 products")
    expect(page.locator(".score").first).to_contain_text("0.0164")
    assert page.url.endswith("/?catalog=default&q=red+mug")


def test_show_more_asks_for_more_and_leaves_the_first_cards_alone(page: Any) -> None:
    first = page.locator(".card").first.element_handle()
    request = asked(page, page.get_by_role("button", name="Show more").click)
    assert request == {"limit": 48}
    assert page.locator(".card").count() == 36
    assert first.evaluate("card => card.isConnected")
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_nothing_found_says_so_and_leads_back(page: Any) -> None:
    type_words(page, "aquarium")
    expect(page.locator(STATE)).to_contain_text("Nothing found")
    expect(page.get_by_role("status")).to_have_text("Nothing found")
    assert asked(page, page.get_by_role("button", name="Show everything").click) == {"limit": 24}
    assert page.locator(".card").count() == 24


def test_nothing_passing_the_filters_offers_to_clear_them(page: Any) -> None:
    visit(page, '/?q=mug&filter={"colour":"violet"}')
    expect(page.locator(STATE)).to_contain_text("Nothing matches these filters")
    request = asked(page, page.get_by_role("button", name="Clear the filters").click)
    assert request == {"limit": 24, "text": "mug"}


def test_a_catalog_without_products_says_how_it_fills(page: Any) -> None:
    visit(page, "/?catalog=empty")
    expect(page.locator(STATE)).to_contain_text("This catalog is still empty")


def test_a_service_that_is_down_is_told_calmly_and_can_be_asked_again(page: Any) -> None:
    problem = {"title": "Unavailable", "status": 503, "code": "store_unavailable", "request_id": "req-7"}
    answer_with(page, problem, 503)
    type_words(page, "lamp")
    expect(page.locator(STATE)).to_contain_text("The search is taking a short break")
    expect(page.locator(STATE)).to_contain_text("req-7")
    expect(page.locator(".card")).to_have_count(0)
    page.unroute(SEARCHES)
    assert asked(page, page.get_by_role("button", name="Try again").click)["text"] == "lamp"
    expect(page.locator(STATE)).to_have_count(0)
    assert page.locator(".card").count() == 12


def test_a_refused_search_shows_what_the_service_says(page: Any) -> None:
    answer_with(page, {"title": "Invalid", "status": 422, "code": "bad_filter", "detail": "filter.price is odd"}, 422)
    type_words(page, "lamp")
    expect(page.locator(STATE)).to_contain_text("filter.price is odd")


def test_a_service_that_cannot_be_reached_is_told(page: Any) -> None:
    page.route(SEARCHES, lambda route: route.abort())
    type_words(page, "lamp")
    expect(page.locator(STATE)).to_contain_text("cannot be reached")


def test_an_answer_with_parts_missing_is_shown_with_a_note(page: Any) -> None:
    answer_with(page, search("default", {"limit": 5}) | {"degraded": ["text"]})
    type_words(page, "lamp")
    expect(page.locator("#note")).to_contain_text("some matches may be missing")
    assert page.locator(".card").count() == 5


def test_a_late_answer_never_replaces_a_newer_one(page: Any) -> None:
    held: list[Any] = []
    page.route(SEARCHES, lambda route: held.append(route) if "lamp" in route.request.post_data else route.continue_())
    with page.expect_request(SEARCHES):
        page.get_by_label("Search by words").fill("lamp")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    type_words(page, "chair")
    with suppress(api.Error):  # the page has aborted it already, as it should
        held[0].fulfill(json=search("default", {"text": "lamp", "limit": 24}))
    page.wait_for_timeout(200)
    assert all("chair" in title for title in titles(page))


def test_an_answer_that_comes_while_typing_leaves_the_box_alone(page: Any) -> None:
    held: list[Any] = []
    # playwright marks the handlers it is given, which a built-in method does not allow
    page.route(SEARCHES, lambda route: held.append(route), times=1)  # noqa: PLW0108
    box = page.get_by_label("Search by words")
    with page.expect_request(SEARCHES):
        box.fill("red")
    page.keyboard.type(" mu")
    held[0].fulfill(json=search("default", {"text": "red", "limit": 24}))
    page.wait_for_timeout(100)
    expect(box).to_have_value("red mu")
    assert asked(page, lambda: page.keyboard.type("g"))["text"] == "red mug"


def test_a_hostile_catalogue_is_shown_as_text_and_never_run(page: Any) -> None:
    evil = "<img src=x onerror='window.run=1'><script>window.run=1</script>"
    answer = search("default", {"limit": 2})
    answer["hits"][0] |= {"title": evil, "attributes": {"colour": evil, "price": evil}}
    no_picture = "data:text/html,<script>parent.run=1</script>"
    answer["hits"][1] |= {"images": [], "matched_image": {"position": 0, "url": no_picture}}
    answer["build"] = {"id": evil, "encoder": evil}
    answer_with(page, answer)
    type_words(page, evil)
    assert titles(page)[0] == evil
    expect(page.locator(".facts").first).to_have_text(evil)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"“{evil}”")
    expect(open_chip(page, "colour").get_by_role("option").first).to_have_text(evil)
    expect(page.locator(".missing")).to_have_count(1)
    assert page.evaluate("window.run") is None
    assert page.locator("#main script, [onerror]").count() == 0


# --- pictures


def test_a_dropped_picture_is_sent_as_it_is(page: Any) -> None:
    content = picture()
    handle = transfer(page, content)
    page.dispatch_event("#main", "dragenter", {"dataTransfer": handle})
    expect(page.locator("#drop")).to_be_visible()
    request = asked(page, lambda: page.dispatch_event("#main", "drop", {"dataTransfer": handle}))
    assert base64.b64decode(request["image"]["data"]) == content
    assert request.keys() == {"image", "limit"}
    expect(page.locator("#drop")).to_be_hidden()
    expect(page.locator("#token img")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Like your picture")


def test_a_picture_and_words_are_searched_together_until_the_picture_is_removed(page: Any) -> None:
    content = picture(kind="JPEG")
    file = {"name": "mug.jpg", "mimeType": "image/jpeg", "buffer": content}
    asked(page, lambda: page.locator("#picture").set_input_files(file))
    request = type_words(page, "red")
    assert base64.b64decode(request["image"]["data"]) == content
    assert request["text"] == "red"
    request = asked(page, page.get_by_role("button", name="Remove: mug.jpg").click)
    assert request == {"limit": 24, "text": "red"}


def test_a_pasted_picture_is_searched_with(page: Any) -> None:
    content = picture()
    paste = "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))"
    request = asked(page, lambda: page.evaluate(paste, transfer(page, content)))
    assert base64.b64decode(request["image"]["data"]) == content


def test_a_large_picture_is_made_smaller_before_it_is_sent(page: Any) -> None:
    content = picture((1600, 800))
    assert len(content) > 2_000_000
    file = {"name": "large.png", "mimeType": "image/png", "buffer": content}
    request = asked(page, lambda: page.locator("#picture").set_input_files(file))
    sent = Image.open(BytesIO(base64.b64decode(request["image"]["data"])))
    assert (sent.format, sent.size) == ("JPEG", (1280, 640))


def test_a_file_that_is_no_picture_is_refused_on_the_page(page: Any) -> None:
    page.locator("#picture").set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.locator(STATE)).to_contain_text("“notes.png” is not a picture")
    asked(page, page.get_by_role("button", name="Back to the results").click)
    assert page.locator(".card").count() == 24


def test_more_like_this_searches_with_the_product(page: Any) -> None:
    type_words(page, "blue")
    title = titles(page)[0]
    page.locator(".card").first.hover()
    request = asked(page, page.get_by_role("button", name=f"More like {title}").first.click)
    assert request == {"limit": 24, "image": {"product_id": "p2"}}
    assert page.url.endswith("/?catalog=default&like=p2")
    expect(page.locator("#token")).to_contain_text(title)


# --- filters


def test_a_keyword_chip_filters_by_one_value_then_by_several(page: Any) -> None:
    menu = open_chip(page, "colour")
    assert menu.get_by_role("option").all_inner_texts() == ["blue", "green", "red", "sand"]
    assert asked(page, menu.get_by_role("option", name="red").click)["filter"] == {"colour": "red"}
    request = asked(page, menu.get_by_role("option", name="blue").click)
    assert request["filter"] == {"colour": {"in": ["red", "blue"]}}
    expect(menu.get_by_role("option", selected=True)).to_have_text(["blue", "red"])
    expect(chip(page, "colour")).to_contain_text("Colour: red, blue")
    request = asked(page, page.get_by_role("button", name="Remove the filter Colour").click)
    assert "filter" not in request


def test_a_keyword_that_was_never_seen_can_be_entered(page: Any) -> None:
    menu = open_chip(page, "sizes")
    menu.get_by_role("combobox").fill("XXL")
    expect(menu.get_by_role("option")).to_have_text(["Use “XXL”"])
    assert asked(page, lambda: page.keyboard.press("Enter"))["filter"] == {"sizes": "XXL"}


def test_a_number_chip_filters_by_minimum_and_maximum(page: Any) -> None:
    form = open_chip(page, "price")
    form.get_by_label("Minimum").fill("12.5")
    form.get_by_label("Maximum").fill("10")
    form.get_by_role("button", name="Apply").click()
    expect(form.get_by_role("alert")).to_have_text("The minimum is above the maximum.")
    form.get_by_label("Maximum").fill("50")
    request = asked(page, lambda: form.get_by_label("Maximum").press("Enter"))
    assert request["filter"] == {"price": {"gte": 12.5, "lte": 50}}
    expect(page.locator(".popover:popover-open")).to_have_count(0)
    expect(chip(page, "price")).to_contain_text("Price: 12.5 – 50")
    form = open_chip(page, "price")
    form.get_by_label("Maximum").fill("")
    request = asked(page, form.get_by_role("button", name="Apply").click)
    assert request["filter"] == {"price": {"gte": 12.5}}


def test_a_boolean_chip_filters_by_yes_or_no(page: Any) -> None:
    switch = open_chip(page, "in_stock")
    assert asked(page, switch.get_by_text("Yes").click)["filter"] == {"in_stock": True}
    assert asked(page, switch.get_by_text("No").click)["filter"] == {"in_stock": False}
    assert "filter" not in asked(page, switch.get_by_text("Any").click)


def test_a_datetime_chip_takes_both_days_whole(page: Any) -> None:
    form = open_chip(page, "released")
    form.get_by_label("From").fill("2024-02-01")
    form.get_by_label("To").fill("2024-03-15")
    request = asked(page, form.get_by_role("button", name="Apply").click)
    assert request["filter"] == {"released": {"gte": "2024-02-01T00:00:00Z", "lte": "2024-03-15T23:59:59.999999Z"}}
    assert page.locator(".card").count() == 6


def test_prose_has_no_chip_and_a_condition_without_one_can_be_removed(page: Any) -> None:
    expect(chip(page, "care")).to_have_count(0)
    visit(page, '/?filter={"not":{"colour":"red"},"colour":"blue"}')
    request = asked(page, page.get_by_role("button", name="Remove the filter not").click)
    assert request["filter"] == {"colour": "blue"}
    assert "filter" not in asked(page, page.get_by_role("button", name="Clear all").click)


# --- address, keyboard, windows


def test_a_shared_address_brings_the_same_search(page: Any) -> None:
    address = '/?q=mug&filter={"colour":{"in":["red","blue"]},"price":{"lte":100}}'
    with page.expect_request(SEARCHES) as request:
        visit(page, address)
    expected = {"limit": 24, "text": "mug", "filter": {"colour": {"in": ["red", "blue"]}, "price": {"lte": 100}}}
    assert json.loads(request.value.post_data) == expected
    expect(page.get_by_label("Search by words")).to_have_value("mug")
    expect(chip(page, "price")).to_contain_text("Price: ≤ 100")


def test_back_and_forward_walk_through_the_searches(page: Any) -> None:
    type_words(page, "red")
    type_words(page, "red mug")  # more typing belongs to the same step
    asked(page, open_chip(page, "in_stock").get_by_text("Yes").click)
    assert asked(page, page.go_back) == {"limit": 24, "text": "red mug"}
    assert asked(page, page.go_back) == {"limit": 24}
    expect(page.get_by_label("Search by words")).to_have_value("")
    assert asked(page, page.go_forward)["text"] == "red mug"
    expect(page.get_by_label("Search by words")).to_have_value("red mug")


def test_back_brings_a_dropped_picture_again(page: Any) -> None:
    content = picture()
    dropped = transfer(page, content)
    asked(page, lambda: page.dispatch_event("#main", "drop", {"dataTransfer": dropped}))
    asked(page, page.locator(".similar").first.click)
    assert base64.b64decode(asked(page, page.go_back)["image"]["data"]) == content


def test_the_chosen_catalog_stands_in_the_address(page: Any) -> None:
    page.get_by_label("Catalog").select_option("empty")
    expect(page.locator(STATE)).to_be_visible()
    assert page.url.endswith("/?catalog=empty")
    page.reload()
    expect(page.get_by_label("Catalog")).to_have_value("empty")
    visit(page, "/?catalog=gone")
    expect(page.locator(STATE)).to_contain_text("There is no catalog “gone”")
    asked(page, page.get_by_role("button", name="Open “default”").click)
    assert page.locator(".card").count() == 24


def test_everything_can_be_done_from_the_keyboard(page: Any) -> None:
    keys = page.keyboard
    keys.press("/")
    expect(page.get_by_label("Search by words")).to_be_focused()
    assert asked(page, lambda: keys.type("mug"))["text"] == "mug"
    keys.press("Tab")
    expect(page.locator("#picture")).to_be_focused()
    for _ in ("catalog", "price", "colour"):
        keys.press("Tab")
    opener = chip(page, "colour").locator("button").first
    expect(opener).to_be_focused()
    keys.press("Enter")
    box = page.get_by_role("combobox", name="Find or enter a value of Colour")
    expect(box).to_be_focused()
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    active = page.locator(f"#{box.get_attribute('aria-activedescendant')}")
    expect(active).to_have_text("red")
    assert asked(page, lambda: keys.press("Enter"))["filter"] == {"colour": "red"}
    expect(active).to_have_attribute("aria-selected", "true")
    keys.press("Escape")
    expect(page.locator(".popover:popover-open")).to_have_count(0)
    expect(opener).to_be_focused()
    similar = page.locator(".similar").first
    similar.focus()
    assert "product_id" in asked(page, lambda: keys.press("Enter"))["image"]
    expect(page.locator("#results")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_shows_it_without_scrolling_sideways(page: Any, scheme: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)
    visit(page, '/?q=mug&filter={"colour":{"in":["red","blue"]}}')
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    box = open_chip(page, "price").bounding_box()
    assert (round(box["x"]), round(box["width"]), round(box["y"] + box["height"])) == (0, 360, 740)
