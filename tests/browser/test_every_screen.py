"""Every screen is easy to use by axe's rules, wide and narrow."""

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import broken_rules
from tests.browser.screens import SCREENS
from tests.browser.visits import visit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [320, 1100])
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_breaks_no_rule_of_axe_and_does_not_scroll_sideways(
    chromium: Browser, address: str, screen: str, width: int
) -> None:
    who, path = SCREENS[screen]
    with visit(chromium, address, who, width=width) as page:
        page.goto(address + path)
        assert not broken_rules(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").count() == 1
        assert page.locator("html[lang]").count() == 1
