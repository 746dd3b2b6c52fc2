"""What the plan keeps and shows: its ledger, and the bytes that every reader gets."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tests.faults.judge.evidence import Doors, Evidence
from tests.faults.judge.findings import Findings
from tests.faults.judge.published import NaturalKey, Published, difference, members
from tests.faults.judge.refold import document_of

Ledger = Mapping[str, Sequence[NaturalKey]]

_PARTS: Final = ("applied", "duplicates", "parked", "dead_lettered")
_OF_A_PAST_PLAN: Final = "as_at"
_OF_THE_CURRENT_PLAN: Final = "merged_from"


async def judge_ledger(
    evidence: Evidence,
    events: Iterable[NaturalKey],
    published: Sequence[Published],
    found: Findings,
) -> dict[str, list[NaturalKey]]:
    """Versions without a hole, each an event in the turn of its entry; answers them by plan."""
    rows = await evidence.ask(
        "plan", "SELECT * FROM ledger.plan_ledger ORDER BY plan_id, plan_version"
    )
    values = {record.natural_key: record.value for record in published}
    found.each_once("the plan", events, [_key(row) for row in rows])
    ledger: dict[str, list[NaturalKey]] = defaultdict(list)
    last: dict[tuple[str, str], int] = {}
    projected_at: dict[str, datetime] = {}
    for row in rows:
        plan_id, key = str(row["plan_id"]), _key(row)
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
    await _judge_account(evidence, len(rows), len(published), found)
    return ledger


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
    told: dict[str, dict[int, NaturalKey]] = defaultdict(dict)
    for record in await evidence.records("careplan.plan.changes.v1"):
        change = json.loads(record.value)
        plan_id, version, key = change["plan_id"], change["plan_version"], _key(change)
        if told[plan_id].setdefault(version, key) != key:
            found.add("wrong", f"plan {plan_id}: version {version} is told as two")
    wanted = {
        (plan_id, version): key
        for plan_id, keys in ledger.items()
        for version, key in enumerate(keys, 1)
    }
    there = {(plan_id, n): key for plan_id, its in told.items() for n, key in its.items()}
    found.each_once("the topic of changes", wanted, there)
    for at in wanted.keys() & there.keys():
        found.unless(there[at] == wanted[at], "wrong", f"the change {at} is told as another")


async def judge_doors(
    doors: Doors,
    ledger: Ledger,
    published: Mapping[NaturalKey, Published],
    found: Findings,
) -> None:
    """Of each of these plans: what everybody gets, its newest version, its lists."""
    told = await asyncio.gather(
        *(_judge_plan(doors, plan_id, keys, published) for plan_id, keys in ledger.items())
    )
    for its in told:
        found.all += its.all


async def _judge_plan(
    doors: Doors,
    plan_id: str,
    keys: Sequence[NaturalKey],
    published: Mapping[NaturalKey, Published],
) -> Findings:
    found = Findings()
    current, newest = await asyncio.gather(
        doors.plan(plan_id), doors.plan(f"{plan_id}/versions/{len(keys)}")
    )
    where = f"plan {plan_id}"
    for answer in (current, newest):
        if not answer.is_success:
            found.add("wrong", f"{where}: {answer.status_code} of {answer.url}")
            return found
        tag = f'"{len(keys)}-{hashlib.sha256(answer.content).hexdigest()[:16]}"'
        found.unless(answer.headers["ETag"] == tag, "wrong", f"{where}: its ETag is of other bytes")
        version = answer.headers["Ledger-Version"]
        found.unless(version == str(len(keys)), "wrong", f"{where}: shown at version {version}")
    same = _without(newest.content, _OF_A_PAST_PLAN) == _without(
        current.content, _OF_THE_CURRENT_PLAN
    )
    found.unless(same, "wrong", f"{where}: shown otherwise than its newest version {len(keys)}")
    wanted = document_of(published[key].told for key in keys if key in published)
    for answer, what in ((current, "shown"), (newest, "kept")):
        plain = answer.json()
        plain.pop(_OF_A_PAST_PLAN, None)
        plain.pop(_OF_THE_CURRENT_PLAN, None)
        another = difference(plain, wanted)
        found.unless(not another, "wrong", f"{where} is {what} otherwise than it folds: {another}")
    await _judge_lists(doors, plan_id, keys, published, found)
    return found


async def _judge_lists(
    doors: Doors,
    plan_id: str,
    keys: Sequence[NaturalKey],
    published: Mapping[NaturalKey, Published],
    found: Findings,
) -> None:
    """Its versions, and its history: each contribution once, with all that it said."""
    versions, history = await asyncio.gather(doors.versions(plan_id), doors.history(plan_id))
    listed = [(item["plan_version"], *_key(item)) for item in versions]
    wanted = [(version, *key) for version, key in enumerate(keys, 1)][::-1]
    found.unless(listed == wanted, "wrong", f"plan {plan_id}: its versions are listed otherwise")
    told = [published[key].told for key in keys if key in published]
    found.each_once(
        f"the history of {plan_id}",
        {event["contribution_id"] for event in told},
        [item["contribution_id"] for item in history],
    )
    said = {
        (item["section"], item["entry_id"], event["entry_version"]): event["content"]
        for item in history
        for event in item["events"]
    }
    content = {key: published[key].told["content"] for key in keys if key in published}
    found.unless(said == content, "wrong", f"the history of {plan_id} tells something else")


def _without(document: bytes, name: str) -> list[tuple[str, bytes]]:
    return [member for member in members(document) if member[0] != name]


def _key(row: Mapping[str, Any]) -> NaturalKey:
    return str(row["section"]), str(row["entry_id"]), int(row["entry_version"])
