"""What cannot be read is a dead letter, and its neighbours are served."""

from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from shared.chassis.kafka.dead_letters import LONGEST_VALUE
from shared.chassis.kafka.event_message import header
from shared.ledger.topics import commands_topic, events_topic
from shared.testing.events import History
from shared.testing.events import value_of as value_of_event
from shared.testing.raw_names import as_written, raw_name, raw_names_written
from shared.testing.service import headers_of
from shared.testing.topic_reader import value_of
from tests.component.kafka.commands.goals import (
    GOAL,
    PLAN,
    WILMA,
    Goals,
    agree,
    has_one_about,
    is_about,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


def odd_records() -> dict[str, tuple[bytes | None, bytes | None, list[Any], str, str | None]]:
    """Value, key, headers, what the reason says, and the code of the answer if there is one."""
    key = str(PLAN).encode()
    odd: dict[str, tuple[bytes | None, bytes | None, list[Any], str, str | None]] = {}

    def add(
        name: str,
        reason: str,
        code: str | None = "content-invalid",
        *,
        value: bytes | None = b"",
        given: dict[str, Any] | None = None,
        key: bytes | None = key,
        named: dict[str, bytes | None] | None = None,
        without: str | None = None,
        **headers: bytes | None,
    ) -> None:
        given = given or agree()
        told = {**dict(headers_of(given, "ZZC01")), **headers, **(named or {})}
        told.pop(without or "", None)
        # Something to tell it by, unless its value is what is odd.
        body = orjson.dumps(given) if value == b"" else value
        odd[name] = (body, key, list(told.items()), reason, code)

    add("a tombstone", "tombstone", "unreadable-json", value=None)
    add("not JSON", "not JSON", "unreadable-json", value=b"{not JSON")
    add("not UTF-8", "not UTF-8", "unreadable-json", value=b"\xff\xfe")
    add("a key twice", "twice", "unreadable-json", value=b'{"a": 1, "a": 2}')
    add("deep", "nested deeper", "unreadable-json", value=b"[" * 500_000)
    add("no object", "must be an object", value=b"[1]")
    add("a NUL", "the character NUL", value=orjson.dumps(agree(content={**GOAL, "why": "a\0"})))
    add("an unknown key", "has a key that is not known", given={**agree(), WILMA: "me"})
    add("one in the content", "`content` has a key", given=agree(content={**GOAL, WILMA: 1}))
    add(
        "one that looks like a field",
        "`content` has a key",
        given=agree(content={**GOAL, "wilma_has_cancer": 1}),
    )
    add("one with a NUL", "the character NUL", value=orjson.dumps(agree(content={WILMA: "\0"})))
    add("a content of another shape", "`aim` must be an object", given=agree(content={"aim": "x"}))
    add(
        "another section's command",
        "the section that its type names",
        "command-unknown",
        given=agree(command="careplan.person.commands.open-plan.v1"),
    )
    add(
        "an event",
        "The type of a command is",
        "command-unknown",
        given=agree(command="careplan.goals.agreed.v1"),
    )
    add("no ce_type", "`ce_type` is missing.", without="ce_type")
    add("no ce_id", "`ce_id` is missing.", None, without="ce_id")
    add("no content-type", "`content-type` is missing.", without="content-type")
    add("another content-type", "must be `application/json`", named={"content-type": b"text/plain"})
    add("another version of CloudEvents", "must be `1.0`", ce_specversion=b"0.3")
    add("another ce_type", "ce_type", ce_type=b"careplan.goals.commands.reword.v1")
    add("another ce_id", "ce_id", ce_id=str(uuid4()).encode())
    add("a ce_type that is null", "ce_type", ce_type=None)
    add("a ce_type that is not UTF-8", "ce_type", ce_type=b"\xff\xfe")
    add("a ce_id that is null", "ce_id", None, ce_id=None)
    add("a ce_id that is not UTF-8", "ce_id", None, ce_id=b"\xff\xfe")
    add("another key", "The key of the record must be the `plan_id`.", key=str(uuid4()).encode())
    add("no key", "The key of the record must be the `plan_id`.", key=None)
    add("no plan", "plan_id", given={**agree(), "plan_id": None})
    add("no source", "ce_source", None, ce_source=None)
    add("a source that is not UTF-8", "ce_source", None, ce_source=b"\xff\xfe")
    add("a source that is no organisation", "ce_source", None, ce_source=b"urn:careplan:section:x")
    add(
        "a name that is not UTF-8",
        "The name of a header is not UTF-8.",
        named={raw_name(b"\xe9tiquette"): b"x"},
    )
    add("a long such name", "name of a header", named={raw_name(b"\xff" * 9_000): None})
    add("a source with a new line", "ce_source", None, ce_source=b"urn:careplan:org:zzc01\n")
    return odd  # fmt: skip


async def test_what_cannot_be_read_is_a_dead_letter_and_its_neighbours_are_served(
    goals: Goals,
) -> None:
    odd = odd_records()
    good = [agree() for _ in range(len(odd) + 1)]
    await goals.bench.command(good[0], "ZZC01")
    with raw_names_written():
        for neighbour, (value, key, headers, _, _) in zip(good[1:], odd.values(), strict=True):
            await goals.bench.send(value, key=key, headers=headers)
            await goals.bench.command(neighbour, "ZZC01")
    for neighbour in good:
        assert (await goals.told(neighbour))["outcome"] == "accepted"
    for name, (value, key, headers, reason, code) in odd.items():
        letter = await goals.letter(value)
        assert reason in (header(letter, "dead-letter-reason") or ""), name
        assert letter.key == key
        assert list(letter.headers[: len(headers)]) == [spelt_out(*pair) for pair in headers]
        await goals.audit.until(
            partial(has_one_about, letter),
            f"the audit record of {name}",
        )
        record = next(value_of(r) for r in goals.audit.records if is_about(r, letter))
        assert record["operation"] == "unreadable"
        assert record["section"] == "goals"
        assert record["code"] == (code or "content-invalid"), name
        assert reason in record["reason"]
        if "ce_source" in reason:
            assert record["actor"] is None
        else:
            assert record["actor"]["organisation"] == {"ods": "ZZC01"}
        if code is not None:
            (told,) = await goals.receipts.about(header(letter, "ce_id") or "")
            assert (told["outcome"], told["code"]) == ("refused", code), name
            assert told["detail"] == header(letter, "dead-letter-reason")
            assert (told["kept"], told["retryable"]) == (False, False)
    answered = {header(record, "ce_causationid") for record in goals.receipts.records}
    for _, _, headers, _, code in odd.values():
        named = (dict(headers).get("ce_id") or b"").decode(errors="replace")
        assert (named in answered) is (code is not None)
    # What a sender wrote stands in the dead letter's own value, and nowhere else.
    told_on = [
        *(header(letter, "dead-letter-reason") for letter in goals.letters.records),
        *((record.value or b"").decode() for record in goals.audit.records),
        *((record.value or b"").decode() for record in goals.receipts.records),
    ]
    for text in told_on:
        assert not any(word in (text or "").lower() for word in ("walk", "wilma", "cancer"))
    assert await goals.door.not_ready() == []


async def test_what_no_message_of_ours_holds_is_a_dead_letter_of_its_beginning(
    goals: Goals,
) -> None:
    """Compressed, a record of any size comes through the broker: it must not stop the relay."""
    large, after = agree(), agree()
    larger_than_the_door = agree(content={**GOAL, "why": "a" * 1_048_576})
    value = b" " * 20_000_000
    headers = [*headers_of(large, "ZZC01"), ("x", b"y" * 5_000_000)]
    async with AIOKafkaProducer(
        bootstrap_servers=goals.bench.servers,
        compression_type="gzip",
        max_request_size=64 * 1024 * 1024,
    ) as producer:
        topic = goals.bench.topic(commands_topic("goals"))
        await producer.send_and_wait(topic, value, str(PLAN).encode(), headers=headers)
        await producer.send_and_wait(
            topic,
            orjson.dumps(larger_than_the_door),
            str(PLAN).encode(),
            headers=headers_of(larger_than_the_door, "ZZC01"),
        )
    await goals.bench.command(after, "ZZC01")
    assert (await goals.told(after))["outcome"] == "accepted"
    for given in (large, larger_than_the_door):
        told = await goals.told(given)
        assert (told["code"], told["kept"]) == ("body-too-large", False)
    letter = await goals.letter(orjson.dumps(larger_than_the_door))
    assert header(letter, "dead-letter-value") == "as it came"
    letter = await goals.letter(value[:LONGEST_VALUE])
    assert header(letter, "dead-letter-value") == "the first 3145728 of 20000000 bytes"
    assert header(letter, "dead-letter-headers") == "1 left out"


def spelt_out(name: str, value: bytes | None) -> tuple[str, bytes | None]:
    """A header as a dead letter keeps it: what is no UTF-8 in its name is written in ASCII."""
    return as_written(name).decode(errors="backslashreplace"), value


async def test_an_event_that_cannot_be_read_holds_up_no_copy(goals: Goals) -> None:
    """The local copy reads events as plan and audit do: the odd one is a dead letter."""
    history = History()
    value, key = value_of_event(history.opened()), str(history.plan_id).encode()
    topic = goals.bench.topic(events_topic("person"))
    odd = b" " + value
    with raw_names_written():
        await goals.bench.producer.send_and_wait(
            topic, odd, key, headers=[(raw_name(b"\xe9tiquette"), b"x")]
        )
        await goals.bench.producer.send_and_wait(topic, value, key)
    given = agree(history.plan_id)
    await goals.bench.relate([history.plan_id], "ZZC01")
    await goals.bench.command(given, "ZZC01")
    assert (await goals.told(given))["outcome"] == "accepted"
    letter = await goals.letter(odd)
    assert header(letter, "dead-letter-consumer") == "goals-copies"
    assert header(letter, "dead-letter-reason") == "The name of a header is not UTF-8."


async def test_headers_that_nobody_asks_for_may_be_anything(goals: Goals) -> None:
    given = [agree() for _ in range(4)]
    others: list[tuple[str, bytes | None]] = [
        ("x", None),
        ("y", b"\xff\xfe"),
        ("traceparent", b"nonsense"),
        ("reply_to", goals.bench.topic(events_topic("goals")).encode()),
        ("ce_subject", None),
    ]
    for item in given:
        headers = [*others, *headers_of(item, "ZZC01"), *others]
        await goals.bench.send(orjson.dumps(item), key=str(PLAN).encode(), headers=headers)
    for item in given:
        assert (await goals.told(item))["outcome"] == "accepted"
    async with goals.bench.events as events:
        rows = await goals.bench.rows()
        records = await events.until(
            lambda records: (
                len({header(record, "ce_position") for record in records}) == rows["stored_events"]
            ),
            "every event, and nothing else",
        )
        assert all(header(record, "ce_type") for record in records)
