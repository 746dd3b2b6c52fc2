"""The judge: decides from outside what became of every contribution.

It looks into each database, reads the topics and asks the doors, with nothing but the published
forms to go by. It shares no code with the services.
"""

import asyncio
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.faults.sent import SECTIONS, Sent, is_kept

Kind = Literal["lost", "doubled", "reordered", "wrong"]
KINDS: Final[tuple[Kind, ...]] = ("lost", "doubled", "reordered", "wrong")
NaturalKey = tuple[str, str, int]

_READ_WITHIN: Final = 90.0
_LOOKED_EVERY: Final = 0.5
_TURNED_INTO_A_LIST: Final = ("register-with-practice", "leave-practice")
_OPENED: Final = ".plan-opened.v1"
_REUSED: Final = "contribution-id-reused"
_PASSING: Final = ("plan-unknown", "plan-not-open")  # while a section's copy of the plans is behind
_SHOWN: Final = 12


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was promised."""

    kind: Kind
    text: str


@dataclass
class Findings:
    """What was found, by kind."""

    all: list[Finding] = field(default_factory=list)

    def add(self, kind: Kind, text: str) -> None:
        """One more."""
        self.all.append(Finding(kind, text))

    def unless(self, holds: bool, kind: Kind, text: str) -> None:
        """One more, where that does not hold."""
        if not holds:
            self.add(kind, text)

    def count(self, kind: Kind) -> int:
        """How many there are of a kind."""
        return sum(1 for finding in self.all if finding.kind == kind)

    def lines(self) -> list[str]:
        """The first ones, to be read."""
        told = [f"{finding.kind}: {finding.text}" for finding in self.all[:_SHOWN]]
        return told + [f"… {len(self.all) - _SHOWN} more"] * (len(self.all) > _SHOWN)


@dataclass(frozen=True)
class Stored:
    """An event as its section keeps it."""

    section: str
    position: int
    entry_id: str
    version: int
    type: str
    raw: str
    state: Mapping[str, Any]
    recorded_at: datetime
    leaf_hash: str | None

    @property
    def key(self) -> NaturalKey:
        """What identifies it everywhere."""
        return self.section, self.entry_id, self.version

    @property
    def contribution_id(self) -> str:
        """Which contribution caused it."""
        return str(self.state["provenance"]["contribution_id"])

    @property
    def plan_id(self) -> str:
        """The plan it is about."""
        return str(self.state["provenance"]["plan_id"])


@dataclass(frozen=True)
class Surroundings:
    """Where everything is, for somebody with a superuser's password and a reader's token."""

    database: Callable[[str], str]
    kafka_servers: str
    plan_url: str
    audit_url: str
    reader: str
    officer: str


class Checker:
    """Judges what was sent against what is there."""

    def __init__(self, where: Surroundings, *, settled_within: float) -> None:
        self._where = where
        self._settled_within = settled_within

    async def judge_unanswered(self, everything: Sequence[Sent]) -> Findings:
        """Without an answer it is there entirely, or not at all; judged before it is sent again."""
        found = Findings()
        for section in SECTIONS:
            silent = [s for s in everything if s.section == section and s.receipt is None]
            if not silent:
                continue
            stored = _by_contribution(await self._stored(section))
            receipts = await self._receipts(section)
            for sent in silent:
                events, receipt = stored.get(sent.id, []), receipts.get(sent.id)
                if receipt is None:
                    found.unless(not events, "wrong", f"{sent.id}: events without a receipt")
                else:
                    told = [(e["type"], e["entry_version"]) for e in receipt.get("events", [])]
                    there = [(event.type, event.version) for event in events]
                    found.unless(told == there, "wrong", f"{sent.id}: half of it is there")
        return found

    async def settled(self) -> bool:
        """Waits until the readers have what the sections have; False where they never do."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settled_within
        while loop.time() < deadline:
            try:
                if await self._has_settled():
                    return True
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass  # it is still coming up
            await asyncio.sleep(_LOOKED_EVERY)
        return False

    async def judge(
        self, everything: Sequence[Sent], reused: Sequence[Sent], plans: Iterable[str]
    ) -> Findings:
        """Everything that was ever sent to this stack; ``plans`` are asked for by HTTP as well."""
        found = Findings()
        found.unless(
            await self.settled(), "wrong", "the readers never had just what the sections have"
        )
        stored: dict[str, list[Stored]] = {}
        for section in SECTIONS:
            stored[section] = await self._stored(section)
            _judge_store(section, stored[section], found)
            receipts = await self._receipts(section)
            mine = [sent for sent in everything if sent.section == section]
            _judge_answers(mine, stored[section], receipts, found)
        _judge_openings(everything, stored["person"], found)
        events = {event.key: event for one in stored.values() for event in one}
        _judge_origin(everything, events.values(), found)
        published = await self._published(found)
        _judge_published(events, published, found)
        values = {key: copies[0] for key, copies in published.items()}
        ledger = await self._judge_plan(events, values, published, found)
        await self._judge_changes(ledger, found)
        await self._judge_audit(everything, reused, events, values, found)
        await self._judge_doors(set(plans), ledger, events, values, found)
        return found

    async def _has_settled(self) -> bool:
        there = refused = 0
        for section in SECTIONS:
            [row] = await self._ask(
                section,
                "SELECT (SELECT count(*) FROM stored_events) AS events,"
                " (SELECT count(DISTINCT convert_from(value, 'UTF8')::jsonb ->> 'record_id')"
                "    FROM outgoing WHERE topic = 'careplan.audit.records.v1') AS refused",
            )
            there += row["events"]
            refused += row["refused"]
        [plan] = await self._ask(
            "plan",
            "SELECT (SELECT count(*) FROM plan_ledger) AS events,"
            " (SELECT count(*) FROM outgoing) AS outgoing,"
            " (SELECT max(position) FROM relay_mark WHERE stream = 'outgoing') AS told",
        )
        [audit] = await self._ask(
            "audit",
            "SELECT count(*) FILTER (WHERE operation = 'change') AS changes,"
            " count(*) FILTER (WHERE operation = 'refusal') AS refused FROM audit_record",
        )
        behind = await self._behind()
        return (
            plan["events"] == there == audit["changes"]
            and audit["refused"] == refused
            and plan["told"] == plan["outgoing"]
            and not behind
        )

    async def _behind(self) -> bool:
        """True where a record of an event topic has not reached the plan's stored offsets."""
        topics = [f"careplan.{wire}.events.v1" for wire in SECTIONS.values()]
        rows = await self._ask("plan", "SELECT topic, partition, next_offset FROM consumer_offset")
        held = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        ends = await self._ends(topics)
        return any(end > held.get((at.topic, at.partition), 0) for at, end in ends.items())

    async def _ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._where.kafka_servers)
        await consumer.start()
        try:
            await _know(consumer, topics)
            ends: dict[TopicPartition, int] = await consumer.end_offsets(
                [
                    TopicPartition(topic, partition)
                    for topic in topics
                    for partition in consumer.partitions_for_topic(topic) or ()
                ]
            )
        finally:
            await consumer.stop()
        return ends

    async def _records(self, *topics: str) -> list[Any]:
        """Every record of these topics, in the order of each partition."""
        ends = {at: end for at, end in (await self._ends(topics)).items() if end > 0}
        if not ends:
            return []
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._where.kafka_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        records: list[Any] = []
        await consumer.start()
        try:
            consumer.assign(list(ends))
            await consumer.seek_to_beginning()
            async with asyncio.timeout(_READ_WITHIN):
                while any([await consumer.position(at) < end for at, end in ends.items()]):
                    for batch in (await consumer.getmany(timeout_ms=500)).values():
                        records.extend(batch)
        finally:
            await consumer.stop()
        return records

    async def _stored(self, section: str) -> list[Stored]:
        rows = await self._ask(section, "SELECT * FROM stored_events ORDER BY notification_id")
        return [
            Stored(
                SECTIONS[section],
                row["notification_id"],
                str(row["originator_id"]),
                row["originator_version"],
                row["topic"],
                row["state"].decode(),
                json.loads(row["state"]),
                row["recorded_at"],
                row["leaf_hash"].hex() if row["leaf_hash"] else None,
            )
            for row in rows
        ]

    async def _receipts(self, section: str) -> dict[str, dict[str, Any]]:
        rows = await self._ask(section, "SELECT contribution_id, body, event_position FROM receipt")
        return {
            str(row["contribution_id"]): {
                **json.loads(row["body"]),
                "last_position": row["event_position"],
            }
            for row in rows
        }

    async def _ask(self, service: str, query: str) -> Sequence[Mapping[str, Any]]:
        connection = await asyncpg.connect(self._where.database(service), timeout=10)
        try:
            rows: Sequence[Mapping[str, Any]] = await connection.fetch(query, timeout=60)
            return rows
        finally:
            connection.terminate()

    async def _published(self, found: Findings) -> dict[NaturalKey, list[bytes]]:
        published: dict[NaturalKey, list[bytes]] = defaultdict(list)
        newest: Counter[tuple[str, int]] = Counter()
        for record in await self._records(*(f"careplan.{w}.events.v1" for w in SECTIONS.values())):
            told = json.loads(record.value)
            key = (told["section"], told["entry_id"], told["entry_version"])
            headers = dict(record.headers)
            found.unless(
                headers.get("ce_id") == f"{key[1]}.{key[2]}".encode()
                and record.key == told["plan_id"].encode(),
                "wrong",
                f"{key} is published under another name",
            )
            place, position = (record.topic, record.partition), int(headers["ce_position"])
            found.unless(
                key in published or position > newest[place],
                "reordered",
                f"{key} at position {position} was first published after {newest[place]}",
            )
            newest[place] = max(newest[place], position)
            published[key].append(record.value)
        return published

    async def _judge_plan(
        self,
        events: Mapping[NaturalKey, Stored],
        values: Mapping[NaturalKey, bytes],
        published: Mapping[NaturalKey, Sequence[bytes]],
        found: Findings,
    ) -> dict[str, list[NaturalKey]]:
        rows = await self._ask("plan", "SELECT * FROM plan_ledger ORDER BY plan_id, plan_version")
        keys = [_key(row) for row in rows]
        _compare("the plan", events, keys, found)
        ledger: dict[str, list[NaturalKey]] = defaultdict(list)
        last: dict[tuple[str, str], int] = {}
        projected_at: dict[str, datetime] = {}
        for row, key in zip(rows, keys, strict=True):
            plan_id = str(row["plan_id"])
            ledger[plan_id].append(key)
            found.unless(
                row["plan_version"] == len(ledger[plan_id]),
                "wrong",
                f"plan {plan_id} has no version {len(ledger[plan_id])}",
            )
            found.unless(
                key[2] == last.get(key[:2], 0) + 1, "reordered", f"the plan: {key} out of turn"
            )
            last[key[:2]] = key[2]
            before = projected_at.get(plan_id)
            found.unless(
                before is None or before <= row["projected_at"],
                "reordered",
                f"plan {plan_id}: projected_at falls",
            )
            projected_at[plan_id] = row["projected_at"]
            found.unless(row["event"] == values.get(key), "wrong", f"the plan: {key} reads another")
        versions = await self._ask("plan", "SELECT plan_id, version FROM plan WHERE version > 0")
        found.unless(
            {str(row["plan_id"]): row["version"] for row in versions}
            == {plan_id: len(its) for plan_id, its in ledger.items()},
            "wrong",
            "plans and their ledger are at different versions",
        )
        await self._judge_accounts(len(rows), sum(map(len, published.values())), found)
        return ledger

    async def _judge_accounts(self, applied: int, published: int, found: Findings) -> None:
        [told] = await self._ask(
            "plan",
            "SELECT coalesce(sum(consumed), 0)::bigint AS consumed,"
            " coalesce(sum(applied), 0)::bigint AS applied,"
            " coalesce(sum(duplicates), 0)::bigint AS duplicates,"
            " coalesce(sum(parked), 0)::bigint AS parked,"
            " coalesce(sum(dead_lettered), 0)::bigint AS dead_lettered,"
            " (SELECT count(*) FROM plan_parked) AS waiting FROM plan_counter",
        )
        account = dict(told)
        parts = ("applied", "duplicates", "parked", "dead_lettered")
        balanced = account["consumed"] == sum(account[part] for part in parts)
        found.unless(balanced, "wrong", f"the plan's account does not balance: {account}")
        found.unless(account["applied"] == applied, "wrong", f"applied: {account}, not {applied}")
        found.unless(account["dead_lettered"] == 0, "lost", f"dead letters: {account}")
        found.unless(
            account["parked"] == account["waiting"] == 0, "lost", f"still parked: {account}"
        )
        consumed = account["consumed"]
        found.unless(consumed >= published, "lost", f"consumed {consumed} of {published} published")
        found.unless(
            consumed <= published, "doubled", f"consumed {consumed} of {published} published"
        )

    async def _judge_changes(
        self, ledger: Mapping[str, Sequence[NaturalKey]], found: Findings
    ) -> None:
        told: dict[str, dict[int, NaturalKey]] = defaultdict(dict)
        for record in await self._records("careplan.plan.changes.v1"):
            change = json.loads(record.value)
            versions = told[change["plan_id"]]
            version, key = change["plan_version"], _key(change)
            if versions.setdefault(version, key) != key:
                found.add("wrong", f"plan {change['plan_id']}: version {version} twice")
        for plan_id, keys in ledger.items():
            mine = told.get(plan_id, {})
            for version, key in enumerate(keys, 1):
                if mine.get(version) is None:
                    found.add("lost", f"the change {version} of plan {plan_id} was not published")
                elif mine[version] != key:
                    found.add("wrong", f"the change {version} of plan {plan_id} is another")

    async def _judge_audit(
        self,
        everything: Sequence[Sent],
        reused: Sequence[Sent],
        events: Mapping[NaturalKey, Stored],
        values: Mapping[NaturalKey, bytes],
        found: Findings,
    ) -> None:
        rows = await self._ask("audit", "SELECT * FROM audit_record ORDER BY idx")
        found.unless(
            [row["idx"] for row in rows] == list(range(len(rows))), "wrong", "the audit has a hole"
        )
        logged = [row["logged_at"] for row in rows]
        found.unless(logged == sorted(logged), "reordered", "the audit's clock falls")
        changes = [row for row in rows if row["operation"] == "change"]
        _compare("the audit", events, [_key(row) for row in changes], found)
        for row in changes:
            event = events.get(_key(row))
            if event is None or event.key not in values:
                continue
            content = json.loads(values[event.key])["content"]
            known = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
            found.unless(
                row["id"] == f"{event.section}/{event.entry_id}.{event.version}"
                and str(row["contribution_id"]) == event.contribution_id
                and row["leaf_hash"] == event.leaf_hash
                and row["content_sha256"] == hashlib.sha256(known).hexdigest(),
                "wrong",
                f"the audit: {event.key} is another",
            )
        _judge_refusals([*everything, *reused], rows, found)
        others = Counter(row["operation"] for row in rows) - Counter(
            {"change": len(rows), "refusal": len(rows)}
        )
        found.unless(not others, "wrong", f"the audit: {dict(others)}")

    async def _judge_doors(
        self,
        plans: set[str],
        ledger: Mapping[str, Sequence[NaturalKey]],
        events: Mapping[NaturalKey, Stored],
        values: Mapping[NaturalKey, bytes],
        found: Findings,
    ) -> None:
        """What readers are shown by HTTP: the plan's content, its history, its audit records."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:

            async def ask(url: str, token: str) -> dict[str, Any]:
                answer = await client.get(url, headers={"Authorization": f"Bearer {token}"})
                found.unless(answer.is_success, "wrong", f"{answer.status_code} of {url}")
                told: dict[str, Any] = answer.json() if answer.is_success else {}
                return told

            for plan_id in plans & set(ledger):
                keys = ledger[plan_id]
                url = f"{self._where.plan_url}/v1/plans/{plan_id}"
                shown = await ask(f"{url}?include=withdrawn", self._where.reader)
                expected = _folded([values[key] for key in keys if key in values])
                there = {
                    entry["entry_id"]: (entry["entry_version"], entry["content"])
                    for entries in shown.get("sections", {}).values()
                    for entry in entries
                }
                found.unless(there == expected, "wrong", f"plan {plan_id} is shown differently")
                history = await _pages(ask, f"{url}/history", self._where.reader)
                told = Counter(item["contribution_id"] for item in history)
                wanted = {events[key].contribution_id for key in keys if key in events}
                _compare_ids(f"history of {plan_id}", wanted, told, found)
                records = await _pages(
                    ask,
                    f"{self._where.audit_url}/v1/audit/records?plan_id={plan_id}&operation=change",
                    self._where.officer,
                )
                seen = Counter(record["record_id"] for record in records)
                ids = {f"{section}/{entry}.{version}" for section, entry, version in keys}
                _compare_ids(f"audit of {plan_id}", ids, seen, found)


Ask = Callable[[str, str], Awaitable[dict[str, Any]]]


async def _pages(ask: Ask, url: str, token: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    mark = "&" if "?" in url else "?"
    following: str | None = ""
    while following is not None:
        cursor = f"&cursor={following}" if following else ""
        page = await ask(f"{url}{mark}limit=200{cursor}", token)
        items += page.get("items", [])
        following = page.get("next")
    return items


def _judge_store(section: str, stored: Sequence[Stored], found: Findings) -> None:
    positions = [event.position for event in stored]
    found.unless(
        positions == list(range(1, len(stored) + 1)), "wrong", f"{section}: positions have a hole"
    )
    times = [event.recorded_at for event in stored]
    found.unless(times == sorted(times), "reordered", f"{section}: recorded_at falls")
    versions: Counter[str] = Counter()
    for event in stored:
        versions[event.entry_id] += 1
        found.unless(
            event.version == versions[event.entry_id],
            "reordered",
            f"{section}: {event.entry_id} has version {event.version} out of turn",
        )


def _judge_answers(
    everything: Sequence[Sent],
    stored: Sequence[Stored],
    receipts: Mapping[str, Mapping[str, Any]],
    found: Findings,
) -> None:
    events = _by_contribution(stored)
    for sent in everything:
        kept = [answer for answer in sent.answers if is_kept(answer)]
        what = f"{sent.contribution['command']} {sent.id} by {sent.door}"
        for other in kept[1:]:
            found.unless(other == kept[0], "wrong", f"{what}: two receipts: {kept[0]} {other}")
        mine = events.get(sent.id, [])
        if not kept:
            found.add("lost", f"{what} was never answered: {sent.trouble[-3:]}")
            continue
        receipt = kept[0]
        held = receipts.get(sent.id)
        if held is None:
            found.add("lost", f"{what}: its receipt is not kept")
            continue
        found.unless(held["outcome"] == receipt["outcome"], "wrong", f"{what}: kept otherwise")
        if receipt["outcome"] == "refused":
            found.unless(not mine, "wrong", f"{what}: refused, and stored")
            continue
        told = [(event["type"], event["entry_version"]) for event in receipt["events"]]
        there = [(event.type, event.version) for event in mine]
        if len(there) < len(told):
            found.add("lost", f"{what}: accepted, and {len(there)} of {len(told)} events are there")
        elif len(there) > len(told):
            found.add("doubled", f"{what}: stored {len(there)} times")
        elif there != told or {event.entry_id for event in mine} != {receipt["entry_id"]}:
            found.add("wrong", f"{what}: at {there}, not {told}")
        else:
            found.unless(
                held["last_position"] == mine[-1].position
                and mine[-1].recorded_at == datetime.fromisoformat(receipt["recorded_at"]),
                "wrong",
                f"{what}: its receipt names another place or time",
            )
            found.unless(_carries(mine, sent), "wrong", f"{what}: its content is another")


def _carries(events: Sequence[Stored], sent: Sent) -> bool:
    if not any(sent.nonce in event.raw for event in events):
        return False
    command = sent.contribution["command"].split(".")[-2]
    given = sent.contribution["content"]
    state = events[0].state
    wanted = {name: value for name, value in given.items() if name in state}
    if command not in _TURNED_INTO_A_LIST and wanted != given:
        return False
    recorder = state["provenance"]["recorded_by"]
    org = (recorder.get("organisation") or {}).get("ods") or ""
    return (
        all(state[name] == value for name, value in wanted.items())
        and recorder["kind"] == sent.by.kind
        and org == sent.by.org
    )


def _judge_origin(everything: Sequence[Sent], events: Iterable[Stored], found: Findings) -> None:
    """Nothing is there that nobody has sent, and nothing that was refused."""
    known = {sent.id for sent in everything}
    refused = {s.id for s in everything if s.receipt is not None and not s.is_accepted}
    for event in events:
        found.unless(event.contribution_id in known, "wrong", f"{event.key} comes from nobody")
        found.unless(event.contribution_id not in refused, "wrong", f"{event.key} was refused")


def _judge_openings(everything: Sequence[Sent], stored: Sequence[Stored], found: Findings) -> None:
    """One plan for each person of whom somebody has opened one; nobody ends a plan here."""
    opened = Counter(
        event.state["nhs_number"]["value"] for event in stored if event.type.endswith(_OPENED)
    )
    for number, times in opened.items():
        told = [s.id for s in everything if s.section == "person" and _number_of(s) == number]
        found.unless(times == 1, "doubled", f"{times} plans of one person, by {told}")
    for sent in everything:
        number = _number_of(sent)
        if number and sent.receipt is not None and not opened[number]:
            found.add("lost", f"{sent.id}: no plan was opened, and it was refused")


def _number_of(sent: Sent) -> str:
    number: str = sent.contribution["content"].get("nhs_number", {}).get("value", "")
    return number


def _judge_refusals(
    everything: Sequence[Sent], rows: Sequence[Mapping[str, Any]], found: Findings
) -> None:
    """One record for all refusals of the same content, with the code of the first of them."""
    codes: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["operation"] == "refusal":
            codes[str(row["contribution_id"])].append(row["code"])
    for sent in everything:
        told = {answer.get("code") for answer in sent.answers if answer["outcome"] == "refused"}
        what = f"the audit: a refusal of {sent.id}, {told}"
        if _REUSED in told:
            found.unless(_REUSED in codes[sent.id], "lost", what)
        elif told:
            mine = [code for code in codes[sent.id] if code != _REUSED]
            found.unless(bool(mine), "lost", what)
            found.unless(len(mine) <= 1, "doubled", what)
            found.unless(set(mine) <= {*told, *_PASSING}, "wrong", f"{what} reads {mine}")
    strangers = codes.keys() - {sent.id for sent in everything}
    found.unless(not strangers, "wrong", f"the audit: refusals of nobody: {strangers}")


def _judge_published(
    events: Mapping[NaturalKey, Stored],
    published: Mapping[NaturalKey, Sequence[bytes]],
    found: Findings,
) -> None:
    for key, event in events.items():
        copies = published.get(key)
        if not copies:
            found.add("lost", f"{key} at position {event.position} was not published")
            continue
        found.unless(len(set(copies)) == 1, "wrong", f"{key} was published in two forms")
        told = json.loads(copies[0])
        found.unless(
            told["contribution_id"] == event.contribution_id
            and told["plan_id"] == event.plan_id
            and told["type"] == event.type
            and datetime.fromisoformat(told["recorded_at"]) == event.recorded_at
            and all(event.state[name] == value for name, value in told["content"].items()),
            "wrong",
            f"{key} is published as another",
        )
    for key in published.keys() - events.keys():
        found.add("wrong", f"{key} is published, and not stored")


def _folded(values: Sequence[bytes]) -> dict[str, tuple[int, dict[str, Any]]]:
    """The entries of a plan as its events say: each replaces the leaves that it names."""
    entries: dict[str, tuple[int, dict[str, Any]]] = {}
    for value in values:
        event = json.loads(value)
        _, content = entries.get(event["entry_id"], (0, {}))
        for path in event["fields"]:
            *maps, leaf = path.split(".")
            said, kept = event["content"], content
            for name in maps:
                said = (said or {}).get(name)
                kept = kept.setdefault(name, {})
            new = (said or {}).get(leaf)
            if new is None:
                kept.pop(leaf, None)
            else:
                kept[leaf] = new
        entries[event["entry_id"]] = (event["entry_version"], content)
    return entries


def _compare(
    reader: str, events: Mapping[NaturalKey, Stored], keys: Sequence[NaturalKey], found: Findings
) -> None:
    there = Counter(keys)
    for key in events.keys() - there.keys():
        found.add("lost", f"{reader} has no {key}, position {events[key].position}")
    for key, times in there.items():
        found.unless(times == 1, "doubled", f"{reader} has {key} {times} times")
        found.unless(key in events, "wrong", f"{reader} has {key}, which nobody stored")


def _compare_ids(where: str, wanted: set[str], told: Counter[str], found: Findings) -> None:
    for one in wanted - told.keys():
        found.add("lost", f"{where}: no {one}")
    for one, times in told.items():
        found.unless(times == 1, "doubled", f"{where}: {one} {times} times")
        found.unless(one in wanted, "wrong", f"{where}: {one} comes from nobody")


def _by_contribution(stored: Iterable[Stored]) -> dict[str, list[Stored]]:
    found: dict[str, list[Stored]] = defaultdict(list)
    for event in stored:
        found[event.contribution_id].append(event)
    return found


def _key(row: Mapping[str, Any]) -> NaturalKey:
    return str(row["section"]), str(row["entry_id"]), int(row["entry_version"])


async def _know(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> None:
    """Makes the client ask for these topics, all of which were made at the start."""
    consumer.assign([TopicPartition(topic, 0) for topic in topics])
    async with asyncio.timeout(_READ_WITHIN):
        while any(not consumer.partitions_for_topic(topic) for topic in topics):
            await consumer.topics()
