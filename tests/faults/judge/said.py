"""What the events of a contribution must say, from what was sent, by the contract of commands.

All that an event says is looked at, also what nobody sent: a change that alters another field than
those it names is wrong.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from shared.testing.plain_fold import after, instant
from tests.faults.judge.evidence import Stored
from tests.faults.judge.findings import Findings
from tests.faults.judge.promised.contract import completed, known, unless_named
from tests.faults.judge.promised.rules import Case, is_about, said_by
from tests.faults.judge.published import NaturalKey, Published, difference
from tests.faults.load.sent import NAME, Sent

Content = Mapping[str, Any]


def judge_said(
    everything: Iterable[Sent],
    events: Iterable[Stored],
    published: Mapping[NaturalKey, Published],
    found: Findings,
) -> None:
    """Each event says what was sent, given what its entry was, and nothing else."""
    sent = {(one.wire, one.id): one for one in everything}
    entries: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    seen: set[tuple[str, str]] = set()
    for event in sorted(events, key=lambda one: one.key):
        entry, contribution = event.key[:2], (event.section, event.contribution_id)
        its = sent.get(contribution)
        if its is not None and contribution not in seen:  # what follows it is the section's own
            seen.add(contribution)
            another = what_is_another(event, its, entries[entry])
            what = f"{its.contribution['command']} {its.id} by {its.door}"
            found.unless(not another, "wrong", f"{what}: {another}")
        if event.key in published:
            told = published[event.key].told
            entries[entry] = after(entries[entry], {"content": event.content}, told["fields"])


def what_is_another(event: Stored, sent: Sent, before: Content) -> str:
    """In words, what of a contribution stands otherwise in its event; empty where nothing does."""
    ids = {"plan_id": sent.plan_id, "contribution_id": sent.id, "entry_id": event.entry_id}
    another = difference(event.provenance, {**provenance_of(sent), **ids}, "/provenance")
    if another:
        return another
    if event.command != sent.contribution["command"]:
        return f"it is kept with the command {event.command}"
    command = str(event.command)
    if wrong := _untimely(event, before):
        return wrong
    change = known(event.type).change
    given = _dated(_without_nothing(change, sent.contribution["content"]), before, event.content)
    provenance = event.provenance
    case = Case(
        given=given,
        before=before,
        said=event.content,
        contribution_id=UUID(sent.id),
        recorded_at=event.recorded_at,
        stated_at=provenance.get("stated_at"),
        stated_by=provenance["stated_by"],
        recorded_by=provenance["recorded_by"],
    )
    wanted = said_by(command, case)
    if sent.contribution.get("visibility") is not None:
        wanted["visibility"] = sent.contribution["visibility"]
    if change != "created":
        wanted = dict.fromkeys(unless_named(event.type)) | wanted
    wanted = completed(event.type, _without_nothing(change, wanted), UUID(sent.id))
    return difference(event.content, wanted)


def _without_nothing(change: str, said: Content) -> dict[str, Any]:
    """What begins an entry has nothing to take out of it."""
    if change != "created":
        return dict(said)
    return {name: one for name, one in said.items() if one not in (None, [])}


def provenance_of(sent: Sent) -> dict[str, Any]:
    """Who said it and who recorded it, as an event must have it."""
    claim: dict[str, Any] = _without_empty(sent.contribution["provenance"])
    if "stated_at" in claim:
        claim["stated_at"] = instant(claim["stated_at"])
    by = sent.by
    sub = f"org:{by.org}" if sent.door == "kafka" else by.claims["sub"]
    name = claim["system"]["name"] if by.kind == "system" and "system" in claim else NAME
    recorded_by: dict[str, Any] = {
        "kind": by.kind,
        "name": name,
        "identifier": {"kind": "sub", "value": sub},
    }
    if by.role:
        recorded_by["role"] = by.role
    if by.org:
        recorded_by["organisation"] = {"ods": by.org}
    return {"stated_by": recorded_by, **claim, "recorded_by": recorded_by}


def _dated(content: Content, before: Content, said: Content) -> dict[str, Any]:
    """As it was sent, with the time of adding that media had or, where they are new, were given."""
    times = {one["media_id"]: one.get("added_at") for one in _media_in(said)}
    times |= {_bytes_of(one): one["added_at"] for one in _media_in(before)}

    def walked(given: Any) -> Any:
        if isinstance(given, list):
            return [walked(one) for one in given]
        if not isinstance(given, dict):
            return given
        its = {name: walked(one) for name, one in given.items()}
        if "media_id" in given:
            its["added_at"] = times.get(_bytes_of(given)) or times.get(given["media_id"])
        return its

    return {name: walked(given) for name, given in content.items()}


def _untimely(event: Stored, before: Content) -> str:
    """In words, which media are said to have been added when they cannot have been."""
    stood = {_bytes_of(one) for one in _media_in(before)}
    for one in _media_in(event.content):
        added_at = one.get("added_at")
        if added_at is None:
            return f"{one['media_id']} does not say when it was added"
        if _bytes_of(one) not in stood and not is_about(added_at, event.recorded_at):
            return f"{one['media_id']} was added at {added_at}"
    return ""


def _media_in(said: Any) -> Iterator[dict[str, Any]]:
    if isinstance(said, dict):
        if "media_id" in said:
            yield said
        for one in said.values():
            yield from _media_in(one)
    elif isinstance(said, list):
        for one in said:
            yield from _media_in(one)


def _bytes_of(media: Content) -> tuple[Any, Any]:
    return media["media_id"], media.get("sha256")


def _without_empty(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    return {name: _without_empty(one) for name, one in given.items() if one not in (None, [])}
