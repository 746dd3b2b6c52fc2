"""What a contributed text does to a page: nothing beside it moves, and nothing in it is lost."""

import html
import re
import unicodedata
from typing import Any

import httpx
import pytest

from services.viewer.texts import as_written, shown, to_read, together
from tests.browser.recorded_apis import EDITH, RecordedApis
from tests.unit.viewer.test_pages import form_of, sign_in

FSI, PDI = "\u2068", "\u2069"
KEITH, SHALOM = "\u0643\u064a\u062b", "\u05e9\u05dc\u05dd"
TRICKS = "\u202eX\u2066\u2069\u2069\u202c\u200f\x07\x1b\x85\ufffe"
"""Turns what follows, leaves an isolate that is not its own, and has what is no text."""


@pytest.mark.parametrize(
    "trick", [chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
)
def test_what_changes_a_direction_is_left_out_even_where_it_is_closed(trick: str) -> None:
    assert to_read(f"Pendant{trick}") == "Pendant"
    assert to_read(f"Pendant{trick}\n{PDI}07700 900123\u202c") == "Pendant\n07700 900123"
    assert to_read(f"{FSI}a{trick}b{PDI}") == "ab"


@pytest.mark.parametrize("mark", ["\u061c", "\u200e", "\u200f"])
def test_a_mark_beside_no_letter_that_it_could_order_is_left_out(mark: str) -> None:
    assert to_read(f"07700{mark} 900123") == "07700 900123"
    assert to_read(f"{FSI}07700{mark} 900123{PDI}") == "07700 900123"
    assert to_read(f"{KEITH}{mark}") == f"{FSI}{KEITH}{mark}{PDI}"


def test_each_line_that_runs_from_right_to_left_is_isolated() -> None:
    assert to_read(f"{KEITH}\nKeith\n{SHALOM}") == f"{FSI}{KEITH}{PDI}\nKeith\n{FSI}{SHALOM}{PDI}"
    assert together([KEITH, "friend", "07700 900123"], ", ") == (
        f"{FSI}{KEITH}{PDI}, friend, 07700 900123"
    )


@pytest.mark.parametrize(
    "text", [KEITH, f"a{FSI}{KEITH}{PDI}b", f"{SHALOM}\nb", f"{KEITH}{FSI}a{PDI}{SHALOM}", TRICKS]
)
def test_what_was_made_fit_stays_as_it_is_and_every_isolate_is_closed(text: str) -> None:
    once = to_read(text)
    for line in once.splitlines():
        assert line.count(FSI) == line.count(PDI)
    assert to_read(together([once], "; ")).count(FSI) == once.count(FSI)


def test_what_is_no_text_is_shown_as_such_and_tabs_and_lines_stay() -> None:
    assert to_read("a\x00\x07\x1b\x7f\x85\ufffe\ufdd0\U0001ffff\ud800b") == "a" + 9 * "\ufffd" + "b"
    assert to_read("a\tb\r\nc é 👩‍⚕️") == "a\tb\r\nc é 👩‍⚕️"


def test_markup_of_ours_and_the_text_of_a_form_are_untouched() -> None:
    assert as_written(f"<b>{TRICKS}") == f"&lt;b&gt;{TRICKS}"
    assert shown(as_written(TRICKS)) == TRICKS
    assert shown(7) == 7


def everywhere(said: Any) -> Any:
    """The same, where every text that is written for people has the tricks behind it."""
    if isinstance(said, dict):
        return {name: _tricked(name, one) for name, one in said.items()}
    return [everywhere(one) for one in said] if isinstance(said, list) else said


def _tricked(name: str, said: Any) -> Any:
    for_people = {"text", "name", "title", "first", "family", "preferred", "reason", "contact"}
    for_people |= {"relationship", "what", "held_at", "words", "hours", "note", "line1", "number"}
    is_text = isinstance(said, str) and name in for_people
    return said + TRICKS if is_text else everywhere(said)


def replace(answer: dict[str, Any]) -> None:
    answer.update(everywhere(answer))


PAGES = (
    *(f"/plans/{EDITH}{path}" for path in ("", "/emergency", "/versions", "/history")),
    f"/plans/{EDITH}/versions/36",
    f"/plans/{EDITH}/as-at?day=2026-11-20&at=15:05&basis=effective",
    f"/plans/{EDITH}/entries/83e4d4d7-4b02-53d3-a12f-578a55cf39f8",
    f"/plans/{EDITH}/comment",
    f"/plans/{EDITH}/about-me",
    "/me/access",
)


@pytest.mark.asyncio
@pytest.mark.parametrize("path", PAGES)
async def test_no_page_has_what_turns_its_text_or_is_no_text(
    browser: httpx.AsyncClient,
    apis: RecordedApis,
    path: str,
) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    apis.change = replace
    apis.accesses = everywhere(apis.accesses)
    page = await browser.get(path)
    assert page.status_code == 200
    kinds = {unicodedata.category(one) for one in page.text if one not in "\n\t"}
    turned = re.findall("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", page.text)
    assert not turned, page.text[page.text.index(turned[0]) - 200 :][:300]
    assert not kinds & {"Cc", "Cn", "Cs"}
    assert "X\ufffd\ufffd\ufffd\ufffd" in page.text, "the tricks were there"


@pytest.mark.asyncio
async def test_a_no_and_a_draft_are_shown_likewise_and_the_form_keeps_what_was_written(
    browser: httpx.AsyncClient,
    apis: RecordedApis,
) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    where = f"/plans/{EDITH}/about-me"
    form = form_of((await browser.get(where, params={"heading": "my_wellness"})).text)
    apis.posts["/v1/contributions:validate"] = 200, {"outcome": "accepted"}
    preview = await browser.post(where, data={**form, "text": "Me\u202e", "step": "preview"})
    assert '<p class="said">Me</p>' in preview.text
    assert form_of(preview.text)["text"] == "Me\u202e"
    again = await browser.post(where, data={**form_of(preview.text), "step": "edit"})
    assert html.unescape(again.text).count("Me\u202e</textarea>") == 1
    apis.refuses = 403, {"code": "not-permitted", "title": "No\u202e", "detail": "Not\u2067 this."}
    refused = await browser.get(f"/plans/{EDITH}")
    assert "<h1>No</h1>" in refused.text
    assert "Not this." in refused.text
