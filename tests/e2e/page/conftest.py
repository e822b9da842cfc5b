"""The storefront page in a real browser. Override `base_url` to drive it against another server."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.page.steps import visit
from tests.e2e.page_server import serve_page

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """The browser: `VITRINE_TEST_CHROMIUM`, or the first of the usual names that is installed."""
    named = os.environ.get("VITRINE_TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


# Not for the whole run: while Playwright is open its event loop runs, and no other test could start one.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip(
            f"no {', '.join(NAMES)} here: install the Debian package chromium, or name it in VITRINE_TEST_CHROMIUM"
        )
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has no sandbox for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET, *root])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def base_url() -> Iterator[str]:
    with serve_page() as url:
        yield url


@pytest.fixture
def page(browser: Browser, base_url: str) -> Iterator[Page]:
    """An open page that shows everything; at the end, no script may have failed nor the policy been broken."""
    context = browser.new_context(
        base_url=base_url, viewport={"width": 1280, "height": 900}, locale="en-GB", reduced_motion="reduce"
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda line: failures.append(line.text) if "Content Security Policy" in line.text else None)
    visit(page, "/")
    yield page
    context.close()
    assert failures == []
