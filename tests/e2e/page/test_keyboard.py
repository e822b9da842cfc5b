"""The page without a mouse."""

from playwright.sync_api import Page, expect

from tests.e2e.page.steps import asked, chip, visit

# An outline or a shadow on what has the focus, or on what it stands in or before; and nothing of the page upon it.
FOCUSED = """() => {
    const node = document.activeElement;
    const drawn = (one) => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
        return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
    };
    const seen = node.closest(".choose") ?? node;
    const box = seen.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
        name: node.closest("[data-attribute]")?.dataset.attribute ?? (node.id || node.className),
        shown: [seen, node.closest(".search") ?? seen].some(drawn),
        uncovered: seen.contains(top) && getComputedStyle(seen).opacity > 0,
    };
}"""


def test_everything_can_be_done_from_the_keyboard(page: Page) -> None:
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


def walk(page: Page, key: str = "Tab") -> str:
    """Go one step on; the focus must be seen. Returns what has it: a chip's attribute, or an id, or a class."""
    page.keyboard.press(key)
    focused = page.evaluate(FOCUSED)
    assert focused["shown"], f"nothing shows that {focused['name']} has the focus"
    assert focused["uncovered"], f"{focused['name']} has the focus and is out of sight"
    return str(focused["name"])


def test_the_focus_is_seen_all_the_way_from_the_words_to_the_last_result(page: Page) -> None:
    page.keyboard.press("/")
    stops = [walk(page) for _ in range(32)]
    assert stops[:7] == ["picture", "catalogs", "price", "colour", "sizes", "in_stock", "released"]
    assert stops[7:] == ["similar"] * 24 + ["button"]
    back = [walk(page, "Shift+Tab") for _ in range(32)]
    assert back == [*reversed(stops[:-1]), "words"]


def test_the_first_key_leads_past_the_bar_to_the_results(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the results")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#results")).to_be_focused()
    assert walk(page) == "similar"


def test_ending_a_filter_keeps_the_focus_among_the_filters(page: Page) -> None:
    visit(page, '/?filter={"colour":"red","not":{"sizes":"S"}}')
    page.get_by_role("button", name="Remove the filter Colour").focus()
    assert "colour" not in asked(page, lambda: page.keyboard.press("Enter"))["filter"]
    expect(chip(page, "colour").locator("button").first).to_be_focused()
    page.get_by_role("button", name="Remove the filter not").focus()
    assert "filter" not in asked(page, lambda: page.keyboard.press("Enter"))
    expect(chip(page, "price").locator("button").first).to_be_focused()
