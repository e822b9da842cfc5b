"""Words, their answers, and what stands in the address."""

from playwright.sync_api import Page, Route, expect

from tests.e2e.page.steps import (
    SEARCHES,
    SETTLED,
    STATE,
    answer_with,
    asked,
    held_back,
    open_chip,
    titles,
    type_words,
    visit,
)
from tests.e2e.page_server import search

PAUSE_MS = 300  # a little more than the page waits for another key


def test_the_page_opens_with_everything_unranked(page: Page) -> None:
    assert page.locator(".card").count() == 24
    expect(page.get_by_role("status")).to_have_text("24 of 36 products")
    expect(page.locator(".price").first).to_have_text("10.00")
    expect(page.locator(".score")).to_have_count(0)


def test_typed_words_are_searched_and_stand_in_the_address(page: Page) -> None:
    request = type_words(page, "  red mug ")
    assert request == {"limit": 24, "text": "red mug"}
    assert set(titles(page)) == {"Red mug"}
    expect(page.get_by_role("heading", level=1)).to_have_text("“red mug”")
    expect(page.get_by_role("status")).to_have_text("3 products")
    expect(page.locator(".score").first).to_contain_text("0.0164")
    assert page.url.endswith("/?catalog=default&q=red+mug")


def test_show_more_asks_for_more_and_leaves_the_first_cards_alone(page: Page) -> None:
    first = page.locator(".card").first.element_handle()
    request = asked(page, page.get_by_role("button", name="Show more").click)
    assert request == {"limit": 24, "cursor": search("default", {"limit": 24})["cursor"]}
    assert page.locator(".card").count() == 36
    assert first.evaluate("card => card.isConnected")
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_an_answer_too_old_to_go_on_with_begins_again(page: Page) -> None:
    too_old = {"status": 400, "code": "cursor_expired", "detail": "older than an hour"}
    page.route(SEARCHES, lambda route: route.fulfill(status=400, json=too_old), times=1)
    more = page.get_by_role("button", name="Show more")
    with page.expect_request(lambda one: one.post_data_json == {"limit": 24} if one.method == "POST" else False):
        more.click()
    page.locator(SETTLED).wait_for()
    assert page.locator(".card").count() == 24
    expect(page.locator(STATE)).to_have_count(0)


def test_nothing_found_says_so_and_leads_back(page: Page) -> None:
    type_words(page, "aquarium")
    expect(page.locator(STATE)).to_contain_text("Nothing found")
    expect(page.get_by_role("status")).to_have_text("Nothing found")
    assert asked(page, page.get_by_role("button", name="Show everything").click) == {"limit": 24}
    assert page.locator(".card").count() == 24


def test_nothing_passing_the_filters_offers_to_clear_them(page: Page) -> None:
    visit(page, '/?q=mug&filter={"colour":"violet"}')
    expect(page.locator(STATE)).to_contain_text("Nothing matches these filters")
    request = asked(page, page.get_by_role("button", name="Clear the filters").click)
    assert request == {"limit": 24, "text": "mug"}


def test_a_catalog_without_products_says_how_it_fills(page: Page) -> None:
    visit(page, "/?catalog=empty")
    expect(page.locator(STATE)).to_contain_text("This catalog is still empty")


def test_a_refused_search_shows_what_the_service_says(page: Page) -> None:
    answer_with(page, {"title": "Invalid", "status": 422, "code": "bad_filter", "detail": "filter.price is odd"}, 422)
    type_words(page, "lamp")
    expect(page.locator(STATE)).to_contain_text("filter.price is odd")


def test_an_answer_with_parts_missing_is_shown_with_a_note(page: Page) -> None:
    answer_with(page, search("default", {"limit": 5}) | {"degraded": ["text"]})
    type_words(page, "lamp")
    expect(page.locator("#note")).to_contain_text("some matches may be missing")
    assert page.locator(".card").count() == 5


def test_nothing_found_with_parts_missing_says_that_there_may_be_matches(page: Page) -> None:
    answer_with(page, search("default", {"limit": 5}) | {"hits": [], "degraded": ["text"]})
    type_words(page, "lamp")
    expect(page.locator(STATE)).to_contain_text("Nothing found for now")


def test_an_answer_that_comes_while_typing_leaves_the_box_alone(page: Page) -> None:
    held: list[Route] = []
    page.clock.install(time=0)
    visit(page, "/")
    page.clock.pause_at(3_600_000)  # the pause that ends the typing lasts until the test ends it
    # playwright marks the handlers it is given, which a built-in method does not allow
    page.route(SEARCHES, lambda route: held.append(route), times=1)  # noqa: PLW0108
    box = page.get_by_label("Search by words")
    box.fill("red")
    with page.expect_request(SEARCHES):
        page.clock.run_for(PAUSE_MS)
    page.keyboard.type(" mu")
    held_back(page, held).fulfill(json=search("default", {"text": "red", "limit": 24}))
    expect(page.get_by_role("heading", level=1)).to_have_text("“red”")
    expect(box).to_have_value("red mu")
    page.keyboard.type("g")
    assert asked(page, lambda: page.clock.run_for(PAUSE_MS))["text"] == "red mug"


def test_a_hostile_catalogue_is_shown_as_text_and_never_run(page: Page) -> None:
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
