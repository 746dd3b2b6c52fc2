"""What has changed, who contributed and what is due, as a reader finds it in a real browser."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.recorded_apis import EDITH, RecordedApis
from tests.browser.visits import visit

pytestmark = pytest.mark.browser

GEORGE, MOIRA = "bd274cc0-0c75-56ee-a75c-a2b2245f355c", "PCSP-EX-04/moira"
PICTURE = "09b1fbcaac804fce8365fbc08337b6063894a3cf89330c1756186071eeeaebeb"
LOOKED = {
    "plan_version": 36,
    "at": "2026-11-14T15:05:00Z",
    "access_id": "01a23020-8254-77f3-b103-c75973c57c62",
}


def test_two_versions_are_compared_from_their_list_in_words_with_who_said_it(
    chromium: Browser, address: str
) -> None:
    with visit(chromium, address, scripts=False) as page:
        page.goto(f"{address}/plans/{EDITH}/versions")
        page.get_by_role("link", name="What changed since version 36").click()
        asked = urlsplit(page.url)
        assert (asked.path, asked.query) == (f"/plans/{EDITH}/compare", "from=36")
        told = page.locator("main").inner_text()
        assert "14 entries differ" in told
        entry = page.locator(".compared", has_text="Strength and balance programme").first
        assert entry.locator(".was").inner_text().split("\n")[-1] == "Not started"
        assert entry.locator(".is").inner_text().split("\n")[-1].startswith("In progress")
        assert "Tom Okafor-Synth" in entry.locator(".who").inner_text()
        assert "in-progress" not in page.content(), "a code is never shown"
        # Words that were taken and given are told apart without colour, and aloud.
        assert "Removed: " in (page.locator("del").first.text_content() or "")
        assert page.locator("del").first.evaluate("e => getComputedStyle(e).textDecorationLine")


def test_the_plan_marks_and_lists_what_has_changed_since_its_reader_looked(
    chromium: Browser, address: str, apis: RecordedApis
) -> None:
    with visit(chromium, address, scripts=False) as page:
        page.goto(f"{address}/plans/{EDITH}")
        assert not page.locator(".since, .since-none, .news").count(), "they never looked"
        apis.looked = LOOKED
        page.reload()
        since = page.locator(".since")
        assert "14 changes since you last looked" in since.inner_text()
        first = since.locator("li a").first
        first.click()
        entry = page.locator(f"[id='{urlsplit(page.url).fragment}']")
        assert "Changed since you looked" in entry.locator(":scope > .entry-head").inner_text()
        assert entry.locator(".is-news").count()
        page.get_by_role("link", name="What changed, word by word").click()
        assert urlsplit(page.url).query == "from=last-look"
        assert "From your last look, 14 November 2026" in page.locator("main").inner_text()


def test_a_picture_is_fetched_when_it_is_opened_and_not_before(
    chromium: Browser, address: str, apis: RecordedApis
) -> None:
    with visit(chromium, address, "PCSP-EX-01/priya") as page:
        page.goto(f"{address}/plans/{EDITH}")
        apis.files[PICTURE] = "image/png", page.screenshot()
    with visit(chromium, address, MOIRA) as page:
        page.goto(f"{address}/plans/{GEORGE}")
        page.wait_for_load_state("networkidle")
        assert not [one for one in apis.asked if "/v1/media/" in one.url.path]
        page.locator(".picture summary").click()
        picture = page.get_by_role("img", name="Picture: Left shin with a ruler")
        picture.scroll_into_view_if_needed()
        picture.evaluate("picture => picture.decode()")
        assert picture.evaluate("picture => picture.naturalWidth") > 0
        assert len([one for one in apis.asked if "/v1/media/" in one.url.path]) == 1
        alone = page.get_by_role("link", name="Open it alone").get_attribute("href")
        assert alone == picture.get_attribute("src")


def test_somebody_is_found_without_their_number_in_any_address(
    chromium: Browser, address: str, apis: RecordedApis
) -> None:
    found = {"plan_id": EDITH, "state": "open", "relationship": "live"}
    apis.posts["/v1/people:search"] = 200, {"items": [found]}
    with visit(chromium, address, scripts=False) as page:
        addresses: list[str] = []
        page.on("request", lambda asked: addresses.append(asked.url))
        page.goto(address)
        page.get_by_label("NHS number").fill("999 410 0017")
        page.get_by_label("Date of birth").fill("1938-03-14")
        page.get_by_role("button", name="Find").click()
        page.get_by_role("link", name="Open the plan").click()
        assert page.url == f"{address}/plans/{EDITH}"
        assert not [one for one in addresses if "999" in one or "1938" in one]
