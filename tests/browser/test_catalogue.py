"""The catalogue of the contracts in a real browser, from files: easy to use, and searchable."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from shared.contracts.catalogue.published import Published
from shared.contracts.catalogue.site import write
from shared.contracts.generate import CONTRACTS
from tests.browser.axe import broken_rules
from tests.browser.visits import watched

pytestmark = pytest.mark.browser

# Of what stands there hundreds of times in one form, axe is shown the first few.
FEWER = """() => document.querySelectorAll(
  ".field:nth-child(n+6), .found > li:nth-child(n+4), .group ~ .group ~ .group, "
  + ".kind-of-value ~ .kind-of-value ~ .kind-of-value, .plain > li:nth-child(n+6)"
).forEach(one => one.remove())"""
PAGES = {
    "first": "index.html",
    "command": "commands/careplan.goals.commands.agree.v1.html",
    "long command": "commands/careplan.contingency-plans.commands.prepare.v1.html",
    "long name": "commands/careplan.care-team.commands.personal-contact-lift-restriction.v1.html",
    "event": "events/careplan.person.plan-opened.v1.html",
    "envelope": "envelopes/careplan.receipt.v1.html",
    "topic": "topics/careplan.inbox.ORG.v1.html",
    "service": "services/plan.html",
    "codes": "codes.html",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue") / "site"
    write(Published(CONTRACTS), folder)
    return folder


@contextmanager
def opened(
    chromium: Browser, path: Path, *, width: int = 1100, scripts: bool = True
) -> Iterator[Page]:
    """A page that is a file; whatever it asks of a network fails the test."""
    with watched(chromium, "file:", "data:", width=width, scripts=scripts) as page:
        page.goto(path.as_uri())
        yield page


@pytest.mark.parametrize("width", [320, 1100])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_breaks_no_rule_of_axe_and_does_not_scroll_sideways(
    chromium: Browser, site: Path, name: str, width: int
) -> None:
    with opened(chromium, site / PAGES[name], width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").count() == 1
        page.evaluate(FEWER)
        # A page that is a file may not fetch its style sheet.
        assert not broken_rules(page, preload=False)


def test_a_page_is_found_by_its_name_by_a_field_and_by_a_code(
    chromium: Browser, site: Path
) -> None:
    with opened(chromium, site / "index.html") as page:
        for asked, found in (
            ("agree goal", "careplan.goals.commands.agree.v1"),
            ("importance", "careplan.goals.commands.weigh.v1"),
            ("goal-needs-a-need", "careplan.goals.commands.link.v1"),
            ("receipts", "careplan.receipts.{org}.v1"),
        ):
            page.get_by_role("searchbox").fill(asked)
            shown = page.locator(".found > li:visible code").all_inner_texts()
            assert found in shown, asked
            assert len(shown) < 40, asked
            assert f"{len(shown)} page" in page.locator("#search-said").inner_text()
        page.get_by_role("searchbox").fill("nothing-is-called-that")
        assert page.locator("#search-said").inner_text() == "No pages"
        assert page.locator(".group:visible").count() == 0
        page.get_by_role("searchbox").fill("")
        assert page.locator(".found > li:visible").count() > 300


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_the_same_without_scripts(chromium: Browser, site: Path, name: str) -> None:
    said = []
    for scripts in (True, False):
        with opened(chromium, site / PAGES[name], scripts=scripts) as page:
            if scripts:
                page.evaluate(
                    "document.querySelectorAll('.search, .copy').forEach(e => e.remove())"
                )
            said.append(page.locator("main").inner_text())
    assert said[0] == said[1]


def test_an_example_is_copied_whole(chromium: Browser, site: Path) -> None:
    with opened(chromium, site / PAGES["command"]) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").first.click()
        page.get_by_role("button", name="Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator(".example pre").first.text_content()
