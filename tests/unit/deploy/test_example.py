"""The example plan as data: who said what, in which order, under ids that never change."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from deploy.local.example.plan import PLAN_ID, STEPS, entry_id
from deploy.local.example.sow import _Sower
from deploy.organisations import organisations
from shared.testing.tokens import TestIssuer


def test_the_steps_are_in_order_and_of_listed_organisations() -> None:
    assert [step.number for step in STEPS] == list(range(1, 8))
    assert [step.stated_at for step in STEPS] == sorted(step.stated_at for step in STEPS)
    listed = {organisation.code for organisation in organisations()}
    assert {step.by.org for step in STEPS if step.by.org} == listed


def test_an_entry_is_created_once_and_before_it_changes() -> None:
    known: set[str] = set()
    for said in (said for step in STEPS for said in step.contributions):
        assert said.creates == (said.entry not in known), said
        known.add(said.entry)


def test_ids_are_fixed_and_each_contribution_has_its_own() -> None:
    ids = [step.contribution_id(said) for step in STEPS for said in step.contributions]
    assert len(set(ids)) == len(ids)
    assert PLAN_ID == entry_id("person") == "3ae6ef81-5ace-5780-905e-b4f26c5d67dc"


def test_the_persons_own_words_come_by_herself() -> None:
    by_herself = [step for step in STEPS if not step.by.org]
    assert [said.command for step in by_herself for said in step.contributions] == ["begin"]


@pytest.mark.asyncio
async def test_its_last_contribution_is_found_behind_any_number_of_newer_records(
    tmp_path: Path,
) -> None:
    """On a stack that has been used for long, a second `make seed` ends as the first one did."""
    last = str(uuid4())

    def audit(request: httpx.Request) -> httpx.Response:
        records = [{"contribution_id": str(uuid4())} for _ in range(500)]
        records.append({"contribution_id": last})
        asked = request.url.params
        named = asked.get("contribution_id")
        found = [one for one in records if named in (None, one["contribution_id"])]
        return httpx.Response(200, json={"items": found[: int(asked["limit"])], "next": "more"})

    signer = TestIssuer(tmp_path).signer
    async with httpx.AsyncClient(transport=httpx.MockTransport(audit)) as client:
        sower = _Sower(client, {"audit": "http://audit"}, signer, {}, last_contribution=last)
        await sower.until_shown()
