"""In an emergency a file is given that the emergency view names, and no other."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.ledger import Contributor
from shared.ledger.topics import AUDIT_RECORDS
from shared.testing import files
from shared.testing.service import works_for
from shared.testing.topic_reader import value_of
from tests.component.media.running import (
    ADD,
    BIG,
    IN_ERROR,
    NURSE,
    ON_THEIR_WORD,
    REMOVE,
    RESTRICT,
    AboutMe,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

CREW = works_for("ZZA01", "paramedic")
EMERGENCY = {"Ledger-Purpose": "emergency", "Ledger-Reason": "cannot-ask"}
PICTURE = files.PICTURE
SET_ASIDE = "careplan.about-me.commands.set-aside.v1"


async def fetched(
    about_me: AboutMe, plan_id: UUID, by: Contributor = CREW, sha256: str = PICTURE.sha256,
    **headers: str,
) -> httpx.Response:  # fmt: skip
    return await about_me.door.fetch(sha256, plan_id, by, **{**EMERGENCY, **headers})


async def strangers_file(about_me: AboutMe) -> UUID:
    """The plan of somebody whom the nurse's organisation alone looks after, with a file."""
    plan_id = uuid4()
    await about_me.bench.know_plans([plan_id], known_to=["ZZC01"])
    assert (await about_me.door.store(PICTURE, plan_id, NURSE)).status_code == 201
    answer = await about_me.shown(PICTURE, plan_id)
    assert answer.status_code == 201, answer.text
    return plan_id


async def test_who_has_no_relationship_is_given_it_under_an_override_with_an_alert(
    about_me: AboutMe,
) -> None:
    plan_id = await strangers_file(about_me)
    usual = await about_me.door.fetch(PICTURE.sha256, plan_id, CREW)
    problem(usual, 403, "no-live-relationship")
    without = await about_me.door.fetch(
        PICTURE.sha256, plan_id, CREW, **{"Ledger-Purpose": "emergency"}
    )
    problem(without, 400, "parameter-invalid")
    async with about_me.bench.reader(AUDIT_RECORDS) as audit:
        given = [await fetched(about_me, plan_id) for _ in range(2)]
        assert {(one.status_code, one.content) for one in given} == {(200, PICTURE.content)}
        assert len({one.headers["ledger-override-ends"] for one in given}) == 1
        ids = {one.headers["ledger-access-id"] for one in given}

        def are_there(told: Any) -> bool:
            found = [value_of(one) for one in told]
            alerts = [one for one in found if one["operation"] == "alert"]
            return ids <= {one["record_id"] for one in found} and bool(alerts)

        records = [value_of(one) for one in await audit.until(are_there, "they are recorded")]
    told = [one for one in records if one["plan_id"] == str(plan_id)]
    (alert,) = [one for one in told if one["operation"] == "alert"]
    assert (alert["type"], alert["code"], alert["what"]) == ("alert.raised", "break-glass", "media")
    assert "status" not in alert
    reads = [one for one in told if one["record_id"] in ids]
    assert {one["purpose_of_use"] for one in reads} == {"BTG"}
    assert {one["override"]["override_id"] for one in reads} == {alert["override"]["override_id"]}
    # They say why at the service that gave it.
    path = f"/v1/accesses/{given[0].headers['ledger-access-id']}:justify"
    why = {"basis": "vital-interest", "text": "She pointed at the picture"}
    headers = about_me.door.issuer.bearer(CREW)
    answer = await about_me.door.client.post(path, json=why, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_what_the_emergency_view_does_not_name_is_not_there(about_me: AboutMe) -> None:
    plan_id = await strangers_file(about_me)
    await about_me.door.store(BIG, plan_id, NURSE)
    added = {"heading": "my_wellness", "media": BIG.named}
    answer = await about_me.contribute(ADD, added, plan_id, based_on=1)
    assert answer.status_code == 201, answer.text
    unknown = [
        await fetched(about_me, plan_id, sha256=BIG.sha256),
        await fetched(about_me, plan_id, sha256="0" * 64),
        await fetched(about_me, uuid4()),
    ]
    for one in unknown:
        told = problem(one, 404, "media-unknown")
        assert "ledger-access-id" in one.headers, "who broke the glass for nothing is recorded"
        assert told["detail"] == unknown[0].json()["detail"]
    # Who looks after her sees it, for the same purpose, without an override.
    nurse = await fetched(about_me, plan_id, NURSE, sha256=BIG.sha256)
    assert (nurse.status_code, "ledger-override-ends" in nurse.headers) == (200, False)
    # Neither a system nor an officer breaks the glass.
    for by in (works_for("ZZA01", "privacy-officer"), Contributor("person", "b", plan_id=uuid4())):
        problem(await fetched(about_me, plan_id, by), 403, "not-permitted")


async def test_what_is_withheld_or_gone_stays_so(about_me: AboutMe) -> None:
    plan_id = await strangers_file(about_me)
    restriction = {"labels": ["address"], "fields": ["responses.how_i_communicate"]}
    answer = await about_me.contribute(
        RESTRICT, {**restriction, "reason": "Safety"}, plan_id, based_on=1, provenance={}
    )
    assert answer.status_code == 201, answer.text
    problem(await fetched(about_me, plan_id), 404, "media-unknown")

    removed = await strangers_file(about_me)
    content = {"media_id": PICTURE.named["media_id"], "reason": "No longer"}
    answer = await about_me.contribute(REMOVE, content, removed, based_on=1)
    assert answer.status_code == 201, answer.text
    problem(await fetched(about_me, removed), 404, "media-unknown")
    assert (await fetched(about_me, removed, NURSE)).status_code == 200, "past plans show it"

    for command in (SET_ASIDE, IN_ERROR):
        gone = await strangers_file(about_me)
        answer = await about_me.contribute(
            command, {"reason": "Wrong"}, gone, based_on=1, provenance=ON_THEIR_WORD
        )
        assert answer.status_code == 201, answer.text
        problem(await fetched(about_me, gone), 404, "media-unknown")


async def test_an_objection_is_set_aside_for_what_an_emergency_needs(about_me: AboutMe) -> None:
    plan_id = await strangers_file(about_me)
    await about_me.bench.relate([plan_id], "ZZA01", objection={"scope": None})
    problem(await about_me.door.fetch(PICTURE.sha256, plan_id, CREW), 403, "no-live-relationship")
    given = await fetched(about_me, plan_id)
    assert (given.status_code, given.content) == (200, PICTURE.content)
    rows = await about_me.bench.pool.fetch(
        "SELECT kind FROM ledger.access_override WHERE plan_id = $1", plan_id
    )
    assert [row["kind"] for row in rows] == ["objection"]
