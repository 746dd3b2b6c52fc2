"""Every section there is, found by looking: its examples through both doors, and what comes out."""

from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import event_of, header
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.store.mapper import fields_of
from shared.chassis.wire.problem import STATUS, status_of_refusal
from shared.chassis.wire.shapes import event_schema
from shared.contracts import discover
from shared.contracts.examples.playing import contribution_of, contributor_of, entry_of, plan_of
from shared.ledger import Contributor, Section, change_of
from shared.ledger.example import Example
from shared.ledger.topics import AUDIT_RECORDS, dead_letters_topic, receipts_topic
from shared.testing.files import files_named_in
from shared.testing.service import Bench, Door, bench_of
from shared.testing.topic_reader import TopicReader, value_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

SECTIONS = discover.sections()
ANSWERED = {"section": "stewardship", "entry_id": "0199c0de-0000-7000-8000-0000000000c1"}
AUTH_TYPES = {
    "professional": "user",
    "person": "app_user",
    "related-person": "app_user",
    "system": "service_account",
}
UNKEPT = {
    *("contribution-id-reused", "plan-unknown", "plan-not-open"),
    *(code for code, status in STATUS.items() if status == httpx.codes.FORBIDDEN),
}
"""No receipt is left by what rests on a copy, nor by what rights forbid: both may change."""


def examples_of(section: Section) -> tuple[Example, ...]:
    examples: tuple[Example, ...] | None = discover.examples(section.name)
    assert examples, f"services/{section.name}/examples.py gives no examples"
    return examples


def organisations_of(examples: Iterable[Example]) -> list[str]:
    return sorted({one.organisation.lower() for one in examples if one.organisation})


@dataclass(frozen=True)
class Answered:
    """One contribution, whose it was, and how it was answered."""

    given: dict[str, Any]
    by: Contributor
    through: str
    told: dict[str, Any]

    @property
    def contribution_id(self) -> str:
        return str(self.given["contribution_id"])

    @property
    def is_accepted(self) -> bool:
        return bool(self.told["outcome"] == "accepted")


@dataclass
class Play:
    """Plays the examples of a section, by HTTP or by Kafka where whoever contributes can."""

    bench: Bench
    section: Section
    through: str
    receipts: TopicReader
    door: Door
    versions: dict[UUID, int] = field(default_factory=dict)
    answered: list[Answered] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    kinds: set[tuple[str, str | None]] = field(default_factory=set)

    async def send(self, given: dict[str, Any], by: Contributor) -> Answered:
        """Contribute by one of the doors, and hold the answer against what it must be."""
        # Persons have no inbox; a system's role over Kafka is one that its inbox was granted.
        is_by_kafka = self.through == "kafka" and by.kind in ("professional", "system")
        if is_by_kafka:
            given = _with_a_voice(given, by)
        contribution_id = str(given["contribution_id"])
        self.asked[contribution_id] += 1
        if is_by_kafka:
            organisation = by.organisation
            assert organisation is not None
            assert organisation.ods is not None
            await self.bench.command(given, organisation.ods, role=by.role)
            answers = await self.receipts.about(contribution_id, self.asked[contribution_id])
            told = answers[-1]
        else:
            told = await self._by_http(given, by)
        assert told["contribution_id"] == contribution_id
        assert told["section"] == self.section.wire_name
        answered = Answered(given, by, "kafka" if is_by_kafka else "http", told)
        self.answered.append(answered)
        return answered

    async def play(self, example: Example) -> None:
        """One example, answered as it says; the first of its kind is asked about afterwards."""
        plan_id, entry_id = plan_of(example), entry_of(self.section, example)
        command = self.section.commands[example.command]
        based_on = None if command.creates else self.versions.get(entry_id)
        given = contribution_of(example, uuid4(), plan_id, entry_id, based_on)
        by = contributor_of(example, plan_id)
        for file in files_named_in(example.content):
            stored = await self.door.store(file, plan_id, by)
            assert stored.status_code in (200, 201), stored.text
        answered = await self.send(given, by)
        assert answered.told.get("code") == example.refused, (example.name, answered.told)
        if answered.is_accepted:
            assert answered.told["plan_id"] == str(plan_id)
            assert answered.told["entry_id"] == str(entry_id)
            version = self.versions.get(entry_id, 0) + len(answered.told["events"])
            assert answered.told["entry_version"] == version
            self.versions[entry_id] = version
        kind = (example.command, example.refused)
        if kind in self.kinds or example.refused in UNKEPT:
            return
        self.kinds.add(kind)
        await self._ask_again(answered)
        if answered.is_accepted and not command.creates:
            await self._ask_of_another_version(answered)

    async def _by_http(self, given: dict[str, Any], by: Contributor) -> dict[str, Any]:
        answer = await self.door.contribute(given, by)
        body: dict[str, Any] = answer.json()
        if answer.is_success:
            is_first = self.asked[given["contribution_id"]] == 1
            assert answer.status_code == (201 if is_first else 200)
            return body
        assert answer.status_code == status_of_refusal(body["code"]), body
        unkept = {"outcome": "refused", "code": body["code"], "section": self.section.wire_name}
        told: dict[str, Any] = body.get("receipt") or {**unkept, "kept": False, **given}
        return told

    async def _ask_again(self, first: Answered) -> None:
        """A repeat has the first receipt; the same id with another content has none."""
        again = await self.send(first.given, first.by)
        assert again.told == first.told
        other = {**first.given, "provenance": {"reason": "It was something else"}}
        reused = await self.send(other, first.by)
        assert reused.told["code"] == "contribution-id-reused"
        assert reused.told["kept"] is False
        assert "events" not in reused.told

    async def _ask_of_another_version(self, accepted: Answered) -> None:
        """The same change again, on the version that it was based on, and on none."""
        stale = {**accepted.given, "contribution_id": str(uuid4())}
        told = (await self.send(stale, accepted.by)).told
        assert told["code"] == "base-version-stale"
        assert told["entry_version"] == accepted.told["entry_version"]
        assert [one["entry_version"] for one in told["changed_since"]] == [
            event["entry_version"] for event in accepted.told["events"]
        ]
        for one in told["changed_since"]:
            if one.get("withheld") is True:  # from whoever asks: only the version is told
                assert one.keys() == {"entry_version", "withheld"}
                continue
            assert one["by"]["kind"] in (accepted.by.kind, "system")
            assert one["at"] == accepted.told["recorded_at"]
        missing = {**stale, "contribution_id": str(uuid4()), "based_on": None}
        told = (await self.send(missing, accepted.by)).told
        assert told["code"] == "base-version-missing"


def _with_a_voice(given: dict[str, Any], by: Contributor) -> dict[str, Any]:
    """Over Kafka a system contributes: it says who said it."""
    provenance = dict(given.get("provenance") or {})
    if "stated_by" not in provenance:
        provenance["stated_by"] = {"kind": by.kind, "name": by.name}
        if by.role is not None:
            provenance["stated_by"]["role"] = by.role
    provenance["system"] = {"name": "Northmoor EPR", "version": "4.2"}
    provenance["source_ref"] = {"id": "EPR-77", "version": "3"}
    provenance["answers"] = ANSWERED
    return {**given, "provenance": provenance}


@pytest.mark.parametrize("through", ["http", "kafka"])
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
async def test_every_example_is_answered_as_it_says_recorded_and_published(
    section: Section, through: str, postgres_url: str, kafka_servers: str, tmp_path: Path
) -> None:
    examples = examples_of(section)
    organisations = organisations_of(examples)
    async with AsyncExitStack() as opened:
        bench = await opened.enter_async_context(
            bench_of(section, postgres_url, kafka_servers, tmp_path, organisations=organisations)
        )
        plans = {plan_of(example) for example in examples}
        if any(entry.opens_plan for entry in section.entries):
            for organisation in organisations:
                await bench.relate(plans, organisation)
        else:
            await bench.know_plans(plans, known_to=organisations)
        receipts, events, audit, letters = [
            await opened.enter_async_context(bench.reader(*names))
            for names in (
                [receipts_topic(organisation) for organisation in organisations],
                [f"careplan.{section.wire_name}.events.v1"],
                [AUDIT_RECORDS],
                [dead_letters_topic(section.name)],
            )
        ]
        answered: list[Answered] = []
        versions: dict[UUID, int] = {}
        middle = len(examples) // 2
        # The process, and the relay in it, ends in the middle of the history, and goes on.
        for part in (examples[:middle], examples[middle:]):
            async with bench.running() as door:
                play = Play(bench, section, through, receipts, door, versions)
                for example in part:
                    await play.play(example)
                answered += play.answered
        async with bench.running():
            await _judge_positions(bench, events)
            _judge_events(section, answered, events)
            await _judge_audit(section, answered, audit)
        _judge_receipts(answered, receipts)
        assert {one.through for one in answered} >= {through}
        assert await letters.poll() == []


async def _judge_positions(bench: Bench, events: TopicReader) -> None:
    """Contiguous, in the order of the commits, and each on the topic once."""
    rows = await bench.pool.fetch(
        "SELECT notification_id, recorded_at FROM stored_events ORDER BY notification_id"
    )
    assert [row["notification_id"] for row in rows] == list(range(1, len(rows) + 1))
    times = [row["recorded_at"] for row in rows]
    assert times == sorted(times)
    await events.until(
        lambda records: (
            {header(r, "ce_position") for r in records}
            == {str(row["notification_id"]) for row in rows}
        ),
        f"{len(rows)} events",
    )
    by_partition: dict[int, list[int]] = {}
    for record in events.records:
        position = int(header(record, "ce_position") or 0)
        by_partition.setdefault(record.partition, []).append(position)
    for positions in by_partition.values():
        assert list(dict.fromkeys(positions)) == sorted(set(positions))


def _judge_events(section: Section, answered: list[Answered], events: TopicReader) -> None:
    by_cause: dict[str, dict[int, Record]] = {}
    for record in events.records:
        version = int(header(record, "ce_entryversion") or 0)
        by_cause.setdefault(header(record, "ce_causationid") or "", {})[version] = record
    accepted = {one.contribution_id: one for one in answered if one.is_accepted}
    assert by_cause.keys() == accepted.keys()
    for contribution_id, one in accepted.items():
        told = {event["entry_version"]: event["type"] for event in one.told["events"]}
        assert by_cause[contribution_id].keys() == told.keys()
        for version, type_ in told.items():
            _judge_event(section, one, version, type_, by_cause[contribution_id][version])


def _judge_event(section: Section, one: Answered, version: int, type_: str, record: Record) -> None:
    value = value_of(record)
    event = section.events[type_]
    provenance = value.pop("provenance")
    content, fields = value.pop("content"), value.pop("fields")
    entry = section.entry_of_event(type_)
    receipt = one.told
    assert value == {
        "plan_id": receipt["plan_id"],
        "section": section.wire_name,
        "entry_id": receipt["entry_id"],
        "entry_type": section.entry_type(entry),
        "entry_version": version,
        "type": type_,
        "change": change_of(event, version).value,
        "contribution_id": one.contribution_id,
        "recorded_at": receipt["recorded_at"],
    }
    Draft202012Validator(event_schema(event)).validate(content)
    assert fields == fields_of(event, content, version)
    _judge_fields(
        one.given, content, fields, is_again=change_of(event, version) is not event.change
    )
    recorded_by = provenance["recorded_by"]
    if one.through == "kafka":
        expected = replace(one.by, kind="system", name="Northmoor EPR", role=None)
        expected = replace(expected, sub=f"org:{one.by.organisation and one.by.organisation.ods}")
    else:
        expected = one.by
    assert recorded_by["kind"] == expected.kind
    assert recorded_by.get("name") == expected.name
    assert recorded_by.get("role") == expected.role
    assert recorded_by["identifier"] == {"kind": "sub", "value": expected.sub}
    code = (recorded_by.get("organisation") or {}).get("ods")
    assert code == (expected.organisation.code if expected.organisation else None)
    stated_by = (one.given.get("provenance") or {}).get("stated_by")
    if stated_by is None:
        assert provenance["stated_by"] == recorded_by
    else:
        assert provenance["stated_by"] == stated_by
    said = one.given.get("provenance") or {}
    for fact in ("system", "source_ref", "answers", "location", "supported_by", "on_behalf_of"):
        assert provenance.get(fact) == said.get(fact)
    assert one.through == "http" or "source_ref" in said
    assert provenance["stated_at"] == said.get("stated_at", receipt["recorded_at"])
    assert "plan_id" not in provenance
    assert record.key == receipt["plan_id"].encode()
    told = {name: (raw or b"").decode() for name, raw in record.headers}
    position = told.pop("ce_position")
    assert position.isdigit()
    assert len(told.pop("ce_leafhash")) == 64
    assert len(told.pop("ce_policyinputs")) == 64
    assert told.pop("ce_dataschema").endswith(":1.0")
    told.pop("traceparent", None)
    told.pop("ce_traceparent", None)
    claims = orjson.loads(told.pop("ce_authclaims"))
    if one.through == "kafka":
        assert claims == {"client_id": str(code).lower(), "idp": "kafka"}
    else:
        assert claims.keys() == {"jti"}
    assert told == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": f"{receipt['entry_id']}.{version}",
        "ce_source": f"urn:careplan:section:{section.wire_name}",
        "ce_type": type_,
        "ce_subject": f"plan/{receipt['plan_id']}/{section.wire_name}",
        "ce_time": provenance["stated_at"],
        "ce_recordedtime": receipt["recorded_at"],
        "ce_partitionkey": receipt["plan_id"],
        "ce_entryid": receipt["entry_id"],
        "ce_entryversion": str(version),
        "ce_causationid": one.contribution_id,
        "ce_authtype": AUTH_TYPES[recorded_by["kind"]],
        "ce_policyversion": POLICY_VERSION,
        "ce_command": one.given["command"],
    }
    read = event_of(record)
    assert (read.plan_id, read.fields) == (UUID(receipt["plan_id"]), tuple(fields))
    assert read.recorded_at == datetime.fromisoformat(receipt["recorded_at"])


def _judge_fields(
    given: dict[str, Any], content: dict[str, Any], fields: list[str], *, is_again: bool
) -> None:
    """What is withheld from the start is in the event, whole; only beginning again removes."""
    if not is_again:
        assert {path.partition(".")[0] for path in fields} <= content.keys()
    if "visibility" in given:
        assert content["visibility"].items() >= given["visibility"].items()
        assert "visibility" in fields


def _fields_sent(section: Section, given: dict[str, Any]) -> list[str]:
    """What a contribution would have set; in one that creates, null is the same as left out."""
    creates = section.commands[given["command"]].creates
    content = given["content"].items()
    return sorted(
        name for name, value in content if name != "reason" and not (creates and value is None)
    )


def _refusals(records: Iterable[Any]) -> list[Any]:
    return [one for one in records if value_of(one)["operation"] == "refusal"]


async def _judge_audit(section: Section, answered: list[Answered], audit: TopicReader) -> None:
    """A record for every refusal, kept or not; one and the same for its repeats.

    Whatever else stands there is an alert that an accepted contribution raised.
    """
    expected = {
        (one.contribution_id, one.told["code"]): one for one in answered if not one.is_accepted
    }
    await audit.until(
        lambda records: set(map(_named, _refusals(records))) == expected.keys(),
        f"{len(expected)} refusals on the audit's topic",
    )
    accepted = {one.contribution_id for one in answered if one.is_accepted}
    alerts = [value_of(one) for one in audit.records if one not in _refusals(audit.records)]
    assert all(one["operation"] == "alert" for one in alerts)
    assert {one["contribution_id"] for one in alerts} <= accepted
    for record in _refusals(audit.records):
        value = value_of(record)
        one = expected[_named(record)]
        assert value["operation"] == "refusal"
        assert value["section"] == section.wire_name
        assert value["kept"] is ("kept" not in one.told)
        assert value["plan_id"] == one.given["plan_id"]
        named, digest, code = value["record_id"].split(".")
        assert (named, code) == (f"{section.wire_name}/{one.contribution_id}", value["code"])
        assert len(digest) == 16
        sent = [told.given for told in answered if told.contribution_id == one.contribution_id]
        assert value["fields"] in [_fields_sent(section, given) for given in sent]
        assert header(record, "ce_type") == "careplan.audit.record.v1"
        assert header(record, "ce_id") == value["record_id"]
        assert "content" not in value


def _named(record: Record) -> tuple[str, str]:
    value = value_of(record)
    return value["contribution_id"], value["code"]


def _judge_receipts(answered: list[Answered], receipts: TopicReader) -> None:
    """Every answer by Kafka once, on the topic of whose it is, and none of those by HTTP."""
    expected: Counter[str] = Counter()
    for one in answered:
        if one.through == "kafka":
            expected[one.contribution_id] += 1
    found = Counter(header(record, "ce_causationid") or "" for record in receipts.records)
    assert found == expected
    whose = {
        one.contribution_id: one.by.organisation.ods.lower()
        for one in answered
        if one.through == "kafka" and one.by.organisation and one.by.organisation.ods
    }
    for record in receipts.records:
        organisation = whose[header(record, "ce_causationid") or ""]
        assert record.topic.endswith(receipts_topic(organisation))
        assert record.key == str(value_of(record)["plan_id"]).encode()
