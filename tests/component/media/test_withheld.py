"""Nobody learns from any door whether a file that is withheld from them is on the plan."""

import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from shared.testing import files
from shared.testing.service import contribution
from tests.component.media.running import (
    ADD,
    BEGIN,
    COUNCIL,
    IN_ERROR,
    NURSE,
    ON_THEIR_WORD,
    RESTRICT,
    AboutMe,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

PICTURE = files.PICTURE
HIDDEN = {"labels": ["address"], "fields": ["responses.how_i_communicate"], "reason": "Safety"}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_ONE_ANSWER = ("date", "ledger-access-id", "ledger-position", "x-correlation-id", "ratelimit")


async def a_plan(about_me: AboutMe, *, with_file: bool) -> UUID:
    """A plan in which how they communicate is withheld from the council, with or without a file."""
    plan_id = await about_me.plan()
    said: dict[str, Any] = {"text": "Slowly"}
    if with_file:
        assert (await about_me.door.store(PICTURE, plan_id, NURSE)).status_code == 201
        said = {"media": [PICTURE.named]}
    content = {"responses": {"how_i_communicate": said, "my_wellness": {"text": "Well"}}}
    assert (await about_me.contribute(BEGIN, content, plan_id)).status_code == 201
    answer = await about_me.contribute(RESTRICT, HIDDEN, plan_id, based_on=1, provenance={})
    assert answer.status_code == 201, answer.text
    return plan_id


async def answers(about_me: AboutMe, plan_id: UUID) -> list[httpx.Response]:
    """Whatever the council can ask about the file, before and after it stores the same one."""
    door, sha256 = about_me.door, PICTURE.sha256

    async def fetched() -> list[httpx.Response]:
        asked: list[dict[str, str]] = [{}, {"Range": "bytes=0-0"}, {"If-None-Match": "*"}]
        return [await door.fetch(sha256, plan_id, COUNCIL, **headers) for headers in asked]

    def naming(**others: Any) -> dict[str, Any]:
        content = {"heading": "my_wellness", "media": {**PICTURE.named, **others}}
        return contribution(ADD, content, plan_id, based_on=2, provenance=ON_THEIR_WORD)

    told = await fetched()
    for given in (naming(), naming(size=1), naming(mime="image/jpeg")):
        told += [await door.validate(given, COUNCIL), await door.contribute(given, COUNCIL)]
    told += [await door.store(PICTURE, plan_id, COUNCIL) for _ in range(2)]
    told += await fetched()
    for given in (naming(size=1), naming()):
        told += [await door.validate(given, COUNCIL), await door.contribute(given, COUNCIL)]
    told += await fetched()
    gone = {"reason": "Wrong plan"}
    given = contribution(IN_ERROR, gone, plan_id, based_on=3, provenance=ON_THEIR_WORD)
    told += [await door.contribute(given, NURSE), *await fetched()]
    return told


def comparable(answer: httpx.Response, known: dict[str, str]) -> tuple[Any, ...]:
    """All that was said, without ids and clocks, which differ between any two plans."""
    headers = {name: of for name, of in answer.headers.items() if name not in _OF_ONE_ANSWER}
    is_json = "json" in headers.get("content-type", "")
    said = _plain(orjson.loads(answer.content), known) if is_json else answer.content
    return answer.status_code, len(answer.content), said, _plain(headers, known)


def _plain(given: Any, known: dict[str, str]) -> Any:
    if isinstance(given, dict):
        passed_over = ("recorded_at", "added_at", "correlation_id", "ledger_position")
        return {key: _plain(of, known) for key, of in given.items() if key not in passed_over}
    if isinstance(given, list):
        return [_plain(one, known) for one in given]
    if isinstance(given, str):
        for name, plain in known.items():
            given = given.replace(name, plain)
        return _ID.sub("an id", given)
    return given


async def test_two_plans_of_which_one_has_a_file_that_is_withheld_are_answered_alike(
    about_me: AboutMe,
) -> None:
    found = []
    for with_file in (True, False):
        plan_id = await a_plan(about_me, with_file=with_file)
        told = await answers(about_me, plan_id)
        found.append([comparable(one, {str(plan_id): "the plan"}) for one in told])
    assert len(found[0]) == len(found[1])
    for left, right in zip(*found, strict=True):
        without_ids = [(one[0], *one[2:]) for one in (left, right)]
        assert without_ids[0] == without_ids[1]
    statuses = [one[0] for one in found[0]]
    assert statuses[:9] == [404, 404, 404, 200, 404, 200, 404, 200, 404]
    assert statuses[9:11] == [201, 200]
    assert statuses[11:14] == [200, 206, 304]


async def test_whoever_stored_it_or_is_shown_it_names_it_and_nobody_else(
    about_me: AboutMe,
) -> None:
    plan_id = await about_me.plan()
    await about_me.door.store(PICTURE, plan_id, NURSE)
    problem(await _shown_by_council(about_me, plan_id), 404, "media-unknown")
    assert (await about_me.shown(PICTURE, plan_id)).status_code == 201
    added = {"heading": "my_wellness", "media": PICTURE.named}
    answer = await about_me.contribute(ADD, added, plan_id, COUNCIL, based_on=1)
    assert answer.status_code == 201, answer.text
    # A repeat is given its receipt, though what it stored was named.
    other = uuid4()
    await about_me.bench.know_plans([other])
    await about_me.door.store(PICTURE, other, NURSE)
    content = {"responses": {"how_i_communicate": {"media": [PICTURE.named]}}}
    given = contribution(BEGIN, content, other, provenance=ON_THEIR_WORD)
    assert (await about_me.door.contribute(given, NURSE)).status_code == 201
    assert (await about_me.door.contribute(given, NURSE)).status_code == 200


async def _shown_by_council(about_me: AboutMe, plan_id: UUID) -> httpx.Response:
    content = {"responses": {"how_i_communicate": {"media": [PICTURE.named]}}}
    return await about_me.contribute(BEGIN, content, plan_id, COUNCIL)
