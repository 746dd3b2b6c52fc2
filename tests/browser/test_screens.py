"""What a reader finds on the screens, in a real browser, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import Browser

from tests.browser.recorded_apis import EDITH, RecordedApis, recorded
from tests.browser.screens import LEANNE, SCREENS, TARIQ
from tests.browser.visits import visit

pytestmark = pytest.mark.browser

READERS = {
    "3ae6ef81-5ace-5780-905e-b4f26c5d67dc": "PCSP-EX-01/priya",
    TARIQ: "PCSP-EX-02/claire",
    "cacd5415-063b-5914-82c6-6ab2b371b7fe": "PCSP-EX-03/kofi",
    "bd274cc0-0c75-56ee-a75c-a2b2245f355c": "PCSP-EX-04/moira",
    LEANNE: "PCSP-EX-05/anita",
}


@pytest.mark.parametrize(
    "screen", ["plan", "emergency", "sign-in", "compare", "over time", "reviews", "finding"]
)
def test_a_screen_says_the_same_without_javascript(
    chromium: Browser, address: str, screen: str
) -> None:
    who, path = SCREENS[screen]
    said = []
    for scripts in (True, False):
        with visit(chromium, address, who, scripts=scripts) as page:
            page.goto(address + path)
            said.append(page.locator("main").inner_text())
    assert said[0] == said[1]


@pytest.mark.parametrize("plan_id", recorded())
def test_a_paramedics_five_questions_are_answered_on_one_screen_of_a_telephone(
    chromium: Browser, address: str, plan_id: str
) -> None:
    with visit(chromium, address, READERS[plan_id], width=390, height=844) as page:
        page.goto(f"{address}/plans/{plan_id}/emergency")
        answers = {
            "who this is": page.locator(".em-who"),
            "whom to call": page.locator(".em-call li").last,
            "what to do": page.locator(".em-plan .em-do").first,
        }
        # Who has said nothing under About me, or has nothing to avoid, has no such part.
        answers["what matters now"] = page.locator(".em-matters, main > .nothing").first
        if page.locator(".em-plan").first.locator(".em-avoid").count():
            answers["what not to do"] = page.locator(".em-plan .em-avoid").first
        for question, answer in answers.items():
            box = answer.bounding_box()
            assert box is not None, question
            assert box["y"] + box["height"] <= 844, f"{question} is below the first screen"


def test_the_emergency_view_prints_on_one_page(chromium: Browser, address: str) -> None:
    for plan_id, who in READERS.items():
        with visit(chromium, address, who) as page:
            page.goto(f"{address}/plans/{plan_id}/emergency")
            printed = page.pdf(prefer_css_page_size=True)
            assert len(re.findall(rb"/Type /Page\b(?!s)", printed)) == 1, plan_id


def test_a_telephone_is_reached_by_keyboard_and_the_content_first(
    chromium: Browser, address: str
) -> None:
    with visit(chromium, address) as page:
        page.goto(f"{address}/plans/{EDITH}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_who_said_a_sentence_stands_beside_it(chromium: Browser, address: str) -> None:
    with visit(chromium, address) as page:
        page.goto(f"{address}/plans/{EDITH}")
        beside = page.locator(".run", has_text="I work nights and I am worn out").first
        assert "Ruth Marlow-Synth" in beside.locator(".who").inner_text()
        said, who = (beside.locator(part).bounding_box() for part in (".statements", ".said-by"))
        assert said is not None
        assert who is not None
        assert who["x"] >= said["x"] + said["width"]


def test_a_past_plan_cannot_be_mistaken_for_todays(chromium: Browser, address: str) -> None:
    with visit(chromium, address) as page:
        page.goto(f"{address}/plans/{EDITH}")
        assert page.locator("a[href^='tel:']").count()
        page.get_by_role("link", name="Earlier versions").click()
        page.get_by_role("button", name="Show the plan of that day").click()
        bar = page.get_by_role("region", name="You are looking at the past")
        assert "16 later changes are not shown." in bar.inner_text()
        assert not page.locator("a[href^='tel:']").count(), "nobody is rung from a past plan"
        assert not page.locator(".callout").count(), "no way to an emergency view from the past"
        page.mouse.wheel(0, 5000)
        box = bar.bounding_box()
        assert box is not None
        assert box["y"] >= 0, "the bar stays where it is seen"
        bar.get_by_role("link", name="Back to today").click()
        assert page.url == f"{address}/plans/{EDITH}"


def test_who_said_a_sentence_and_how_it_came_about_is_one_step_away(
    chromium: Browser, address: str
) -> None:
    with visit(chromium, address) as page:
        page.goto(f"{address}/plans/{EDITH}")
        goal = page.locator(".entry-goal", has_text="Walk to the shop by myself").first
        goal.locator(":scope > .entry-links").get_by_role("link", name="How this came").click()
        changes = page.locator(".change").all_inner_texts()
        assert changes[-1] == "Goal agreed"
        assert "Status recorded" in changes


def test_a_plan_that_is_behind_is_seen_to_be(
    chromium: Browser, address: str, apis: RecordedApis
) -> None:
    apis.lag = "720"
    with visit(chromium, address) as page:
        page.goto(f"{address}/plans/{EDITH}")
        assert page.locator(".currency.behind").is_visible()
        page.goto(f"{address}/plans/{EDITH}/emergency")
        assert "out of date by 12 minutes" in page.locator(".em-behind").inner_text()
