"""A service that is slow, down, or started anew."""

from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.e2e.page.steps import (
    SEARCHES,
    SETTLED,
    STATE,
    answer_with,
    asked,
    chip,
    held_back,
    titles,
    type_words,
    visit,
)
from tests.e2e.page_server import search, serve_page

# The page cancels what it no longer waits for. Here nothing is cancelled, and what the page reads is remembered.
UNCANCELLED = """{
    const { fetch } = window;
    window.fetch = (path, { signal, ...options } = {}) => fetch(path, options);
    const { json } = Response.prototype;
    window.read = [];
    Response.prototype.json = function () {
        window.read.push(json.call(this));
        return window.read.at(-1);
    };
}"""


def test_a_service_that_is_down_is_told_calmly_and_can_be_asked_again(page: Page) -> None:
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


def test_a_service_that_cannot_be_reached_is_told(page: Page) -> None:
    page.route(SEARCHES, lambda route: route.abort())
    type_words(page, "lamp")
    expect(page.locator(STATE)).to_contain_text("cannot be reached")


@pytest.mark.parametrize("cancels", [True, False])
def test_a_late_answer_never_replaces_a_newer_one(page: Page, cancels: bool) -> None:
    held: list[Route] = []
    if not cancels:
        page.add_init_script(UNCANCELLED)
        visit(page, "/")
    page.route(SEARCHES, lambda route: held.append(route) if "lamp" in route.request.post_data else route.continue_())
    with page.expect_request(SEARCHES):
        page.get_by_label("Search by words").fill("lamp")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    type_words(page, "chair")
    with suppress(Error):  # the page may have cancelled it
        held_back(page, held).fulfill(json=search("default", {"text": "lamp", "limit": 24}))
    if not cancels:
        page.wait_for_function("window.read.length === 4")  # catalogs, all products, chairs and, last, lamps
        page.evaluate("Promise.all(window.read).then(() => new Promise(requestAnimationFrame))")
    assert set(titles(page)) == {f"{colour} chair" for colour in ("Red", "Green", "Blue", "Sand")}
    expect(page.get_by_role("status")).to_have_text("12 products")
    expect(page.get_by_role("heading", level=1)).to_have_text("“chair”")


def test_a_service_that_is_started_anew_is_searched_again(page: Page) -> None:
    with serve_page() as url:
        visit(page, f"{url}/?q=mug")
    type_words(page, "lamp")
    expect(page.get_by_role("status")).to_have_text("The search cannot be reached")
    expect(page.locator(".card")).to_have_count(0)
    type_words(page, "chair")
    expect(page.locator(STATE)).to_contain_text("your search is kept")
    with serve_page(port=int(url.rpartition(":")[2])):
        assert asked(page, page.get_by_role("button", name="Try again").click)["text"] == "chair"
        assert page.locator(".card").count() == 12
        expect(page.locator(STATE)).to_have_count(0)
        assert page.evaluate("document.activeElement.id") == "results"


def test_a_page_that_could_not_learn_the_catalogs_asks_again_at_the_next_search(page: Page) -> None:
    page.route("**/v1/catalogs", lambda route: route.abort(), times=1)
    visit(page, '/?q=mug&filter={"colour":"red"}')
    expect(page.locator(STATE)).to_contain_text("The search cannot be reached")
    expect(page.get_by_label("Search by words")).to_have_value("mug")
    assert type_words(page, "lamp") == {"limit": 24, "text": "lamp", "filter": {"colour": "red"}}
    assert set(titles(page)) == {"Red lamp"}
    expect(chip(page, "colour")).to_contain_text("Colour: red")


def test_a_catalog_made_since_is_found_at_the_next_search(page: Page) -> None:
    page.route("**/v1/catalogs", lambda route: route.fulfill(json={"catalogs": []}), times=1)
    visit(page, "/")
    expect(page.locator(STATE)).to_contain_text("There is no catalog yet")
    type_words(page, "mug")
    assert page.locator(".card").count() == 12


def test_loading_shows_what_is_awaited_and_who_listens_is_told_to_wait(page: Page) -> None:
    held: list[Route] = []
    page.route(SEARCHES, lambda route: held.append(route), times=1)  # noqa: PLW0108  as in test_words
    page.goto("/?q=mug")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".skeleton").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("“mug”")
    expect(page.locator("#count")).to_have_text("")
    held_back(page, held).fulfill(json=search("default", {"text": "mug", "limit": 24}))
    page.locator(SETTLED).wait_for()
    expect(page.get_by_role("status")).to_have_text("12 products")
    assert page.locator("#count").get_attribute("aria-live") == "polite"
