"""What stands on the screens across plans: reviews, and finding somebody."""

import json
import re
from typing import Any

import httpx
import pytest

from services.viewer.shown.reviews import reviews_due
from tests.browser.recorded_apis import EDITH, REVIEWS, RecordedApis
from tests.unit.viewer.laid_out import CLOCK, words
from tests.unit.viewer.test_pages import sign_in

FOUND = {"plan_id": EDITH, "state": "open", "relationship": "live"}
SOUGHT = {"nhs_number": "999 000 0018", "date_of_birth": "1938-03-14"}


def test_a_review_says_when_of_whom_of_what_and_by_whom() -> None:
    overdue, undated, soon = reviews_due(REVIEWS, words(), CLOCK)
    assert (overdue.when, overdue.what) == ("68 days overdue", "Contingency plan")
    assert overdue.person == "Marlow-Synth, Edith"
    assert overdue.responsible.startswith("Priya Raman-Synth")
    assert overdue.path.startswith(f"/plans/{EDITH}#entry-")
    assert overdue.last_read is not None
    assert (undated.when, undated.what, undated.is_nobodys) == (
        "No day planned", "The whole plan", True,
    )  # fmt: skip
    assert (soon.when, soon.person) == ("In 9 days", "Name not shared with you")


@pytest.mark.parametrize(
    ("organisation", "said"),
    [({}, "No organisation named"), ({"organisation": {"ods": "ZZG01"}}, "Not lately")],
)
def test_nobody_is_said_not_to_have_read_whose_organisation_is_not_known(
    organisation: dict[str, Any], said: str
) -> None:
    review = {**REVIEWS[0], "responsible": {"name": "Priya", **organisation}, "last_read_at": None}
    (shown,) = reviews_due([review], words(), CLOCK)
    assert (shown.last_read, shown.not_read) == (None, said)


@pytest.mark.asyncio
async def test_reviews_are_asked_for_by_state_and_are_for_professionals(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    page = await browser.get("/reviews?state=overdue")
    assert page.status_code == 200
    assert apis.asked[-1].url.params["state"] == "overdue"
    assert page.headers["cache-control"] == "no-store"
    assert (await browser.get("/reviews?state=soon")).status_code == 400
    apis.reviews = []
    assert "No review is planned" in (await browser.get("/reviews")).text
    await sign_in(browser, "PCSP-EX-01/edith")
    assert (await browser.get("/reviews")).status_code == 403


async def looked_for(browser: httpx.AsyncClient, **written: str) -> httpx.Response:
    page = await browser.get("/people")
    key = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert key
    return await browser.post("/people", data={"form_key": key[1], **written})


@pytest.mark.asyncio
async def test_somebody_is_found_by_a_form_and_nothing_of_it_stands_in_an_address(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    home = (await browser.get("/")).text
    assert re.search(r'<form method="post" action="/people"', home)
    apis.posts["/v1/people:search"] = 200, {"items": [FOUND]}
    page = await looked_for(browser, **SOUGHT, family="", first="", postcode="")
    assert page.status_code == 200, "a page, and no way to an address that says it"
    assert f'href="/plans/{EDITH}"' in page.text
    sent = apis.asked[-1]
    assert sent.url.query == b""
    assert json.loads(sent.content) == {**SOUGHT, "nhs_number": "9990000018"}
    assert not [one for one in apis.asked if "9990000018" in str(one.url)]


@pytest.mark.asyncio
@pytest.mark.parametrize("relationship", ["ended", "none"])
async def test_whoever_has_no_relationship_is_shown_the_way_in_an_emergency_alone(
    browser: httpx.AsyncClient, apis: RecordedApis, relationship: str
) -> None:
    await sign_in(browser)
    apis.posts["/v1/people:search"] = 200, {"items": [{**FOUND, "relationship": relationship}]}
    page = (await looked_for(browser, **SOUGHT)).text
    assert f'href="/plans/{EDITH}"' not in page
    assert f'href="/plans/{EDITH}/emergency"' in page


@pytest.mark.asyncio
async def test_what_does_not_identify_anybody_is_said_beside_what_was_written(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    wrong: dict[str, Any] = {
        "code": "content-invalid",
        "errors": [{"pointer": "/nhs_number", "rule": "identifier", "message": "Ten digits."}],
    }
    apis.posts["/v1/people:search"] = 422, wrong
    page = await looked_for(browser, nhs_number="1")
    assert page.status_code == 422
    assert "NHS number: Ten digits." in page.text
    assert 'value="1"' in page.text
    apis.posts["/v1/people:search"] = 422, {"code": "content-invalid"}
    assert "the NHS number with the date of birth" in (await looked_for(browser, family="X")).text
    apis.posts["/v1/people:search"] = 200, {"items": []}
    assert "Nobody with a plan has all of these" in (await looked_for(browser, **SOUGHT)).text
    await sign_in(browser, "PCSP-EX-01/edith")
    assert (await browser.get("/people")).status_code == 403
