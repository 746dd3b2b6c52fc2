"""The pages as a browser gets them: who sees what, under which headers, from which requests."""

import re
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.browser.recorded_apis import EDITH, RecordedApis
from tests.browser.serving import viewer

pytestmark = pytest.mark.asyncio

PRIYA = "PCSP-EX-01/priya"


@pytest.fixture
def apis() -> RecordedApis:
    return RecordedApis()


@pytest_asyncio.fixture
async def browser(apis: RecordedApis, tmp_path: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(viewer(apis, tmp_path))
    return httpx.AsyncClient(transport=transport, base_url="http://viewer")


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
    (asked,) = apis.asked
    assert asked.headers["authorization"].startswith("Bearer ")
    assert asked.url.params["include"] == "authorship,derived,findings,reviews"


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
