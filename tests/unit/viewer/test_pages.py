"""The pages as a browser gets them: who sees what, under which headers, from which requests."""

import html
import json
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from shared.chassis.wire.exact import TEXT_LIMIT
from tests.browser.recorded_apis import EDITH, RecordedApis

pytestmark = pytest.mark.asyncio

PRIYA = "PCSP-EX-01/priya"


async def sign_in(browser: httpx.AsyncClient, who: str = PRIYA, to: str = "") -> httpx.Response:
    page = await browser.get("/sign-in", params={"to": to})
    key = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert key
    return await browser.post("/sign-in", data={"form_key": key[1], "who": who, "to": to})


async def test_whoever_is_not_signed_in_is_asked_to_be(browser: httpx.AsyncClient) -> None:
    answer = await browser.get(f"/plans/{EDITH}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?to=/plans/{EDITH}"


async def test_whoever_signs_in_comes_to_the_plan_and_their_token_asks_for_it(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    answer = await sign_in(browser)
    assert answer.headers["location"] == f"/plans/{EDITH}"
    page = await browser.get(f"/plans/{EDITH}")
    assert page.status_code == 200
    assert "To stay in my flat with Bramble, my cat." in page.text
    asked, since = apis.asked
    assert asked.headers["authorization"].startswith("Bearer ")
    assert asked.url.params["include"] == "authorship,derived,findings,reviews"
    assert (since.url.path, since.url.params["from"]) == (f"{asked.url.path}/diff", "last-look")


@pytest.mark.parametrize("to", ["//elsewhere.example", "https://elsewhere.example", "/\\x", "x"])
async def test_nobody_is_sent_to_another_site(browser: httpx.AsyncClient, to: str) -> None:
    assert (await sign_in(browser, to=to)).headers["location"] == f"/plans/{EDITH}"


async def test_no_page_about_a_plan_is_kept_or_asks_elsewhere(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for path in (f"/plans/{EDITH}", f"/plans/{EDITH}/emergency"):
        answer = await browser.get(path)
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy, "no script at all"
        assert not re.search(
            r'<script|\bon[a-z]+="|style="|(?:src|href)="(?:https?:)?//', answer.text
        )


async def test_cookies_are_closed_to_scripts_and_other_sites(browser: httpx.AsyncClient) -> None:
    cookies = (await sign_in(browser)).headers.get_list("set-cookie")
    (session,) = [one for one in cookies if one.startswith("careplan_session=")]
    assert "HttpOnly" in session
    assert "SameSite=strict" in session


async def test_a_form_without_its_key_or_from_elsewhere_does_nothing(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.post("/sign-in", data={"who": PRIYA})
    assert answer.status_code == 403
    assert "careplan_session" not in browser.cookies
    await sign_in(browser)
    answer = await browser.post("/sign-out", data={"form_key": "x"})
    assert answer.status_code == 403
    assert (await browser.get(f"/plans/{EDITH}")).status_code == 200, "still signed in"


async def test_what_was_contributed_is_never_markup(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    script = "<script>alert(1)</script>"
    apis.change = lambda plan: plan["sections"]["about-me"][0]["content"]["responses"][
        "my_wellness"
    ].update(text=script)
    page = await browser.get(f"/plans/{EDITH}")
    assert script not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


async def test_a_no_of_the_api_is_a_page_in_its_words(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    apis.refuses = 403, {"code": "not-permitted", "title": "Not permitted", "detail": "Not this."}
    answer = await browser.get(f"/plans/{EDITH}")
    assert answer.status_code == 403
    assert "<h1>Not permitted</h1>" in answer.text
    assert "Not this." in answer.text


async def test_a_token_that_is_no_longer_good_signs_out(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    apis.refuses = 401, {"code": "token-expired"}
    answer = await browser.get(f"/plans/{EDITH}")
    assert (answer.status_code, answer.headers["location"][:9]) == (303, "/sign-in?")
    apis.refuses = None
    assert (await browser.get(f"/plans/{EDITH}")).status_code == 303


async def test_an_api_that_is_away_is_said_to_be(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    apis.is_away = True
    answer = await browser.get(f"/plans/{EDITH}")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


@pytest.mark.parametrize("path", ["/plans/9994100017", "/plans/x", "/nowhere", "/static/x.css"])
async def test_what_is_not_there_is_a_page(browser: httpx.AsyncClient, path: str) -> None:
    await sign_in(browser)
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


async def test_the_person_opens_their_own_plan_and_a_plan_that_is_behind_says_so(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    assert (await browser.get("/")).headers["location"] == f"/plans/{EDITH}"
    apis.lag = "720"
    page = await browser.get(f"/plans/{EDITH}")
    assert "May be out of date by 12 minutes" in page.text
    assert (
        "May be out of date by 12 minutes" in (await browser.get(f"/plans/{EDITH}/emergency")).text
    )


async def test_the_emergency_view_tells_of_a_danger_that_was_and_says_that_it_is_past(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    def end_all(plan: dict[str, Any]) -> None:
        end = {"recorded_at": "2026-03-10T14:00:00Z", "reason": "She lives with <Ruth> now"}
        ended = plan["sections"].pop("contingency-plans")
        plan["history"] = {"contingency-plans": [{**one, "taken_out": end} for one in ended]}

    await sign_in(browser)
    apis.change = end_all
    page = (await browser.get(f"/plans/{EDITH}/emergency")).text
    assert "No contingency plan is recorded." in page
    before = page[page.index("What there was before") :]
    assert "If I fall or cannot get up" in before
    assert "until 10 March 2026: She lives with &lt;Ruth&gt; now" in before


async def test_a_day_is_asked_for_as_an_instant_of_london(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    path = f"/plans/{EDITH}/as-at"
    answer = await browser.get(path, params={"day": "2026-07-01", "at": "15:05"})
    assert answer.status_code == 200
    asked = apis.asked[-1].url.params
    assert (asked["as_at"], asked["basis"]) == ("2026-07-01T15:05:00+01:00", "recorded")
    assert "You are looking at the past." in answer.text
    today = datetime.now(ZoneInfo("Europe/London")).date().isoformat()
    assert (await browser.get(path, params={"day": today})).status_code == 200
    asked_at = datetime.fromisoformat(apis.asked[-1].url.params["as_at"])
    assert (await browser.get(path, params={"day": "2026-07-01"})).status_code == 200
    assert apis.asked[-1].url.params["as_at"] == "2026-07-01T23:59:59.999999+01:00"
    assert asked_at <= datetime.now(UTC), "the end of today lies ahead, so that now is meant"
    for wrong in ({"day": "yesterday"}, {"day": "2026-07-01", "basis": "guessed"}):
        answer = await browser.get(path, params=wrong)
        assert answer.status_code == 400
    for at in ("15:05+14:00", "15:05Z"):
        answer = await browser.get(path, params={"day": "2026-07-01", "at": at})
        assert answer.status_code == 400
        assert "without an offset" in answer.text


@pytest.mark.parametrize(
    ("basis", "has_gaps", "requests"),
    [("effective", False, 1), ("recorded", True, 2), ("recorded", False, 1), ("visible", False, 1)],
)
async def test_a_day_of_no_whole_version_is_shown_without_what_rests_on_one(
    browser: httpx.AsyncClient, apis: RecordedApis, basis: str, has_gaps: bool, requests: int
) -> None:
    await sign_in(browser)
    apis.has_gaps = has_gaps
    path = f"/plans/{EDITH}/as-at?day=2026-11-20&at=15:05&basis={basis}"
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert "You are looking at the past." in answer.text
    is_whole = basis == "visible" or (basis == "recorded" and not has_gaps)
    assert ("Left out here:" in answer.text) is not is_whole
    assert f"as_at=2026-11-20T15%3A05%3A00%2B00%3A00&amp;basis={basis}" in answer.text
    assert len(apis.asked) == requests
    last = "authorship,derived,findings,reviews" if is_whole else "authorship"
    assert apis.asked[-1].url.params["include"] == last


async def test_a_text_area_takes_what_a_section_takes(browser: httpx.AsyncClient) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    for page in (f"{ABOUT_ME}?heading=my_wellness", f"/plans/{EDITH}/comment"):
        assert f'maxlength="{TEXT_LIMIT}"' in (await browser.get(page)).text


async def test_an_entry_of_which_nothing_is_known_is_not_there(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for entry in ("x", "0199c0de-0000-7000-8000-0000000000d1"):
        assert (await browser.get(f"/plans/{EDITH}/entries/{entry}")).status_code == 404


def form_of(text: str) -> dict[str, str]:
    """The hidden fields of the form that is written in."""
    form = text[text.index('<form method="post" action="/plans/') :]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in found}


ABOUT_ME = f"/plans/{EDITH}/about-me"


async def test_the_person_sees_what_they_wrote_before_it_is_sent_and_sends_it_by_the_front_door(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    form = form_of((await browser.get(ABOUT_ME, params={"heading": "my_wellness"})).text)
    form["text"] = "I sleep badly."
    apis.posts["/v1/contributions:validate"] = 200, {"outcome": "accepted"}
    preview = await browser.post(ABOUT_ME, data={**form, "step": "preview"})
    assert "On a good day I get to the shops" in preview.text
    assert "I sleep badly." in preview.text
    assert not [one for one in apis.asked if one.url.path == "/v1/contributions"], "nothing yet"

    apis.posts["/v1/contributions"] = 201, {"outcome": "accepted", "ledger_position": "here"}
    answer = await browser.post(ABOUT_ME, data={**form_of(preview.text), "step": "send"})
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/plans/{EDITH}?sent=about-me",
    )
    sent = json.loads(apis.asked[-1].content)
    assert sent["command"] == "careplan.about-me.commands.reword.v1"
    assert sent["content"] == {"responses": {"my_wellness": {"text": "I sleep badly."}}}
    assert (sent["based_on"], sent["contribution_id"]) == (1, form["contribution_id"])
    page = await browser.get(answer.headers["location"])
    assert "Your words are in your plan" in page.text
    asked = next(one for one in reversed(apis.asked) if one.url.path == f"/v1/plans/{EDITH}")
    assert asked.headers["ledger-min-position"] == "here"


async def test_what_was_written_on_a_stale_version_stands_beside_what_is_there_now(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    form = form_of((await browser.get(ABOUT_ME, params={"heading": "my_wellness"})).text)
    apis.posts["/v1/contributions"] = 412, {"code": "base-version-stale", "detail": "Changed."}

    def changed(plan: dict[str, Any]) -> None:
        entry = plan["sections"]["about-me"][0]
        entry["entry_version"] = 2
        entry["content"]["responses"]["my_wellness"]["text"] = "Ruth wrote this with me."

    apis.change = changed
    answer = await browser.post(ABOUT_ME, data={**form, "text": "Mine.", "step": "send"})
    assert answer.status_code == 409
    assert "Ruth wrote this with me." in answer.text
    assert "Mine." in answer.text
    again = form_of(answer.text)
    assert again["based_on"] == "2"
    assert again["contribution_id"] != form["contribution_id"], "the refused one is answered"


async def test_a_comment_names_its_entry_and_a_no_keeps_what_was_written(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    path = f"/plans/{EDITH}/comment"
    entry = "83e4d4d7-4b02-53d3-a12f-578a55cf39f8"
    where = {"section": "contingency-plans", "entry_id": entry}
    page = await browser.get(path, params=where)
    assert "About: If I fall or cannot get up" in page.text
    written = {**form_of(page.text), "name": "comment", "text": "She has a new pendant."}
    apis.posts["/v1/contributions"] = 403, {"code": "not-permitted", "detail": "Not you."}
    answer = await browser.post(path, data={**written, "step": "send"})
    assert "Not you." in answer.text
    assert "She has a new pendant." in answer.text
    sent = json.loads(apis.asked[-2].content)
    assert sent["content"] == {
        "target": where,
        "kind": "comment",
        "text": "She has a new pendant.",
    }


async def test_a_form_that_was_tampered_with_is_not_sent(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    form = form_of((await browser.get(ABOUT_ME, params={"heading": "my_wellness"})).text)
    asked = len(apis.asked)
    for wrong in ({"name": "nonsense"}, {"based_on": "x"}, {"contribution_id": "1"}):
        data = {**form, "text": "Mine.", "step": "send", **wrong}
        assert (await browser.post(ABOUT_ME, data=data)).status_code == 400
    assert len(apis.asked) == asked


async def test_the_person_sees_who_has_looked_and_nobody_else_does(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser, "PCSP-EX-01/edith")
    page = await browser.get("/me/access")
    assert apis.asked[-1].url.path == "/v1/audit/me/accesses"
    said = ("November 2026", "Northmoor Ambulance", "without asking first", "October 2026")
    places = [page.text.index(words) for words in said]
    assert places == sorted(places), "newest first, the organisation before all else"
    apis.accesses = []
    assert "Nobody else has looked" in (await browser.get("/me/access")).text


async def test_a_professional_has_no_such_page(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    assert (await browser.get("/me/access")).status_code == 403
    assert "/me/access" not in (await browser.get(f"/plans/{EDITH}")).text
