"""Somebody at a browser: signs in, opens a screen."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page

PRIYA = "PCSP-EX-01/priya"


def is_complaint(said: ConsoleMessage) -> bool:
    """True for an error or a warning, other than that a page we asked for is not there."""
    is_missing_page = said.text.startswith("Failed to load resource") and "404" in said.text
    return said.type in ("error", "warning") and not is_missing_page


@contextmanager
def watched(
    chromium: Browser, *own: str, width: int, height: int = 900, scripts: bool = True
) -> Iterator[Page]:
    """A page that may ask only addresses that begin as its own, and may not complain."""
    context = chromium.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=scripts
    )
    elsewhere: list[str] = []
    complaints: list[str] = []
    try:
        page = context.new_page()
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(own) else elsewhere.append(asked.url),
        )
        page.on(
            "console",
            lambda said: complaints.append(said.text) if is_complaint(said) else None,
        )
        yield page
        assert not elsewhere, "a page asks only whom it came from"
        assert not complaints, "the browser has nothing to complain of"
    finally:
        context.close()


@contextmanager
def visit(
    chromium: Browser,
    address: str,
    who: str = PRIYA,
    *,
    width: int = 1100,
    height: int = 900,
    scripts: bool = True,
) -> Iterator[Page]:
    """A page whose reader has signed in; whatever it asks of another site fails the test."""
    with watched(chromium, address, width=width, height=height, scripts=scripts) as page:
        page.goto(f"{address}/sign-in")
        if who:
            button = page.locator(f'form:has(input[value="{who}"]) button')
            if not button.is_visible():
                page.locator("details", has=button).locator("summary").click()
            button.click()
        yield page
