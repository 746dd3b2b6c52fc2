"""What the audit has: a record of every change and of every refusal, once each."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tests.faults.judge.evidence import Stored
from tests.faults.judge.findings import Findings
from tests.faults.judge.published import NaturalKey, Published
from tests.faults.load.sent import REUSED, SECTIONS, Sent

# What rests on a copy that may be behind: the first answer may have reached nobody.
_PASSING: Final = {"plan-unknown", "plan-not-open", "no-live-relationship", "proxy-not-live"}
# Of these no receipt is kept: where the first answer was lost, the entry may have moved on by the
# second, which is then refused for its version.
_NOT_KEPT: Final = {"role-may-not-contribute", "not-permitted", "organisation-claim-differs"}


def judge_audit(
    everything: Sequence[Sent],
    reused: Sequence[Sent],
    events: Mapping[NaturalKey, Stored],
    published: Mapping[NaturalKey, Published],
    records: Sequence[Mapping[str, Any]],
    found: Findings,
) -> None:
    """``records`` are all that the audit shows, with the two hashes that it keeps apart."""
    in_the_log = sorted(records, key=lambda record: int(record["idx"]))
    places = [record["idx"] for record in in_the_log]
    found.unless(places == list(range(len(records))), "wrong", "the audit has a hole")
    logged = [record["logged_at"] for record in in_the_log]
    found.unless(logged == sorted(logged), "reordered", "the audit's clock falls")
    for record in records:
        is_ours = record["operation"] in ("change", "refusal", "read", "denial", "query")
        found.unless(is_ours, "wrong", f"the audit has {record['operation']} {record['record_id']}")
    changes = [record for record in records if record["operation"] == "change"]
    by_id = {record["record_id"]: record for record in changes}
    wanted = {f"{section}/{entry}.{version}": (section, entry, version)
              for section, entry, version in events}  # fmt: skip
    found.each_once("the audit's changes", wanted, [record["record_id"] for record in changes])
    senders = {sent.id: sent for sent in everything}
    for record_id in wanted.keys() & by_id.keys():
        key = wanted[record_id]
        _judge_change(by_id[record_id], events[key], published.get(key), senders, found)
    _judge_refusals([*everything, *reused], records, found)


def _judge_change(
    record: Mapping[str, Any],
    event: Stored,
    published: Published | None,
    senders: Mapping[str, Sent],
    found: Findings,
) -> None:
    sent = senders.get(event.contribution_id)
    actor = record["actor"]
    by = actor["kind"], (actor["organisation"] or {}).get("ods", "")
    found.unless(
        record["contribution_id"] == event.contribution_id
        and record["plan_id"] == event.plan_id
        and record["event_type"] == event.type
        and record["leaf_hash"] == event.leaf_hash
        and record["inputs_sha256"] == (event.inputs or b"").hex()
        and (sent is None or by == (sent.by.kind, sent.by.org)),
        "wrong",
        f"the audit: {event.key} is another",
    )
    if published is not None:
        found.unless(
            record["after_hash"] == hashlib.sha256(published.content).hexdigest(),
            "wrong",
            f"the audit: {event.key} is hashed otherwise than it was published",
        )


def _judge_refusals(
    everything: Iterable[Sent], records: Sequence[Mapping[str, Any]], found: Findings
) -> None:
    """One record for each code with which a contributor's own content was refused."""
    recorded: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        if record["operation"] == "refusal":
            named = f"{record['section']}/{record['contribution_id']}"
            recorded[named][record["code"]] += 1
    told: dict[str, Counter[str]] = defaultdict(Counter)
    unheard = {f"{SECTIONS[sent.section]}/{sent.id}" for sent in everything if sent.unanswered}
    for sent in everything:
        # Content that is not the same is another refusal, though it has the same id and code.
        codes = {answer["code"] for answer in sent.answers if answer["outcome"] == "refused"}
        told[f"{SECTIONS[sent.section]}/{sent.id}"].update(codes)
    for named, refused in told.items():
        there = recorded[named]
        for code, times in refused.items():
            what = f"the audit: {named} was refused {times} times, {code}, recorded {there[code]}"
            found.unless(there[code] >= times, "lost", what)
            found.unless(there[code] <= times, "doubled", what)
        others = there.keys() - refused.keys() - _PASSING
        if named in unheard:
            others -= _NOT_KEPT
        found.unless(not others, "wrong", f"the audit: {named} was not refused: {sorted(others)}")
        again = {code: times for code, times in there.items() if code != REUSED and times > 1}
        found.unless(not again, "doubled", f"the audit: {named} is refused again: {again}")
    strangers = {named for named, there in recorded.items() if there} - told.keys()
    found.unless(not strangers, "wrong", f"the audit: refusals of nobody: {sorted(strangers)}")
