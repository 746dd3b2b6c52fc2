"""Whoever has no relationship is asked why, and then shown what an emergency needs."""

import re

import httpx
import pytest

from services.viewer.pages.emergency import REASONS
from shared.chassis.http.parameters import REASONS as KNOWN
from tests.browser.recorded_apis import EDITH, RecordedApis

pytestmark = pytest.mark.asyncio

PRIYA = "PCSP-EX-01/priya"
THE_PERSON = "PCSP-EX-01/edith"
HERE = f"/plans/{EDITH}/emergency"


@pytest.fixture
def apis(apis: RecordedApis) -> RecordedApis:
    apis.override_ends = "2026-12-01T10:00:00Z"
    return apis


async def signed_in(browser: httpx.AsyncClient, who: str = PRIYA) -> None:
    key = key_in(await browser.get("/sign-in"))
    await browser.post("/sign-in", data={"form_key": key, "who": who, "to": HERE})


def key_in(page: httpx.Response) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert found
    return found[1]


async def test_the_reasons_are_those_of_the_api() -> None:
    assert tuple(REASONS) == KNOWN


async def test_a_professional_without_a_relationship_is_asked_why(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await signed_in(browser)
    asked = await browser.get(HERE)
    assert asked.status_code == 403
    assert "the privacy officer is alerted" in asked.text
    assert "Marlow" not in asked.text.partition("<main")[2]
    assert "ledger-purpose" not in apis.asked[-1].headers, "nothing is broken by looking"
    shown = await browser.post(HERE, data={"form_key": key_in(asked), "reason": "cannot-ask"})
    assert shown.status_code == 200
    sent = apis.asked[-1]
    assert (sent.method, sent.url.path) == ("GET", f"/v1{HERE}")
    assert sent.headers["ledger-purpose"] == "emergency"
    assert sent.headers["ledger-reason"] == "cannot-ask"
    assert "Whom to call" in shown.text
    assert "1 December 2026 at 10:00am GMT" in shown.text
    assert "The whole plan" not in shown.text, "it is not open to them"


@pytest.mark.parametrize("reason", ["", "curious"])
async def test_without_one_of_the_reasons_nothing_is_asked_for(
    browser: httpx.AsyncClient, apis: RecordedApis, reason: str
) -> None:
    await signed_in(browser)
    key, before = key_in(await browser.get(HERE)), len(apis.asked)
    answer = await browser.post(HERE, data={"form_key": key, "reason": reason})
    assert answer.status_code == 400
    assert len(apis.asked) == before


async def test_a_form_from_elsewhere_breaks_no_glass(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await signed_in(browser)
    before = len(apis.asked)
    answer = await browser.post(HERE, data={"form_key": "x", "reason": "cannot-ask"})
    assert answer.status_code == 403
    assert len(apis.asked) == before


async def test_nobody_but_a_professional_is_asked(browser: httpx.AsyncClient) -> None:
    await signed_in(browser, THE_PERSON)
    answer = await browser.get(HERE)
    assert answer.status_code == 403
    assert "<select" not in answer.text


@pytest.mark.parametrize(("who", "is_shown"), [(PRIYA, True), (THE_PERSON, False)])
async def test_a_professional_who_is_shut_out_of_the_plan_is_shown_the_way_in(
    browser: httpx.AsyncClient, who: str, is_shown: bool
) -> None:
    await signed_in(browser, who)
    answer = await browser.get(f"/plans/{EDITH}")
    assert answer.status_code == 403
    assert (f'href="{HERE}"' in answer.text) is is_shown
