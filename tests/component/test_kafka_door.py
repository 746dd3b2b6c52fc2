"""The Kafka door of a section: whatever stands on the topic is answered, once, and in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

import shared.chassis.kafka.offsets
from services.goals.domain import Goal
from services.goals.section import SECTION
from shared.chassis.kafka.dead_letters import LONGEST_VALUE, Record
from shared.chassis.kafka.event_message import header
from shared.chassis.kafka.offsets import fence_all
from shared.ledger import Contributor, Organisation, Provenance
from shared.ledger.topics import (
    AUDIT_RECORDS,
    commands_topic,
    dead_letters_topic,
    events_topic,
    receipts_topic,
)
from shared.testing.events import History
from shared.testing.events import value_of as value_of_event
from shared.testing.eventually import eventually
from shared.testing.raw_names import as_written, raw_name, raw_names_written
from shared.testing.service import Bench, Door, bench_of, contribution, headers_of, works_for
from shared.testing.topic_reader import TopicReader, value_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

AGREE = "careplan.goals.commands.agree.v1"
REWORD = "careplan.goals.commands.reword.v1"
WEIGH = "careplan.goals.commands.weigh.v1"
GOAL = {
    "aim": {"text": "Walk to the shop"},
    "need_ids": [{"section": "needs", "entry_id": str(UUID(int=1))}],
}
BY_THE_PERSON = {"stated_by": {"kind": "person"}, "system": {"name": "Northmoor EPR"}}
SYSTEM = Contributor(kind="system", sub="a-system", name="EPR", organisation=Organisation("ZZC01"))
PLAN = uuid4()
NO_TOPIC = "zzl01"
WILMA = "Wilma Tarn-Synth has cancer"


@dataclass(frozen=True)
class Goals:
    """The section in this process, and readers of what it publishes."""

    bench: Bench
    door: Door
    receipts: TopicReader
    letters: TopicReader
    audit: TopicReader

    async def told(self, given: dict[str, Any], count: int = 1) -> dict[str, Any]:
        """The answer to a contribution on the organisation's topic; the same each time."""
        answers = await self.receipts.about(given["contribution_id"], count)
        assert all(answer == answers[0] for answer in answers)
        return answers[0]

    async def letter(self, value: bytes | None) -> Record:
        """The dead letter with that value."""
        found = await self.letters.until(
            lambda records: any(record.value == (value or b"") for record in records),
            "the dead letter",
        )
        return next(record for record in found if record.value == (value or b""))

    async def stored(self, given: dict[str, Any]) -> int:
        """How many events a contribution has caused."""
        count: int = await self.bench.pool.fetchval(
            "SELECT count(*) FROM stored_events WHERE convert_from(state, 'UTF8') LIKE $1",
            f"%{given['contribution_id']}%",
        )
        return count


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bench(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("kafka-door")
    without = [receipts_topic(NO_TOPIC)]
    async with bench_of(SECTION, postgres_url, kafka_servers, folder, without=without) as made:
        await made.know_plans([PLAN])
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def readers(bench: Bench) -> AsyncIterator[tuple[TopicReader, TopicReader, TopicReader]]:
    async with (
        bench.reader(receipts_topic("zzc01")) as receipts,
        bench.reader(dead_letters_topic("goals")) as letters,
        bench.reader(AUDIT_RECORDS) as audit,
    ):
        yield receipts, letters, audit


@pytest_asyncio.fixture(loop_scope="session")
async def goals(
    bench: Bench, readers: tuple[TopicReader, TopicReader, TopicReader]
) -> AsyncIterator[Goals]:
    async with bench.running() as door:
        yield Goals(bench, door, *readers)


def agree(plan_id: UUID = PLAN, **others: Any) -> dict[str, Any]:
    """A goal said by the person and written down by their organisation's system."""
    given = contribution(AGREE, GOAL, plan_id, provenance=BY_THE_PERSON)
    return {**given, **others}


# Answers


async def test_every_answer_is_published_also_to_repeats_and_what_is_not_kept(
    goals: Goals,
) -> None:
    accepted = agree()
    refused = agree(content={**GOAL, "need_ids": []})
    nobody = agree(provenance=None)
    for given in (accepted, refused, nobody):
        await goals.bench.command(given, "ZZC01")
    receipt = await goals.told(accepted)
    assert receipt["outcome"] == "accepted"
    assert receipt["plan_id"] == str(PLAN)
    assert receipt["recorded_at"].endswith("Z")
    assert receipt["ledger_position"]
    assert "kept" not in receipt
    assert (await goals.door.receipt(accepted["contribution_id"], SYSTEM)).json() == receipt
    no = await goals.told(refused)
    assert (no["outcome"], no["code"]) == ("refused", "goal-needs-a-need")
    assert "kept" not in no
    assert (await goals.door.receipt(refused["contribution_id"], SYSTEM)).json() == no
    # Nobody said it: a system alone may not.
    no = await goals.told(nobody)
    assert (no["code"], no["kept"]) == ("role-may-not-contribute", False)
    assert not no["retryable"]
    unkept = await goals.door.receipt(nobody["contribution_id"], SYSTEM)
    assert unkept.status_code == 404
    # Again, as intake does after a crash, and an id used for something else.
    for given in (accepted, refused):
        await goals.bench.command(given, "ZZC01")
        await goals.told(given, count=2)
        await goals.bench.command({**given, "content": {**GOAL, "why": "other"}}, "ZZC01")
        answers = await goals.receipts.about(given["contribution_id"], 3)
        assert (answers[2]["code"], answers[2]["kept"]) == ("contribution-id-reused", False)
        assert "events" not in answers[2]
    assert await goals.stored(accepted) == 1
    for record in goals.receipts.records:
        assert record.key == str(PLAN).encode()
        assert header(record, "ce_type") == "careplan.receipt.v1"
        assert header(record, "ce_source") == "urn:careplan:section:goals"
        assert header(record, "content-type") == "application/json"


async def test_both_doors_are_one_ledger(goals: Goals) -> None:
    by_http, by_kafka = agree(), agree()
    first = (await goals.door.contribute(by_http, SYSTEM)).json()
    await goals.bench.command(by_http, "ZZC01")
    assert await goals.told(by_http) == first
    await goals.bench.command(by_kafka, "ZZC01")
    first = await goals.told(by_kafka)
    again = await goals.door.contribute(by_kafka, SYSTEM)
    assert (again.status_code, again.json()) == (200, first)
    # Another organisation's person is not told what stands under the id.
    other = await goals.door.contribute(by_kafka, works_for("ZZG01"))
    assert other.json()["code"] == "contribution-id-reused"
    silent = agree()
    await goals.door.contribute(silent, SYSTEM)
    last = agree()
    await goals.bench.command(last, "ZZC01")
    await goals.told(last)
    causes = {header(record, "ce_causationid") for record in goals.receipts.records}
    assert silent["contribution_id"] not in causes


async def test_a_refusal_is_recorded_for_the_audit_kept_or_not(goals: Goals) -> None:
    kept = agree(content={**GOAL, "aim": {"text": " "}})
    unkept = agree(provenance=None)
    for given in (kept, unkept):
        await goals.bench.command(given, "ZZC01")
    for given, code in ((kept, "goal-needs-an-aim"), (unkept, "role-may-not-contribute")):
        (record,) = await goals.audit.about(given["contribution_id"])
        assert record["operation"] == "refusal"
        assert record["code"] == code
        assert record["kept"] is (given is kept)
        assert record["plan_id"] == str(PLAN)
        assert record["actor"]["organisation"] == {"ods": "ZZC01"}
        assert record["actor"]["kind"] == "system"
        named, digest, its_code = record["record_id"].split(".")
        assert (named, its_code) == (f"goals/{given['contribution_id']}", code)
        assert len(digest) == 16
        assert record["recorded_at"].endswith("Z")
        assert "Walk" not in orjson.dumps(record).decode()


async def test_commands_of_one_plan_are_taken_in_order(goals: Goals) -> None:
    plans = [uuid4() for _ in range(8)]
    await goals.bench.know_plans(plans)
    given = []
    for plan_id in plans:
        entry_id = str(uuid4())
        given.append([agree(plan_id, entry_id=entry_id)])
        given[-1] += [
            contribution(
                REWORD,
                {"why": f"{version}"},
                plan_id,
                entry_id=entry_id,
                based_on=version,
                provenance=BY_THE_PERSON,
            )
            for version in range(1, 15)
        ]
    await asyncio.gather(
        *(goals.bench.command(item, "ZZC01") for turn in zip(*given, strict=True) for item in turn)
    )
    for of_one_plan in given:
        receipts = [await goals.told(item) for item in of_one_plan]
        assert [receipt.get("entry_version") for receipt in receipts] == list(range(1, 16))
        assert {receipt["outcome"] for receipt in receipts} == {"accepted"}


async def test_a_batch_waits_once_for_plans_it_has_not_heard_of(goals: Goals) -> None:
    unknown = [agree(uuid4()) for _ in range(150)]
    known = [agree() for _ in range(20)]
    began = monotonic()
    await asyncio.gather(
        *(goals.bench.command(item, "ZZC01") for item in (*unknown[:75], *known, *unknown[75:]))
    )
    for item in known:
        assert (await goals.told(item))["outcome"] == "accepted"
    for item in unknown:
        told = await goals.told(item)
        assert (told["code"], told["kept"], told["retryable"]) == ("plan-unknown", False, True)
    assert monotonic() - began < 15
    # The same id may be sent again.
    await goals.bench.know_plans([UUID(unknown[0]["plan_id"])])
    await goals.bench.command(unknown[0], "ZZC01")
    answers = await goals.receipts.about(unknown[0]["contribution_id"], 2)
    assert answers[1]["outcome"] == "accepted"


# What cannot be read


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
            partial(_has_one_about, letter),
            f"the audit record of {name}",
        )
        record = next(value_of(r) for r in goals.audit.records if _is_about(r, letter))
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


def _has_one_about(letter: Record, records: Sequence[Record]) -> bool:
    return any(_is_about(record, letter) for record in records)


def _is_about(record: Record, letter: Record) -> bool:
    place = f"{header(letter, 'dead-letter-partition')}.{header(letter, 'dead-letter-offset')}"
    topic, _, its_place = str(value_of(record).get("record_id", "")).rpartition("/")
    return ".commands.v1" in topic and its_place == place


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
    await goals.bench.command(given, "ZZC01")
    assert (await goals.told(given))["outcome"] == "accepted"
    letter = await goals.letter(odd)
    assert header(letter, "dead-letter-consumer") == "goals-plan-states"
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


# Trouble


async def test_stopped_between_answers_and_offset_it_answers_with_the_first_receipts(
    bench: Bench,
    readers: tuple[TopicReader, TopicReader, TopicReader],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = [agree() for _ in range(20)]
    reached = asyncio.Event()

    async def never_passed(*_: Any) -> int:
        reached.set()
        await asyncio.Event().wait()
        return 0

    async with bench.running() as door:
        monkeypatch.setattr(shared.chassis.kafka.offsets, "fence_all", never_passed)
        await asyncio.gather(*(bench.command(item, "ZZC01") for item in given))
        goals = Goals(bench, door, *readers)
        await asyncio.wait_for(reached.wait(), 20)
        answered = await bench.pool.fetchval(
            "SELECT count(*) FROM receipt WHERE contribution_id = ANY($1::uuid[])",
            [item["contribution_id"] for item in given],
        )
        assert answered > 0
    monkeypatch.setattr(shared.chassis.kafka.offsets, "fence_all", fence_all)
    async with bench.running() as door:
        goals = Goals(bench, door, *readers)
        for item in given:
            receipt = await goals.told(item)
            assert receipt["outcome"] == "accepted"
            assert await goals.stored(item) == 1
        # What was answered before the stop was answered again, with the same.
        ids = {item["contribution_id"] for item in given}
        await goals.receipts.until(
            lambda records: (
                sum(header(record, "ce_causationid") in ids for record in records) >= 20 + answered
            ),
            "the first receipts again",
        )
        for item in given:
            await goals.told(item)


async def test_an_organisation_that_nobody_registered_is_a_dead_letter(goals: Goals) -> None:
    """Its answer has nowhere to go: nothing of it is accepted, or queued for no topic."""
    unheard = [agree() for _ in range(5)]
    heard = [agree() for _ in range(5)]
    for one, other in zip(unheard, heard, strict=True):
        await goals.bench.command(one, NO_TOPIC)
        await goals.bench.send(b"{", key=b"key", headers=headers_of(one, NO_TOPIC))
        await goals.bench.command(other, "ZZC01")
    for item in heard:
        assert (await goals.told(item))["outcome"] == "accepted"
    council = works_for("ZZL01")
    for item in unheard:
        letter = await goals.letter(orjson.dumps(item))
        assert "not registered" in (header(letter, "dead-letter-reason") or "")
        await goals.audit.until(partial(_has_one_about, letter), "its audit record")
        kept = await goals.door.receipt(item["contribution_id"], council)
        assert kept.status_code == 404
    queued = "SELECT count(*) FROM outgoing WHERE topic LIKE $1"
    assert await goals.bench.pool.fetchval(queued, f"%receipts.{NO_TOPIC}.%") == 0
    await goals.door.until_ready()


async def test_what_our_code_cannot_apply_is_a_dead_letter_and_stops_nobody(
    goals: Goals, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_id = str(uuid4())
    before, after = agree(entry_id=entry_id), agree()
    weigh = contribution(
        WEIGH, {"importance": 3}, PLAN, entry_id=entry_id, based_on=1, provenance=BY_THE_PERSON
    )

    def broken(self: Goal, provenance: Provenance, importance: int | None) -> None:
        raise TypeError(f"{self} {provenance} {importance}")

    monkeypatch.setattr(Goal, "weigh", broken)
    for item in (before, weigh, after):
        await goals.bench.command(item, "ZZC01")
    assert (await goals.told(before))["outcome"] == "accepted"
    assert (await goals.told(after))["outcome"] == "accepted"
    told = await goals.told(weigh)
    assert (told["code"], told["kept"]) == ("internal-error", False)
    letter = await goals.letter(orjson.dumps(weigh))
    assert header(letter, "dead-letter-reason") == "This cannot be applied (TypeError)."
    monkeypatch.undo()
    await goals.bench.command(weigh, "ZZC01")
    answers = await goals.receipts.about(weigh["contribution_id"], 2)
    assert answers[1]["outcome"] == "accepted"


async def test_what_is_too_much_for_the_queue_is_taken_a_little_later(
    bench: Bench, readers: tuple[TopicReader, TopicReader, TopicReader]
) -> None:
    plans = [uuid4() for _ in range(60)]
    await bench.know_plans(plans)
    given = [agree(plan_id) for plan_id in plans]
    async with bench.running(queue_limit=3) as door:
        goals = Goals(bench, door, *readers)
        await asyncio.gather(*(bench.command(item, "ZZC01") for item in given))
        for item in given:
            assert (await goals.told(item))["outcome"] == "accepted"


async def test_connections_lost_in_the_middle_lose_and_double_nothing(goals: Goals) -> None:
    plans = [uuid4() for _ in range(50)]
    await goals.bench.know_plans(plans)
    given = [agree(plan_id) for plan_id in plans for _ in range(6)]
    sending = asyncio.gather(*(goals.bench.command(item, "ZZC01") for item in given))
    for _ in range(10):
        await asyncio.sleep(0.05)
        await goals.bench.pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_database()"
        )
    await sending
    for item in given:
        assert (await goals.told(item))["outcome"] == "accepted"
    stored = await goals.bench.pool.fetchval(
        "SELECT count(*) FROM stored_events"
        " WHERE convert_from(state, 'UTF8')::json->'provenance'->>'plan_id' = ANY($1)",
        [str(plan_id) for plan_id in plans],
    )
    assert stored == len(given)
    offset = "SELECT sum(next_offset) FROM consumer_offset WHERE consumer = 'goals'"
    reached = await goals.bench.pool.fetchval(offset)
    assert reached >= len(given)
    await eventually(goals.door.not_ready, "ready again", holds=lambda parts: not parts)
