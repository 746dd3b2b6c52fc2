"""What is right is passed on: to its section, byte by byte, in order, as whose inbox it is."""

import asyncio
from uuid import uuid4

import orjson
import pytest

from shared.chassis.kafka.event_message import header
from shared.ledger.topics import commands_topic, inbox_topic, receipts_topic
from shared.testing.service import contribution
from shared.testing.stack import create_topics
from tests.component.intake.bench import (
    BY_THE_PERSON,
    ROOT,
    Running,
    agree,
    binary,
    names_of,
    structured,
)

OPEN_PLAN = "careplan.person.commands.open-plan"
EXAMPLES = ROOT / "contracts" / OPEN_PLAN / "examples" / "valid"

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("org", ["zzc01", "x-harbour-homes"])
async def test_a_contribution_is_passed_on_as_it_came(intake: Running, org: str) -> None:
    given = agree()
    sent = binary(given, org)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent.headers.append(("traceparent", trace.encode()))
    await intake.bench.send(sent, org=org)
    command = await intake.command(given)
    assert command.topic == intake.bench.prefix + commands_topic("goals")
    assert (command.value, command.key) == (sent.value, sent.key)
    assert dict(command.headers) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": given["contribution_id"].encode(),
        "ce_source": f"urn:careplan:org:{org}".encode(),
        "ce_type": given["command"].encode(),
        "ce_partitionkey": given["plan_id"].encode(),
        "traceparent": trace.encode(),
    }


async def test_structured_mode_is_passed_on_in_binary_mode(intake: Running) -> None:
    given = agree(content={**agree()["content"], "why": "So I can choose æøå"})
    sent = structured(given, subject="whatever", partitionkey=None, data=given)
    await intake.bench.send(sent)
    command = await intake.command(given)
    # The bytes of `data`, not another way of writing the same.
    assert command.value == binary(given).value
    assert command.value is not None
    assert command.value in (sent.value or b"")
    assert header(command, "content-type") == "application/json"
    assert header(command, "ce_source") == "urn:careplan:org:zzc01"


async def test_what_a_sender_says_grants_nothing(intake: Running) -> None:
    """Roles come from what was granted to the inbox, and from nothing that stands in it."""
    plain_one, granted = agree(), agree()
    claims = [
        ("ce_roles", b"registration-service,data-quality"),
        ("ce_authtype", b"user"),
        ("ce_authclaims", b"{}"),
        ("reply_to", (intake.bench.prefix + receipts_topic("zzg01")).encode()),
        ("ce_partitionkey", b"another"),
    ]
    for given, org in ((plain_one, "zzc01"), (granted, "zzg01")):
        sent = binary(given, org)
        sent.headers += claims
        await intake.bench.send(sent, org=org)
    command = await intake.command(plain_one)
    assert {name for name, _ in command.headers} == {
        *("content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_partitionkey"),
    }
    assert header(command, "ce_partitionkey") == plain_one["plan_id"]
    assert header(await intake.command(granted), "ce_roles") == "registration-service"


async def test_each_section_gets_its_own(intake: Running) -> None:
    plan_id = uuid4()
    opened = contribution(
        f"{OPEN_PLAN}.v1",
        orjson.loads(next(EXAMPLES.glob("*.json")).read_bytes()),
        plan_id,
        provenance=BY_THE_PERSON,
    )
    goal = agree(plan_id)
    await intake.bench.send(binary(opened), binary(goal))
    for given, section in ((opened, "person"), (goal, "goals")):
        command = await intake.command(given)
        assert command.topic == intake.bench.prefix + commands_topic(section)


async def test_contributions_of_a_plan_keep_their_order(intake: Running) -> None:
    plans = [uuid4() for _ in range(12)]
    given = [[agree(plan_id) for plan_id in plans] for _ in range(60)]
    for turn in given:
        await intake.bench.send(*map(binary, turn))
    await asyncio.gather(*(intake.command(item) for turn in given for item in turn))
    passed = names_of(intake.commands.records)
    for of_one_plan in zip(*given, strict=True):
        ids = [item["contribution_id"] for item in of_one_plan]
        assert [one for one in passed if one in set(ids)] == ids


async def test_an_inbox_that_is_made_later_is_read_from_its_beginning(intake: Running) -> None:
    org = "zzh01"
    prefix = intake.bench.prefix
    topics = [prefix + inbox_topic(org), prefix + receipts_topic(org)]
    await create_topics(intake.bench.servers, topics)
    given = agree()
    await intake.bench.send(binary(given, org), org=org)
    command = await intake.command(given)
    assert header(command, "ce_source") == f"urn:careplan:org:{org}"
