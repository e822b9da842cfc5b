"""The chips that filter."""

from playwright.sync_api import Page, expect

from tests.e2e.page.steps import answer_with, asked, chip, open_chip, type_words, visit


def test_a_keyword_chip_filters_by_one_value_then_by_several(page: Page) -> None:
    menu = open_chip(page, "colour")
    expect(menu.get_by_role("option")).to_have_text(["blue 9", "green 9", "red 9", "sand 9"])
    assert asked(page, menu.get_by_role("option", name="red").click)["filter"] == {"colour": "red"}
    request = asked(page, menu.get_by_role("option", name="blue").click)
    assert request["filter"] == {"colour": {"in": ["red", "blue"]}}
    expect(menu.get_by_role("option", selected=True)).to_have_text(["blue 9", "red 9"])
    expect(chip(page, "colour")).to_contain_text("Colour: red, blue")
    request = asked(page, page.get_by_role("button", name="Remove the filter Colour").click)
    assert "filter" not in request


def test_a_value_says_how_many_products_have_it_that_pass_the_other_conditions(page: Page) -> None:
    visit(page, '/?filter={"price":{"lte":60},"colour":"red"}')
    menu = open_chip(page, "colour")
    expect(menu.get_by_role("option")).to_have_text(["blue 3", "green 3", "red 3", "sand 2"])
    asked(page, menu.get_by_role("option", name="red").click)
    asked(page, menu.get_by_role("option", name="sand").click)
    expect(page.locator(".card")).to_have_count(2)
    expect(menu.get_by_role("option")).to_have_text(["blue 3", "green 3", "red 3", "sand 2"])


def test_values_that_no_hit_has_are_offered_and_not_counted_beside_words(page: Page) -> None:
    type_words(page, "red")
    menu = open_chip(page, "colour")
    expect(menu.get_by_role("option")).to_have_text(["blue", "green", "red", "sand"])


def test_without_an_answer_the_values_seen_are_offered(page: Page) -> None:
    answer_with(page, {"code": "unavailable"}, 503)
    menu = open_chip(page, "colour")
    expect(menu.get_by_role("option")).to_have_text(["blue", "green", "red", "sand"])


def test_a_keyword_that_was_never_seen_can_be_entered(page: Page) -> None:
    menu = open_chip(page, "sizes")
    menu.get_by_role("combobox").fill("XXL")
    expect(menu.get_by_role("option")).to_have_text(["Use “XXL”"])
    assert asked(page, lambda: page.keyboard.press("Enter"))["filter"] == {"sizes": "XXL"}


def test_a_number_chip_filters_by_minimum_and_maximum(page: Page) -> None:
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


def test_a_boolean_chip_filters_by_yes_or_no(page: Page) -> None:
    switch = open_chip(page, "in_stock")
    assert asked(page, switch.get_by_text("Yes").click)["filter"] == {"in_stock": True}
    assert asked(page, switch.get_by_text("No").click)["filter"] == {"in_stock": False}
    assert "filter" not in asked(page, switch.get_by_text("Any").click)


def test_a_datetime_chip_takes_both_days_whole(page: Page) -> None:
    form = open_chip(page, "released")
    form.get_by_label("From").fill("2024-02-01")
    form.get_by_label("To").fill("2024-03-15")
    request = asked(page, form.get_by_role("button", name="Apply").click)
    assert request["filter"] == {"released": {"gte": "2024-02-01T00:00:00Z", "lte": "2024-03-15T23:59:59.999999Z"}}
    assert page.locator(".card").count() == 6


def test_prose_has_no_chip_and_a_condition_without_one_can_be_removed(page: Page) -> None:
    expect(chip(page, "care")).to_have_count(0)
    visit(page, '/?filter={"not":{"colour":"red"},"colour":"blue"}')
    request = asked(page, page.get_by_role("button", name="Remove the filter not").click)
    assert request["filter"] == {"colour": "blue"}
    assert "filter" not in asked(page, page.get_by_role("button", name="Clear all").click)
