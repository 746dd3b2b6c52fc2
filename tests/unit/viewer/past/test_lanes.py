"""Contributions over time: a table and lanes, and an entry whose history is long."""

from typing import Any

import httpx
import pytest

from services.viewer.shown.past.lanes import Lanes, lanes_of
from tests.browser.recorded_apis import EDITH, RecordedApis
from tests.unit.viewer.laid_out import CLOCK
from tests.unit.viewer.test_pages import sign_in

LARKFIELD = {"kind": "organisation", "organisation": {"ods": "ZZG01", "name": "Larkfield"}}
SILENT = {"kind": "organisation", "organisation": {"ods": "ZZH01", "name": "Kestrel"}}
HERSELF: dict[str, Any] = {"kind": "person", "organisation": None}


def shown(*by_month: tuple[dict[str, Any], str, int], withheld: int = 0) -> Lanes:
    months = [{**who, "month": month, "total": number} for who, month, number in by_month]
    whole = [
        {**who, "total": sum(number for one, _, number in by_month if one is who),
         "created": 1, "commented": 2, "last_at": "2026-11-05T09:30:00Z"}
        for who in (LARKFIELD, HERSELF)
    ]  # fmt: skip
    silent = {**SILENT, "total": 0, "joined_at": "2026-06-01T08:00:00Z"}
    return lanes_of(months, [*whole, silent], withheld, CLOCK)


def test_each_contributor_has_a_lane_with_every_month_and_the_silent_are_named() -> None:
    found = shown((LARKFIELD, "2026-08", 4), (LARKFIELD, "2026-11", 2), (HERSELF, "2026-10", 1))
    assert [month.words for month in found.months] == [
        "August 2026", "September 2026", "October 2026", "November 2026",
    ]  # fmt: skip
    larkfield, herself = found.lanes
    assert (larkfield.name, larkfield.numbers, larkfield.total) == ("Larkfield", (4, 0, 0, 2), 6)
    assert (herself.name, herself.kind, herself.numbers) == ("The person", "person", (0, 0, 1, 0))
    assert larkfield.did == "1 added, 2 commented"
    assert found.silent == (("Kestrel", "1 June 2026"),)
    assert found.words == "7 contributions. Larkfield: 6; The person: 1."
    assert not found.has_earlier
    highest, other = larkfield.bars
    assert highest.height == 2 * other.height
    assert {bar.y + bar.height for bar in larkfield.bars} == {larkfield.y + 38}


def test_a_month_leads_to_the_two_days_between_which_it_lies() -> None:
    found = shown((LARKFIELD, "2026-02", 1), (HERSELF, "2026-12", 1))
    first, last = found.months[0], found.months[-1]
    assert (first.before, first.last) == ("2026-01-31", "2026-02-28")
    assert (last.before, last.last) == ("2026-11-30", "2026-12-01"), "today, and no day to come"


def test_of_a_longer_time_the_last_two_years_are_shown() -> None:
    found = shown((LARKFIELD, "2019-01", 5), (LARKFIELD, "2026-11", 1))
    assert len(found.months) == 24
    assert found.has_earlier
    assert (found.lanes[0].earlier, found.lanes[0].total) == (5, 6)


def test_of_nothing_there_is_no_picture() -> None:
    found = lanes_of([], [], 3, CLOCK)
    assert (found.months, found.lanes, found.withheld) == (
        (), (), "3 contributions not shared with you",
    )  # fmt: skip


@pytest.mark.asyncio
async def test_all_pages_of_what_was_counted_are_on_the_screen(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)
    page = await browser.get(f"/plans/{EDITH}/contributions")
    assert page.status_code == 200
    assert 'role="img"' in page.text
    asked = [one.url.params["group_by"] for one in apis.asked if "group_by" in one.url.params]
    assert asked == ["organisation,month", "organisation"]


@pytest.mark.asyncio
async def test_an_entry_whose_plan_has_a_long_history_is_looked_through_part_by_part(
    browser: httpx.AsyncClient, apis: RecordedApis
) -> None:
    await sign_in(browser)

    def never_ends(answer: dict[str, Any]) -> None:
        if "next" in answer:
            answer["next"] = "on"
            answer["items"] = []

    apis.change = never_ends
    path = f"/plans/{EDITH}/entries/83e4d4d7-4b02-53d3-a12f-578a55cf39f8?section=goals"
    page = (await browser.get(path)).text
    assert "among these 1000 contributions" in page
    assert f"{path.replace('&', '&amp;')}&amp;cursor=on" in page
    pages = [one for one in apis.asked if one.url.path.endswith("/history")]
    assert len(pages) == 20
