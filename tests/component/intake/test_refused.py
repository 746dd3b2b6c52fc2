"""Whatever an organisation sends, it is answered where it can be, recorded, and harms nobody."""

import gzip
from functools import partial
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from shared.chassis.kafka.dead_letters import LONGEST_VALUE, Record
from shared.chassis.kafka.event_message import header
from shared.ledger.topics import dead_letters_topic, events_topic, inbox_topic
from shared.testing.raw_names import raw_names_written
from shared.testing.topic_reader import value_of
from tests.component.intake.bench import (
    GOAL,
    NOT_REGISTERED,
    Running,
    agree,
    binary,
    names_of,
    structured,
)
from tests.component.intake.odd import odd_messages

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_what_cannot_be_read_is_answered_and_recorded_and_its_neighbours_are_served(
    intake: Running,
) -> None:
    """Each between two good ones, on one inbox, and good ones on that of somebody else."""
    odd = odd_messages()
    good = [agree() for _ in range(len(odd) + 1)]
    others = [agree() for _ in odd]
    await intake.bench.send(binary(good[0]))
    with raw_names_written():
        for one, neighbour, other in zip(odd.values(), good[1:], others, strict=True):
            await intake.bench.send(one.sent, binary(neighbour))
            await intake.bench.send(binary(other, "zzg01"), org="zzg01")
    for given in (*good, *others):
        await intake.command(given)
    for name, one in odd.items():
        letter = await intake.letter((one.sent.value or b"")[:LONGEST_VALUE])
        assert header(letter, "dead-letter-code") == one.code, name
        assert one.reason in (header(letter, "dead-letter-reason") or ""), name
        assert header(letter, "dead-letter-topic") == intake.bench.prefix + inbox_topic("zzc01")
        await intake.audit.until(partial(_is_told, letter), f"the audit record of {name}")
        record = _told(letter, intake.audit.records)
        assert (record["operation"], record["section"]) == ("unreadable", "intake"), name
        assert record["code"] == one.code, name
        # Whose it was is what the topic says, whatever the message does.
        assert record["actor"]["organisation"] == {"ods": "ZZC01"}, name
        assert record["contribution_id"] == one.named, name
        if one.named is None:
            continue
        (told,) = await intake.receipts.about(one.named)
        assert (told["outcome"], told["code"]) == ("refused", one.code), name
        assert (told["kept"], told["retryable"]) == (False, False)
        assert told["detail"] == header(letter, "dead-letter-reason"), name
    passed = names_of(intake.commands.records)
    assert not {one.named for one in odd.values()} & set(passed)
    for receipt in intake.receipts.records:
        cause = header(receipt, "ce_causationid")
        assert header(receipt, "ce_source") == "urn:careplan:intake"
        assert header(receipt, "ce_id") == f"receipt.intake.{cause}"
    told_on = [
        *(header(letter, "dead-letter-reason") for letter in intake.letters.records),
        *((record.value or b"").decode() for record in intake.audit.records),
        *((record.value or b"").decode() for record in intake.receipts.records),
    ]
    for text in told_on:
        assert not any(word in (text or "").lower() for word in ("walk", "wilma", "cancer"))


async def test_a_claim_to_be_somebody_else_is_refused_and_recorded(intake: Running) -> None:
    before, after = agree(), agree()
    claims = [agree() for _ in range(3)]
    sent = [
        binary(claims[0], "zzg01"),
        structured(claims[1], "zzg01"),
        binary(claims[2], NOT_REGISTERED),
    ]
    await intake.bench.send(binary(before), *sent, binary(after))
    for given in (before, after):
        await intake.command(given)
    for given, claimed in zip(claims, ("ZZG01", "ZZG01", "ZZX99"), strict=True):
        (told,) = await intake.receipts.about(given["contribution_id"])
        assert (told["code"], told["kept"]) == ("organisation-claim-differs", False)
        (record,) = await intake.audit.about(given["contribution_id"])
        assert (record["operation"], record["section"]) == ("refusal", "intake")
        assert record["actor"]["organisation"] == {"ods": "ZZC01"}
        assert record["claimed_organisation"] == claimed
        assert record["plan_id"] == given["plan_id"]
        start, _, code = record["record_id"].split(".")
        assert (start, code) == (f"intake/{given['contribution_id']}", "organisation-claim-differs")
    # The answer goes to whose inbox it was, and to nobody else.
    topics = {
        record.topic
        for record in intake.receipts.records
        if header(record, "ce_causationid") in {given["contribution_id"] for given in claims}
    }
    assert {topic.rpartition("receipts.")[2] for topic in topics} == {"zzc01.v1"}
    assert not {given["contribution_id"] for given in claims} & {*names_of(intake.commands.records)}


async def test_an_inbox_that_nobody_registered_is_answered_nowhere(intake: Running) -> None:
    unheard = [agree() for _ in range(3)]
    heard = [agree() for _ in range(3)]
    for one, other in zip(unheard, heard, strict=True):
        await intake.bench.send(binary(one, NOT_REGISTERED), org=NOT_REGISTERED)
        await intake.bench.send(binary(other))
    for given in heard:
        await intake.command(given)
    for given in unheard:
        letter = await intake.letter(orjson.dumps(given))
        assert "not registered" in (header(letter, "dead-letter-reason") or "")
        await intake.audit.until(partial(_is_told, letter), "its audit record")
        record = _told(letter, intake.audit.records)
        assert record["actor"]["organisation"] == {"ods": "ZZX99"}
    queued = "SELECT count(*) FROM outgoing WHERE topic LIKE $1"
    assert await intake.bench.pool.fetchval(queued, f"%receipts.{NOT_REGISTERED}%") == 0
    assert not {given["contribution_id"] for given in unheard} & {
        *names_of(intake.commands.records)
    }


async def test_a_value_is_judged_by_its_size_before_it_is_decoded(intake: Running) -> None:
    """A few kilobytes on the wire are 20 MB of a value, or a contribution of 1 MiB and a little."""
    before, large, after = agree(), agree(), agree()
    little = agree(content={**GOAL, "why": "a" * 1_048_576})
    sent = binary(large)
    await intake.bench.send(binary(before))
    async with AIOKafkaProducer(
        bootstrap_servers=intake.bench.servers,
        compression_type="gzip",
        max_request_size=64 * 1024 * 1024,
    ) as producer:
        topic = intake.bench.prefix + inbox_topic("zzc01")
        await producer.send_and_wait(topic, b" " * 20_000_000, sent.key, headers=sent.headers)
        packed = gzip.compress(orjson.dumps(agree()))
        await producer.send_and_wait(topic, packed, sent.key, headers=sent.headers)
        sent = binary(little)
        await producer.send_and_wait(topic, sent.value, sent.key, headers=sent.headers)
    await intake.bench.send(binary(after))
    for given in (before, after):
        await intake.command(given)
    (told,) = await intake.receipts.about(little["contribution_id"])
    assert (told["code"], "1048576 bytes" in told["detail"]) == ("body-too-large", True)
    first, second = await intake.receipts.about(large["contribution_id"], 2)
    assert {first["code"], second["code"]} == {"body-too-large", "unreadable-json"}


async def test_no_header_of_a_sender_is_obeyed(intake: Running) -> None:
    """`reply_to` would have a service publish to a topic of the sender's choice."""
    given = agree()
    sent = binary(given)
    target = intake.bench.prefix + dead_letters_topic("intake")
    sent.headers += [
        ("reply_to", target.encode()),
        ("x", None),
        ("y", b"\xff"),
        ("ce_subject", None),
    ]
    sent.headers.append(("traceparent", events_topic("goals").encode()))
    after = binary(agree())
    after.value = b'{"after"'
    await intake.bench.send(sent, after)
    command = await intake.command(given)
    assert not {"reply_to", "traceparent", "x", "y"} & {name for name, _ in command.headers}
    await intake.letter(after.value)
    assert given["contribution_id"] not in names_of(intake.letters.records)


def _is_told(letter: Record, records: list[Record]) -> bool:
    return any(_is_about(one, letter) for one in records)


def _told(letter: Record, records: list[Record]) -> dict[str, Any]:
    return next(value_of(one) for one in records if _is_about(one, letter))


def _is_about(record: Record, letter: Record) -> bool:
    place = f"{header(letter, 'dead-letter-partition')}.{header(letter, 'dead-letter-offset')}"
    named, _, its_place = str(value_of(record)["record_id"]).rpartition("/")
    topic, _, _ = named.removeprefix("intake/").partition("@")
    return (topic, its_place) == (header(letter, "dead-letter-topic"), place)
