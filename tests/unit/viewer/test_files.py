"""The files that entries name, as a browser gets them: with the reader's token, and never run."""

import httpx
import pytest

from tests.browser.recorded_apis import RecordedApis
from tests.unit.viewer.laid_out import answered, shown, statements_of
from tests.unit.viewer.laid_out import entries_of as all_entries
from tests.unit.viewer.test_pages import sign_in

GEORGE = "bd274cc0-0c75-56ee-a75c-a2b2245f355c"
PICTURE = "09b1fbcaac804fce8365fbc08337b6063894a3cf89330c1756186071eeeaebeb"
PATH = f"/plans/{GEORGE}/files/support-plans/{PICTURE}"
MOIRA = "PCSP-EX-04/moira"


@pytest.mark.asyncio
async def test_a_picture_opens_from_its_entry_with_words_for_those_who_cannot_see_it(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    apis.files[PICTURE] = "image/jpeg", b"\xff\xd8picture"
    await sign_in(browser, MOIRA)
    page = (await browser.get(f"/plans/{GEORGE}")).text
    words = "Picture: Left shin with a ruler; George took the picture"
    assert f'<img src="{PATH}" alt="{words}" loading="lazy">' in page
    answer = await browser.get(PATH)
    assert (answer.status_code, answer.content) == (200, b"\xff\xd8picture")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == "inline"
    asked = apis.asked[-1]
    assert str(asked.url) == f"http://support-plans/v1/media/{PICTURE}?plan_id={GEORGE}"
    assert asked.headers["authorization"].startswith("Bearer ")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("mime", "given", "disposition"),
    [
        ("image/png", "image/png", "inline"),
        ("video/mp4", "video/mp4", "inline"),
        ("application/pdf", "application/pdf", "attachment"),
        ("text/html", "application/octet-stream", "attachment"),
        ("image/svg+xml", "application/octet-stream", "attachment"),
        ("application/xhtml+xml", "application/octet-stream", "attachment"),
        ("", "application/octet-stream", "attachment"),
    ],
)
async def test_nothing_active_is_ever_opened_in_the_browser(
    browser: httpx.AsyncClient, apis: RecordedApis, mime: str, given: str, disposition: str
) -> None:
    apis.files[PICTURE] = mime, b"<script>alert(1)</script>"
    await sign_in(browser, MOIRA)
    answer = await browser.get(PATH)
    assert answer.headers["content-type"] == given
    assert answer.headers["content-disposition"].partition(";")[0] == disposition
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers, "only what a browser needs is passed on"


@pytest.mark.asyncio
async def test_a_player_is_given_the_part_that_it_asks_for(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    apis.files[PICTURE] = "video/mp4", b"0123456789"
    await sign_in(browser, MOIRA)
    answer = await browser.get(PATH, headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["content-range"] == "bytes 2-4/10"


@pytest.mark.asyncio
async def test_a_file_that_a_reader_is_not_given_is_a_page_that_says_so(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    assert (await browser.get(PATH)).headers["location"].startswith("/sign-in")
    await sign_in(browser, MOIRA)
    answer = await browser.get(PATH)
    assert answer.status_code == 404
    assert "There is no such file" in answer.text
    asked = len(apis.asked)
    for path in (f"/plans/{GEORGE}/files/support-plans/x", f"/plans/{GEORGE}/files/A/{PICTURE}"):
        assert (await browser.get(path)).status_code == 404
    assert len(apis.asked) == asked, "nobody is asked for what is no file"
    gone = await browser.get(f"/plans/{GEORGE}/files/goals/{PICTURE}")
    assert gone.status_code == 503, "a section that the viewer has no address of"


def test_a_document_has_its_stored_copy_beside_what_is_said_of_it() -> None:
    plan = dict(answered())
    held = {"title": "ReSPECT form", "sha256": PICTURE, "mime": "application/pdf"}
    documents = [one for one in plan["sections"]["stewardship"]
                 if one["entry_type"] == "linked-document"]  # fmt: skip
    changed = {**documents[0], "content": {**documents[0]["content"], "document": held}}
    plan["sections"] = {**plan["sections"], "stewardship": [changed]}
    found = [
        row
        for entry in all_entries(shown(plan))
        for statement in statements_of(entry)
        for label, row in statement.value.rows
        if label == "Stored copy"
    ]
    (copy,) = found
    assert copy.kind == "file"
    assert copy.text == "Document: ReSPECT form"
    assert copy.target == f"/plans/{plan['plan_id']}/files/stewardship/{PICTURE}"
