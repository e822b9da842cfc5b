"""Searching with a picture, or with a product's."""

import base64
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.page.steps import (
    SEARCHES,
    STATE,
    answer_with,
    asked,
    choose,
    picture,
    titles,
    transfer,
    type_words,
    visit,
)


def test_a_dropped_picture_is_sent_as_it_is(page: Page) -> None:
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


def test_a_picture_and_words_are_searched_together_until_the_picture_is_removed(page: Page) -> None:
    content = picture(kind="JPEG")
    asked(page, lambda: choose(page, content, "mug.jpg", "image/jpeg"))
    request = type_words(page, "red")
    assert base64.b64decode(request["image"]["data"]) == content
    assert request["text"] == "red"
    request = asked(page, page.get_by_role("button", name="Remove: mug.jpg").click)
    assert request == {"limit": 24, "text": "red"}


def test_a_pasted_picture_is_searched_with(page: Page) -> None:
    content = picture()
    paste = "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))"
    request = asked(page, lambda: page.evaluate(paste, transfer(page, content)))
    assert base64.b64decode(request["image"]["data"]) == content


def test_a_large_picture_is_made_smaller_before_it_is_sent(page: Page) -> None:
    content = picture((1600, 800))
    assert len(content) > 2_000_000
    request = asked(page, lambda: choose(page, content, "large.png"))
    sent = Image.open(BytesIO(base64.b64decode(request["image"]["data"])))
    assert (sent.format, sent.size) == ("JPEG", (1280, 640))


def test_a_picture_of_more_pixels_than_the_service_takes_is_made_smaller(page: Page) -> None:
    drawn = BytesIO()
    Image.new("1", (6_000, 5_000)).save(drawn, "PNG")  # a few kilobytes, thirty million pixels
    request = asked(page, lambda: choose(page, drawn.getvalue(), "plan.png"))
    sent = Image.open(BytesIO(base64.b64decode(request["image"]["data"])))
    assert (sent.format, sent.size) == ("JPEG", (1280, 1067))


@pytest.mark.parametrize(
    "content", [b"", b"no picture", picture((200, 200), "JPEG")[:9_000]], ids=["empty", "words", "cut short"]
)
def test_a_file_that_is_no_picture_is_refused_on_the_page(page: Page, content: bytes) -> None:
    choose(page, content, "notes.jpg", "image/jpeg")
    expect(page.locator(STATE)).to_contain_text("“notes.jpg” is not a picture")
    assert asked(page, page.get_by_role("button", name="Back to the results").click) == {"limit": 24}
    assert page.locator(".card").count() == 24


def test_a_refused_file_ends_the_search_by_the_picture_before_it(page: Page) -> None:
    type_words(page, "red")
    asked(page, lambda: choose(page, picture(), "shoe.png"))
    expect(page.locator("#token")).to_contain_text("shoe.png")
    choose(page, b"no picture", "notes.png")
    expect(page.get_by_role("status")).to_have_text("This picture cannot be used")
    expect(page.locator("#token")).to_be_hidden()
    expect(page.get_by_label("Search by words")).to_have_value("red")
    assert page.title() == "“red” – Vitrine"
    assert type_words(page, "red mug") == {"limit": 24, "text": "red mug"}


def test_what_was_searched_before_a_refused_file_can_be_had_again(page: Page) -> None:
    content = picture()
    asked(page, lambda: choose(page, content, "shoe.png"))
    choose(page, b"no picture", "notes.png")
    request = asked(page, page.get_by_role("button", name="Back to the results").click)
    assert base64.b64decode(request["image"]["data"]) == content
    expect(page.locator("#token")).to_contain_text("shoe.png")
    choose(page, b"no picture", "notes.png")
    expect(page.locator("#token")).to_be_hidden()
    assert base64.b64decode(asked(page, page.go_back)["image"]["data"]) == content
    expect(page.locator("#token")).to_contain_text("shoe.png")


def test_a_refused_file_ends_the_search_by_a_product_before_it(page: Page) -> None:
    visit(page, "/?like=p2")
    expect(page.locator("#token")).to_be_visible()
    choose(page, b"no picture", "notes.png")
    expect(page.locator(STATE)).to_be_visible()
    expect(page.locator("#token")).to_be_hidden()
    assert "like" not in page.url


def test_a_picture_that_the_service_refuses_is_let_go(page: Page) -> None:
    type_words(page, "red")
    problem = {"title": "Broken", "status": 422, "code": "image_corrupt", "detail": "the picture ends early"}
    answer_with(page, problem, 422)
    asked(page, lambda: choose(page, picture(), "shoe.png"))
    expect(page.locator(STATE)).to_contain_text("This picture cannot be used")
    expect(page.locator(STATE)).to_contain_text("the picture ends early")
    expect(page.locator("#token")).to_be_hidden()
    page.unroute(SEARCHES)
    back = asked(page, page.get_by_role("button", name="Back to the results").click)
    assert back == {"limit": 24, "text": "red"}
    assert asked(page, page.go_back) == {"limit": 24, "text": "red"}  # and not the refused picture once more


def test_of_two_files_the_newer_counts_even_if_it_is_read_first(page: Page) -> None:
    page.add_init_script(
        """{
        const { createImageBitmap } = window;
        window.createImageBitmap = async (file) => {
            const bitmap = await createImageBitmap(file);
            if (file.name === "slow.png") await new Promise((go) => (window.readSlowOne = go));
            return bitmap;
        };
        }"""
    )
    visit(page, "/")
    choose(page, picture(), "slow.png")
    page.wait_for_function("!!window.readSlowOne")
    content = picture()
    request = asked(page, lambda: choose(page, content, "quick.png"))
    assert base64.b64decode(request["image"]["data"]) == content
    page.evaluate("window.readSlowOne()")
    assert base64.b64decode(type_words(page, "red")["image"]["data"]) == content
    expect(page.locator("#token")).to_contain_text("quick.png")


def test_more_like_this_searches_with_the_product(page: Page) -> None:
    type_words(page, "blue")
    title = titles(page)[0]
    page.locator(".card").first.hover()
    request = asked(page, page.get_by_role("button", name=f"More like {title}").first.click)
    assert request == {"limit": 24, "image": {"product_id": "p2"}}
    assert page.url.endswith("/?catalog=default&like=p2")
    expect(page.locator("#token")).to_contain_text(title)
