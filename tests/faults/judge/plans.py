"""What the plan keeps: its ledger, in which each entry stands as it was after each event."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.testing.plain_fold import Event, authors, entry
from tests.faults.judge.evidence import Evidence
from tests.faults.judge.findings import Findings
from tests.faults.judge.published import NaturalKey, Published, difference

_PARTS: Final = ("applied", "duplicates", "parked", "dead_lettered")
_OF_THE_COLUMNS: Final = ("section", "entry_id", "entry_type", "entry_version", "type", "change")


@dataclass(frozen=True)
class Version:
    """One version of a plan: its event, and what the plan alone knows of it."""

    key: NaturalKey
    event: Event
    projected_at: datetime
    policy_version: str


Ledger = Mapping[str, Sequence[Version]]


async def judge_ledger(
    evidence: Evidence,
    events: Iterable[NaturalKey],
    published: Sequence[Published],
    found: Findings,
) -> dict[str, list[Version]]:
    """Versions without a hole, each an event in the turn of its entry; answers them by plan."""
    rows = await evidence.ask(
        "plan", "SELECT * FROM ledger.plan_ledger ORDER BY plan_id, plan_version"
    )
    values = {record.natural_key: record for record in published}
    found.each_once("the plan", events, [key_of(row) for row in rows])
    ledger: dict[str, list[Version]] = defaultdict(list)
    so_far: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for row in rows:
        plan_id, key = str(row["plan_id"]), key_of(row)
        before = ledger[plan_id][-1].projected_at if ledger[plan_id] else None
        record = values.get(key)
        event = json.loads(row["event"]) if record is None else record.told
        ledger[plan_id].append(Version(key, event, row["projected_at"], row["policy_version"]))
        found.unless(
            row["plan_version"] == len(ledger[plan_id]),
            "wrong",
            f"plan {plan_id} has no version {len(ledger[plan_id])}",
        )
        its = so_far[key[:2]]
        its.append(event)
        found.unless(key[2] == len(its), "reordered", f"the plan: {key} out of turn")
        found.unless(
            before is None or before <= row["projected_at"],
            "reordered",
            f"plan {plan_id}: projected_at falls",
        )
        is_the_same = record is not None and row["event"] == record.value
        found.unless(is_the_same, "wrong", f"the plan: {key} reads another")
        another = _what_is_another(row, its)
        found.unless(not another, "wrong", f"the plan: {key} stands otherwise: {another}")
    await _judge_account(evidence, len(rows), len(published), found)
    return ledger


def _what_is_another(row: Mapping[str, Any], events: Sequence[Event]) -> str:
    """The row against the whole entry as it is after these events, field by field."""
    shown, last = entry(events), events[-1]
    there = {
        "entry": json.loads(row["entry"]),
        "authors": json.loads(row["leaves"]),
        "current": row["current"],
        "contribution_id": str(row["contribution_id"]),
        "fields": sorted(row["fields"]),
        **{name: str(row[name]) for name in _OF_THE_COLUMNS},
    }
    wanted = {
        "entry": shown,
        "authors": authors(events),
        "current": shown["current"],
        "contribution_id": last["contribution_id"],
        "fields": sorted(last["fields"]),
        **{name: str(last[name]) for name in _OF_THE_COLUMNS},
    }
    return difference(there, wanted)


async def _judge_account(evidence: Evidence, applied: int, published: int, found: Findings) -> None:
    [told] = await evidence.ask(
        "plan",
        "SELECT coalesce(sum(consumed), 0)::bigint AS consumed,"
        " coalesce(sum(applied), 0)::bigint AS applied,"
        " coalesce(sum(duplicates), 0)::bigint AS duplicates,"
        " coalesce(sum(parked), 0)::bigint AS parked,"
        " coalesce(sum(dead_lettered), 0)::bigint AS dead_lettered,"
        " (SELECT count(*) FROM ledger.plan_parked) AS waiting FROM ledger.plan_counter",
    )
    account = dict(told)
    balanced = account["consumed"] == sum(account[part] for part in _PARTS)
    found.unless(balanced, "wrong", f"the plan's account does not balance: {account}")
    found.unless(account["applied"] == applied, "wrong", f"applied: {account}, not {applied}")
    found.unless(account["dead_lettered"] == 0, "lost", f"dead letters: {account}")
    found.unless(account["parked"] == account["waiting"] == 0, "lost", f"still parked: {account}")
    consumed = account["consumed"]
    found.unless(consumed >= published, "lost", f"consumed {consumed} of {published} published")
    found.unless(consumed <= published, "doubled", f"consumed {consumed} of {published} published")


async def judge_changes(evidence: Evidence, ledger: Ledger, found: Findings) -> None:
    """Every version was told on the topic of changes, and never as two."""
    told: dict[tuple[str, int], dict[str, Any]] = {}
    for record in await evidence.records("careplan.plan.changes.v1"):
        change = json.loads(record.value)
        at = change["plan_id"], change["plan_version"]
        if told.setdefault(at, change) != change:
            found.add("wrong", f"plan {at[0]}: version {at[1]} is told as two")
    wanted = {
        (plan_id, version): one
        for plan_id, versions in ledger.items()
        for version, one in enumerate(versions, 1)
    }
    found.each_once("the topic of changes", wanted, told)
    for at in wanted.keys() & told.keys():
        version = wanted[at]
        item = {name: given for name, given in item_of(at[1], version).items() if name != "by"}
        another = difference(told[at], {"plan_id": at[0], **item})
        found.unless(not another, "wrong", f"the change {at} is told as another: {another}")


def item_of(plan_version: int, version: Version) -> dict[str, Any]:
    """A version as lists have it."""
    event = version.event
    shown = entry([event])
    return {
        "plan_version": plan_version,
        **{name: event[name] for name in _OF_THE_COLUMNS},
        "contribution_id": event["contribution_id"],
        "recorded_at": shown["recorded_at"],
        "projected_at": version.projected_at.isoformat().replace("+00:00", "Z"),
        "stated_at": shown["stated_at"],
        "by": shown["by"],
    }


def key_of(row: Mapping[str, Any]) -> NaturalKey:
    """What identifies the event that it is about."""
    return str(row["section"]), str(row["entry_id"]), int(row["entry_version"])
