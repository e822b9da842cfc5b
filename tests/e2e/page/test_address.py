"""The address, the history, and the catalog."""

import base64
import json

from playwright.sync_api import Page, expect

from tests.e2e.page.steps import SEARCHES, STATE, asked, chip, open_chip, picture, transfer, type_words, visit


def test_a_shared_address_brings_the_same_search(page: Page) -> None:
    address = '/?q=mug&filter={"colour":{"in":["red","blue"]},"price":{"lte":100}}'
    with page.expect_request(SEARCHES) as request:
        visit(page, address)
    expected = {"limit": 24, "text": "mug", "filter": {"colour": {"in": ["red", "blue"]}, "price": {"lte": 100}}}
    assert json.loads(request.value.post_data) == expected
    expect(page.get_by_label("Search by words")).to_have_value("mug")
    expect(chip(page, "price")).to_contain_text("Price: ≤ 100")


def test_back_and_forward_walk_through_the_searches(page: Page) -> None:
    type_words(page, "red")
    type_words(page, "red mug")  # more typing belongs to the same step
    asked(page, open_chip(page, "in_stock").get_by_text("Yes").click)
    assert asked(page, page.go_back) == {"limit": 24, "text": "red mug"}
    assert asked(page, page.go_back) == {"limit": 24}
    expect(page.get_by_label("Search by words")).to_have_value("")
    assert asked(page, page.go_forward)["text"] == "red mug"
    expect(page.get_by_label("Search by words")).to_have_value("red mug")


def test_back_brings_a_dropped_picture_again(page: Page) -> None:
    content = picture()
    dropped = transfer(page, content)
    asked(page, lambda: page.dispatch_event("#main", "drop", {"dataTransfer": dropped}))
    asked(page, page.locator(".similar").first.click)
    assert base64.b64decode(asked(page, page.go_back)["image"]["data"]) == content


def test_the_chosen_catalog_stands_in_the_address(page: Page) -> None:
    page.get_by_label("Catalog").select_option("empty")
    expect(page.locator(STATE)).to_be_visible()
    assert page.url.endswith("/?catalog=empty")
    page.reload()
    expect(page.get_by_label("Catalog")).to_have_value("empty")
    visit(page, "/?catalog=gone")
    expect(page.locator(STATE)).to_contain_text("There is no catalog “gone”")
    asked(page, page.get_by_role("button", name="Open “default”").click)
    assert page.locator(".card").count() == 24
