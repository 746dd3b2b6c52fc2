"""What the sections keep: every answer that was given, and nothing that was not."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tests.faults.judge.evidence import Stored, by_contribution, leaf_hash_of
from tests.faults.judge.findings import Findings
from tests.faults.load.sent import REUSED, Sent, is_kept

_OPENS: Final = ("plan-opened", "plan-reopened")
_CLOSES: Final = ("plan-ended", "entered-in-error")


def judge_store(section: str, stored: Sequence[Stored], found: Findings) -> None:
    """Positions, times and versions in order, and every row hashed as it stands."""
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
        found.unless(
            event.leaf_hash == leaf_hash_of(event), "wrong", f"{event.key}: hashed as another"
        )


def judge_answers(
    everything: Iterable[Sent],
    stored: Sequence[Stored],
    receipts: Mapping[str, Mapping[str, Any]],
    found: Findings,
) -> None:
    """One receipt each, kept; accepted: its events are there and say it; refused: none is."""
    events = by_contribution(stored)
    for sent in everything:
        what = f"{sent.contribution['command']} {sent.id} by {sent.door}"
        kept = [answer for answer in sent.answers if is_kept(answer)]
        for other in kept[1:]:
            found.unless(other == kept[0], "wrong", f"{what}: two receipts: {kept[0]} {other}")
        mine = events.get(sent.id, [])
        if sent.is_forbidden:
            found.unless(not mine and sent.id not in receipts, "wrong", f"{what}: not permitted")
            continue
        if not kept:
            found.add("lost", f"{what} was never answered: {sent.trouble[-3:]}")
            continue
        receipt, held = kept[0], receipts.get(sent.id)
        if held is None:
            found.add("lost", f"{what}: its receipt is not kept")
            continue
        found.unless(held["outcome"] == receipt["outcome"], "wrong", f"{what}: kept otherwise")
        if receipt["outcome"] == "refused":
            found.unless(not mine, "wrong", f"{what}: refused, and stored")
        else:
            _judge_accepted(sent, receipt, held, mine, found)


def _judge_accepted(
    sent: Sent,
    receipt: Mapping[str, Any],
    held: Mapping[str, Any],
    mine: Sequence[Stored],
    found: Findings,
) -> None:
    what = f"{sent.contribution['command']} {sent.id} by {sent.door}"
    told = [(event["type"], event["entry_version"]) for event in receipt["events"]]
    there = [(event.type, event.version) for event in mine]
    found.unless(bool(told), "wrong", f"{what}: accepted, and its receipt names no event")
    if len(there) < len(told):
        found.add("lost", f"{what}: accepted, and {len(there)} of {len(told)} events are there")
    elif len(there) > len(told):
        found.add("doubled", f"{what}: stored {len(there)} times")
    elif there != told or {event.entry_id for event in mine} != {receipt["entry_id"]}:
        found.add("wrong", f"{what}: at {there}, not {told}")
    elif mine:
        found.unless(
            held["last_position"] == mine[-1].position
            and mine[-1].recorded_at == datetime.fromisoformat(receipt["recorded_at"]),
            "wrong",
            f"{what}: its receipt names another place or time",
        )


def judge_reused(reused: Iterable[Sent], found: Findings) -> None:
    """Other content under an id that has a receipt is refused, and shown nothing of it."""
    for sent in reused:
        codes = {answer.get("code") for answer in sent.answers}
        found.unless(codes == {REUSED}, "wrong", f"{sent.id} was used again, and answered {codes}")


def judge_unanswered(
    silent: Iterable[Sent],
    stored: Sequence[Stored],
    receipts: Mapping[str, Mapping[str, Any]],
    found: Findings,
) -> None:
    """Without an answer it is there entirely, or not at all."""
    events = by_contribution(stored)
    for sent in silent:
        mine, receipt = events.get(sent.id, []), receipts.get(sent.id)
        if receipt is None:
            found.unless(not mine, "wrong", f"{sent.id}: events without a receipt")
        else:
            told = [(e["type"], e["entry_version"]) for e in receipt.get("events", [])]
            there = [(event.type, event.version) for event in mine]
            found.unless(told == there, "wrong", f"{sent.id}: half of it is there")


def judge_origin(everything: Iterable[Sent], events: Iterable[Stored], found: Findings) -> None:
    """Nothing is there that nobody has sent, and nothing that was refused."""
    sent = {one.id: one for one in everything}
    for event in events:
        its = sent.get(event.contribution_id)
        found.unless(its is not None, "wrong", f"{event.key} comes from nobody")
        refused = its is not None and its.receipt is not None and not its.is_accepted
        found.unless(not refused, "wrong", f"{event.key} was refused")


def judge_openings(everything: Iterable[Sent], persons: Sequence[Stored], found: Findings) -> None:
    """At no time has a person two open plans, and whoever was refused one has one already."""
    open_of: dict[str, set[str]] = defaultdict(set)
    number_of: dict[str, str] = {}
    for event in persons:
        word = event.type.split(".")[2]
        if word == "plan-opened":
            number_of[event.entry_id] = event.content["nhs_number"]["value"]
        number = number_of[event.entry_id]
        if word in _OPENS:
            open_of[number].add(event.entry_id)
        elif word in _CLOSES:
            open_of[number].discard(event.entry_id)
        found.unless(
            len(open_of[number]) <= 1, "doubled", f"open plans of one person: {open_of[number]}"
        )
    for sent in everything:
        if sent.contribution["command"].endswith(".open-plan.v1") and sent.receipt is not None:
            number = sent.contribution["content"]["nhs_number"]["value"]
            found.unless(
                number in open_of, "lost", f"{sent.id}: no plan was opened, and it was refused"
            )
