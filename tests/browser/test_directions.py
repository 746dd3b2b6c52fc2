"""What a contributed name does to the numbers beside it, as a browser lays them out."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.recorded_apis import EDITH, RecordedApis
from tests.browser.visits import visit

pytestmark = pytest.mark.browser

# Where the browser has put each character of the page's telephone numbers, from left to right.
_PLACES = """() => [...document.querySelectorAll(".em-number, .call")].map(number => {
  const range = document.createRange(), text = number.firstChild, seen = [];
  for (let at = 0; at < text.length; at += 1) {
    range.setStart(text, at); range.setEnd(text, at + 1);
    seen.push([range.getBoundingClientRect().left, text.data[at]]);
  }
  return seen.sort((a, b) => a[0] - b[0]).map(one => one[1]).join("");
})"""


@pytest.mark.parametrize("trick", ["\u202e", "\u2069\u202e", "\u2067", "\u200f", "\u0643\u064a"])
def test_a_name_never_turns_the_numbers_of_those_to_call(
    chromium: Browser, address: str, apis: RecordedApis, trick: str
) -> None:
    def tricked(plan: dict[str, Any]) -> None:
        for entry in plan["sections"]["contingency-plans"]:
            for one in entry["content"].get("contacts") or ():
                one["name"] += trick
        for entry in plan["sections"]["care-team"]:
            entry["content"]["name"] = f"Pendant{trick}"

    with visit(chromium, address) as page:
        page.goto(f"{address}/plans/{EDITH}/emergency")
        before = page.evaluate(_PLACES)
        apis.change = tricked
        page.reload()
        assert "Pendant" in page.locator("main").inner_text()
        assert page.evaluate(_PLACES) == before
        assert any(number.startswith("01632 96") for number in before)
