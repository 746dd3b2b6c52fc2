"""The whole judgement: what was sent to a stack against all that is there."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import asyncpg

from tests.faults.judge.audit import judge_audit
from tests.faults.judge.commitments import hashes_of, judge_checkpoints, judge_commitments
from tests.faults.judge.evidence import EVENT_TOPICS, Evidence, Stored, Surroundings
from tests.faults.judge.findings import Findings
from tests.faults.judge.messages import judge_published
from tests.faults.judge.plans import judge_changes, judge_ledger
from tests.faults.judge.said import judge_said
from tests.faults.judge.sections import (
    judge_answers,
    judge_openings,
    judge_origin,
    judge_reused,
    judge_store,
    judge_unanswered,
)
from tests.faults.judge.shown import judge_doors
from tests.faults.load.sent import SECTIONS, Sent

_LOOKED_EVERY: Final = 0.5


class Checker:
    """Judges what was sent against what is there."""

    def __init__(self, where: Surroundings, *, settled_within: float) -> None:
        self._evidence = Evidence(where)
        self._settled_within = settled_within

    async def judge_unanswered(self, everything: Sequence[Sent]) -> Findings:
        """Without an answer it is there entirely, or not at all; judged before it is sent again."""
        found = Findings()
        for section in SECTIONS:
            silent = [s for s in everything if s.section == section and s.receipt is None]
            if silent:
                stored = await self._evidence.stored(section)
                judge_unanswered(silent, stored, await self._evidence.receipts(section), found)
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
        """Everything that was ever sent to this stack; ``plans`` are read by HTTP as well."""
        found = Findings()
        found.unless(
            await self.settled(), "wrong", "the readers never had just what the sections have"
        )
        stored: dict[str, list[Stored]] = {}
        for section in SECTIONS:
            stored[section] = await self._evidence.stored(section)
            judge_store(section, stored[section], found)
            receipts = await self._evidence.receipts(section)
            mine = [sent for sent in everything if sent.section == section]
            judge_answers(mine, stored[section], receipts, found)
        judge_reused(reused, found)
        judge_openings(everything, stored["person"], found)
        events = {event.key: event for one in stored.values() for event in one}
        judge_origin(everything, events.values(), found)
        published = await self._evidence.published()
        first = judge_published(events, published, everything, found)
        judge_said(everything, events.values(), first, found)
        ledger = await judge_ledger(self._evidence, events, published, found)
        await judge_changes(self._evidence, ledger, found)
        looked_at = {plan_id: ledger[plan_id] for plan_id in plans if plan_id in ledger}
        async with self._evidence.doors() as doors:
            await judge_doors(doors, looked_at, found)
            listed = await doors.audit()
            signed = await self._evidence.checkpoints()  # before what they are about
            log = await self._evidence.log()
            judge_commitments(log, found)
            judge_checkpoints(log, signed, found)
            kept = hashes_of(log)
            records = [record | kept[record["idx"]] for record in listed]
            judge_audit(everything, reused, events, first, records, found)
        return found

    async def _has_settled(self) -> bool:
        there = refused = 0
        for section in SECTIONS:
            [row] = await self._evidence.ask(
                section,
                "SELECT (SELECT count(*) FROM stored_events) AS events,"
                " (SELECT count(DISTINCT convert_from(value, 'UTF8')::jsonb ->> 'record_id')"
                "    FROM outgoing WHERE topic = 'careplan.audit.records.v1') AS refused",
            )
            there += row["events"]
            refused += row["refused"]
        [plan] = await self._evidence.ask(
            "plan",
            "SELECT (SELECT count(*) FROM ledger.plan_ledger) AS events,"
            " (SELECT coalesce(max(feed), 0) FROM ledger.plan_ledger) AS changes,"
            " (SELECT coalesce(max(position), 0) FROM outgoing) AS outgoing,"
            " (SELECT coalesce(max(position), 0) FROM relay_mark WHERE stream = 'changes')"
            " AS changes_told,"
            " (SELECT coalesce(max(position), 0) FROM relay_mark WHERE stream = 'outgoing')"
            " AS told",
        )
        [audit] = await self._evidence.ask(
            "audit",
            "SELECT count(*) FILTER (WHERE operation = 'change') AS changes,"
            " count(*) FILTER (WHERE operation = 'refusal') AS refused, count(*) AS records,"
            " (SELECT coalesce(max(size), 0) FROM log_checkpoint) AS signed FROM audit_record",
        )
        return (
            plan["events"] == there == audit["changes"]
            and audit["refused"] == refused
            and audit["signed"] == audit["records"]
            and plan["changes_told"] == plan["changes"]
            and plan["told"] == plan["outgoing"]
            and not await self._behind()
        )

    async def _behind(self) -> bool:
        """True where a record of an event topic has not reached the plan's stored offsets."""
        rows = await self._evidence.ask(
            "plan",
            "SELECT topic, partition, next_offset FROM consumer_offset WHERE consumer = 'plan'",
        )
        held = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        ends = await self._evidence.ends(EVENT_TOPICS)
        return any(end > held.get((at.topic, at.partition), 0) for at, end in ends.items())
