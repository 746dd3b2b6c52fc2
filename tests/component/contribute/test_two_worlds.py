"""What a section answers tells nothing of what it withholds: not its words, length or number."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio

from services.contingency_plans.section import SECTION
from shared.ledger import Contributor
from shared.testing.service import contribution, works_for
from tests.component.contribute.running import NURSE, Running, section_running

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

COMMANDS = "careplan.contingency-plans.commands."
COUNCIL = works_for("ZZL01")
SAID = {"provenance": {"stated_by": {"kind": "person"}}}
WORLDS = (
    ["Hides at the shelter"],
    ["Calls Ruth, who keeps a room for her", "Takes the night bus to her sister"],
)
_OF_ONE_ANSWER = ("ledger_position", "recorded_at", "at", "correlation_id", "instance")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plans(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("two-worlds")
    async with section_running(SECTION, postgres_url, kafka_servers, folder) as it:
        yield it


async def sent(
    running: Running, by: Any, command: str, content: Any, plan_id: UUID, **others: Any
) -> httpx.Response:
    given = contribution(f"{COMMANDS}{command}.v1", content, plan_id, **{**SAID, **others})
    return await running.door.contribute(given, by)


@dataclass(frozen=True)
class Reader:
    """Who asks, and the restriction that keeps something from them."""

    kind: str
    hidden: dict[str, Any]

    async def at(self, running: Running, plan_id: UUID) -> tuple[Contributor, dict[str, Any]]:
        """As whom they contribute to a plan, and the provenance that they give."""
        if self.kind == "council":
            return COUNCIL, SAID["provenance"]
        if self.kind == "person":
            return Contributor("person", "edith", "Edith Marlow-Synth", plan_id=plan_id), {}
        proxy_id = await running.bench.appoint(plan_id, "ruth")
        named = {"section": "care-team", "entry_id": str(proxy_id)}
        ruth = Contributor("related-person", "ruth", "Ruth Marlow-Synth", plan_id=plan_id)
        return ruth, {"on_behalf_of": {"kind": "person", "proxy": named}}


READERS: Final = (
    Reader("council", {"labels": ["address"]}),
    Reader("person", {"withheld_from_person": True, "approved_by": "Dr A. Quill-Synth"}),
    Reader("proxy", {"third_party": True}),
)


async def answers(running: Running, secrets: list[str], reader: Reader) -> list[Any]:
    """What somebody is answered in a plan with these secrets, from whom they are withheld."""
    plan_id, part, whole = uuid4(), uuid4(), uuid4()
    await running.bench.know_plans([plan_id], known_to=["ZZC01", "ZZL01"])
    by, provenance = await reader.at(running, plan_id)
    content = {
        "triggers": [{"text": "On the floor and cannot rise"}],
        "coping_strategies": [{"text": text} for text in secrets],
    }
    hidden = {**reader.hidden, "reason": f"Because of {secrets[0]}"}
    for entry_id, fields in ((part, {"fields": ["coping_strategies"]}), (whole, {})):
        answer = await sent(
            running, NURSE, "prepare", content, plan_id,
            entry_id=str(entry_id), visibility={**hidden, **fields}, provenance={},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        for version, text in enumerate(secrets * (3 - len(secrets)), 1):
            said = {"text": text, "starts_at": "2026-03-10T09:00:00Z"}
            more = {"entry_id": str(entry_id), "based_on": version}
            answer = await sent(running, NURSE, "add-coping-strategy", said, plan_id, **more)
            assert answer.status_code == 201, answer.text
    told: list[Any] = []
    mine = {"text": "Presses the pendant", "starts_at": "2026-03-10T09:00:00Z"}
    for entry_id in (part, whole, uuid4()):
        for based_on in (1, 3, 9):
            given = contribution(
                f"{COMMANDS}add-coping-strategy.v1", mine, plan_id,
                entry_id=str(entry_id), based_on=based_on, provenance=provenance,
            )  # fmt: skip
            looked = await running.door.validate(given, by)
            assert looked.status_code == 200, looked.text
            told.append(looked)
            if based_on != 3:
                told.append(await running.door.contribute(given, by))
                told.append(await running.door.contribute(given, by))
                told.append(await running.door.receipt(given["contribution_id"], by))
    held = await running.door.validate(
        contribution(
            f"{COMMANDS}add-coping-strategy.v1", mine, plan_id,
            entry_id=str(part), based_on=3, **SAID,
        ),
        NURSE,
    )  # fmt: skip
    assert secrets[0] in held.text, "whoever put it there is shown it"
    everything = b"".join(one.content + repr(one.headers).encode() for one in told)
    assert not [one for one in secrets if one.encode() in everything]
    known = {str(plan_id): "plan", str(part): "part", str(whole): "whole"}
    return [(one.status_code, _plain(orjson.loads(one.content), known)) for one in told]


def _plain(given: Any, known: dict[str, str]) -> Any:
    """What was said, without ids and clocks, which differ between any two plans."""
    if isinstance(given, dict):
        return {
            name: _plain(one, known) for name, one in given.items() if name not in _OF_ONE_ANSWER
        }
    if isinstance(given, list):
        return [_plain(one, known) for one in given]
    if isinstance(given, str) and len(given) == len(str(UUID(int=0))) and given.count("-") == 4:
        return known.get(given, "an id")
    return given


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.kind)
async def test_two_plans_that_differ_in_what_is_withheld_are_answered_alike(
    plans: Running, reader: Reader
) -> None:
    left, right = [await answers(plans, secrets, reader) for secrets in WORLDS]
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one == other
    assert any("changed_since" in str(body) for _, body in left)
    accepted = [body for _, body in left if body.get("outcome") == "accepted"]
    assert accepted
    for body in accepted:
        (event,) = body["events"]
        assert event["withheld"] == ["coping_strategies"]
        assert event["content"] == {}


async def test_a_repeat_is_shown_by_what_another_replica_has_withheld_since(
    plans: Running,
) -> None:
    plan_id = uuid4()
    await plans.bench.know_plans([plan_id], known_to=["ZZC01", "ZZL01"])
    content = {
        "triggers": [{"text": "On the floor and cannot rise"}],
        "coping_strategies": [{"text": WORLDS[0][0]}],
    }
    made = await sent(plans, NURSE, "prepare", content, plan_id)
    assert made.status_code == 201, made.text
    entry_id = made.json()["entry_id"]
    given = contribution(
        f"{COMMANDS}add-coping-strategy.v1",
        {"text": "Presses the pendant", "starts_at": "2026-03-10T09:00:00Z"},
        plan_id, entry_id=entry_id, based_on=1, **SAID,
    )  # fmt: skip
    assert (await plans.door.contribute(given, COUNCIL)).status_code == 201
    assert WORLDS[0][0] in (await plans.door.validate(given, COUNCIL)).text
    hidden = {"fields": ["coping_strategies"], "labels": ["address"], "reason": "Safety"}
    async with plans.bench.running("another") as door:
        restrict = contribution(
            f"{COMMANDS}restrict.v1", hidden, plan_id, entry_id=entry_id, based_on=2, **SAID
        )
        answer = await door.contribute(restrict, NURSE)
        assert answer.status_code == 201, answer.text
    (event,) = (await plans.door.validate(given, COUNCIL)).json()["events"]
    assert (event["content"], event["withheld"]) == ({}, ["coping_strategies"])
