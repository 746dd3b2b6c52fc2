"""What readers are shown of plans: as they stand, as they were at each version, and in lists."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from shared.testing.plain_fold import Taken, contributions_to, plan_of
from tests.faults.judge.evidence import Doors
from tests.faults.judge.findings import Findings
from tests.faults.judge.plans import Ledger, Version, item_of
from tests.faults.judge.published import difference, members
from tests.faults.judge.withheld import listed_as_shown, plan_as_shown, unmarked

_OF_A_PAST_PLAN: Final = "as_at"
_OF_THE_CURRENT_PLAN: Final = "merged_from"
_LOOKED_INTO: Final = 3
_INCLUDED: Final = ("", "withdrawn", "authorship", "withdrawn,authorship")


async def judge_doors(doors: Doors, ledger: Ledger, found: Findings) -> None:
    """What everybody gets of each plan, and its lists; of a few also each of its versions."""
    longest = sorted(ledger, key=lambda plan_id: (-len(ledger[plan_id]), plan_id))
    told = await asyncio.gather(
        *(_judge_plan(doors, plan_id, versions) for plan_id, versions in ledger.items()),
        *(_judge_past(doors, plan_id, ledger[plan_id]) for plan_id in longest[:_LOOKED_INTO]),
    )
    for its in told:
        found.all += its.all


async def _judge_plan(doors: Doors, plan_id: str, versions: Sequence[Version]) -> Findings:
    found, where, last = Findings(), f"plan {plan_id}", len(versions)
    current, newest = await asyncio.gather(
        doors.plan(plan_id), doors.plan(f"{plan_id}/versions/{last}")
    )
    wanted = _folded(plan_id, versions, "")
    for answer in (current, newest):
        if not _is_of(answer, last, where, found):
            return found
        told = _plain(answer)
        another = difference(told, plan_as_shown(told, wanted))
        found.unless(
            not another, "wrong", f"{where}: {answer.url.path} is not what it folds to: {another}"
        )
    then = _without(newest.content, _OF_A_PAST_PLAN)
    now = _without(current.content, _OF_THE_CURRENT_PLAN)
    others = sorted({name for name, _ in {*then} ^ {*now}}) or "the order of its members"
    found.unless(
        then == now, "wrong", f"{where}: shown otherwise than its newest version {last}: {others}"
    )
    for include in _INCLUDED[1:]:
        answer = await doors.plan(f"{plan_id}?include={include}")
        if _is_of(answer, last, where, found):
            told = _plain(answer)
            another = difference(told, plan_as_shown(told, _folded(plan_id, versions, include)))
            found.unless(not another, "wrong", f"{where} with {include}: {another}")
    await _judge_lists(doors, plan_id, versions, found)
    return found


async def _judge_past(doors: Doors, plan_id: str, versions: Sequence[Version]) -> Findings:
    """Every version there ever was, each as it folds up to there."""
    found = Findings()
    paths = [(number, _INCLUDED[number % len(_INCLUDED)]) for number in range(1, len(versions) + 1)]
    answers = await asyncio.gather(
        *(doors.plan(f"{plan_id}/versions/{n}{f'?include={i}' * bool(i)}") for n, i in paths),
        doors.plan(f"{plan_id}/versions/{len(versions) + 1}"),
    )
    for (number, include), answer in zip(paths, answers, strict=False):
        where = f"plan {plan_id} at version {number} with {include or 'nothing'}"
        if not _is_of(answer, number, where, found):
            continue
        shown, wanted = _plain(answer), _folded(plan_id, versions[:number], include)
        # What then waited is not known any more; that nothing did is told truly.
        if wanted["complete"]:
            wanted["complete"] = bool(shown["complete"])
        another = difference(shown, plan_as_shown(shown, wanted)) or difference(
            answer.json()[_OF_A_PAST_PLAN], _as_at(number, versions[number - 1]), "/as_at"
        )
        found.unless(not another, "wrong", f"{where}: {another}")
        newest = answer.headers["Ledger-Current-Version"]
        found.unless(newest == str(len(versions)), "wrong", f"{where}: {newest} is the newest")
    beyond = answers[-1].json().get("code")
    found.unless(beyond == "version-unknown", "wrong", f"plan {plan_id} beyond its end: {beyond}")
    return found


async def _judge_lists(
    doors: Doors, plan_id: str, versions: Sequence[Version], found: Findings
) -> None:
    """Its versions, and its history: each contribution once, with all that it said."""
    listed, history = await asyncio.gather(doors.versions(plan_id), doors.history(plan_id))
    wanted = [item_of(number, one) for number, one in enumerate(versions, 1)][::-1]
    another = difference(listed, listed_as_shown(listed, wanted))
    found.unless(not another, "wrong", f"plan {plan_id}: its versions are listed as {another}")
    everything = await doors.plan(f"{plan_id}?include=withdrawn")
    contributions = listed_as_shown(
        history,
        contributions_to(Taken([one.event for one in versions])),
        unmarked(everything.json()),
    )
    found.each_once(f"the history of {plan_id}", map(_named, contributions), map(_named, history))
    another = difference(history, contributions)
    found.unless(not another, "wrong", f"the history of {plan_id} tells another: {another}")


def _named(item: Mapping[str, Any]) -> tuple[str, str]:
    if item.get("withheld") is True:
        return "withheld", str(item["plan_versions"])
    return item["section"], item["contribution_id"]


def _is_of(answer: httpx.Response, version: int, where: str, found: Findings) -> bool:
    """True where it is an answer; its tag and its version are judged."""
    if not answer.is_success:
        found.add("wrong", f"{where}: {answer.status_code} of {answer.url}")
        return False
    tag = f'"{version}-{hashlib.sha256(answer.content).hexdigest()[:16]}"'
    found.unless(answer.headers["ETag"] == tag, "wrong", f"{where}: its ETag is of other bytes")
    told = answer.headers["Ledger-Version"]
    found.unless(told == str(version), "wrong", f"{where}: shown at version {told}")
    return True


def _folded(plan_id: str, versions: Sequence[Version], include: str) -> dict[str, Any]:
    events = Taken([one.event for one in versions])
    with_them = {name: name in include for name in ("withdrawn", "authorship")}
    return plan_of(plan_id, events, **with_them)


def _as_at(number: int, version: Version) -> dict[str, Any]:
    return {
        "requested": number,
        "basis": "version",
        "resolved_version": number,
        "resolved_at": version.projected_at.isoformat().replace("+00:00", "Z"),
        "without": [],
        "policy_version": version.policy_version,
        "is_current": False,
    }


def _plain(answer: httpx.Response) -> dict[str, Any]:
    marks = (_OF_A_PAST_PLAN, _OF_THE_CURRENT_PLAN)
    return {name: one for name, one in answer.json().items() if name not in marks}


def _without(document: bytes, name: str) -> list[tuple[str, bytes]]:
    return [member for member in members(document) if member[0] != name]
