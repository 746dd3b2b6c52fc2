"""What the events of a contribution must say, from what was sent: the rules of ``wire.md`` 1.

All that an event says is looked at, also what nobody sent: a change that alters another field than
those it names is wrong.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from shared.testing.plain_fold import after, instant
from tests.faults.judge.contract import known, of_the_change, properties
from tests.faults.judge.evidence import Stored
from tests.faults.judge.findings import Findings
from tests.faults.judge.published import NaturalKey, Published, difference
from tests.faults.load.sent import NAME, Sent

Content = Mapping[str, Any]

# A section's clock and its database's may: one of the faults sets them back by an hour.
_CLOCKS_DIFFER: Final = timedelta(hours=2)
_NOT_SAID: Final = {"withheld_from_person": False, "third_party": False}


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
    given = _dated(sent.contribution["content"], before, event.content)
    said = _without_made_ids(event.content, given, UUID(sent.id))
    own = _OWN.get(command.rpartition(".v")[0])
    if own is not None:
        given = own(given, before, UUID(sent.id))
        said = dict(event.content) if own in _WITH_IDS else said
    elif f"-{command}".rpartition(".v")[0].endswith(("-restrict", ".restrict")):
        given = {"visibility": _shown(given)}
    elif command.rpartition(".v")[0].endswith(("-lift-restriction", ".lift-restriction")):
        given = {**given, "visibility": None}
    if known(event.type).change == "created":
        given = {name: one for name, one in given.items() if one not in (None, [])}
    if sent.contribution.get("visibility") is not None:
        given["visibility"] = _shown(sent.contribution["visibility"])
    return _all_of_it(event.type, command, said, given, before)


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
        if _bytes_of(one) not in stood and (
            abs(datetime.fromisoformat(added_at) - event.recorded_at) > _CLOCKS_DIFFER
        ):
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


def _all_of_it(type_: str, command: str, said: Content, given: Content, before: Content) -> str:
    """What was sent and nothing more, but for what an event adds by its own rules."""
    taken = {name: one for name, one in given.items() if name in properties(type_)}
    others = {name: one for name, one in given.items() if name not in taken}
    more = {name: one for name, one in said.items() if name not in taken}
    wrong = difference({name: one for name, one in said.items() if name in taken}, taken)
    if others and not more:
        wrong = wrong or f"nothing is said of {sorted(others)}"
    for name, one in more.items():
        if others and isinstance(one, list):
            wrong = wrong or _items(f"/{name}", one, before.get(name), others)
        elif not _is_its_own(type_, command, name, one):
            wrong = wrong or f"/{name} should not be there"
    return wrong


def _is_its_own(type_: str, command: str, name: str, said: Any) -> bool:
    """True for what an event says by a rule of its section, whatever was sent."""
    its = known(type_)
    if said is None:  # what the command might have named stays where it did not
        is_no_parameter = name not in properties(command)
        return name in of_the_change(type_) or (is_no_parameter and name in its.removed)
    if name in properties(command):  # where nothing was before, a section may know better
        return its.change == "created"
    return name in its.always and its.constants.get(name, said) == said


def _items(path: str, said: list[Any], held: Any, given: Content) -> str:
    """A command about one item of a list: it says that one, and leaves the others as they were."""
    if not all(isinstance(one, dict) for one in (*said, *(held or ()))):
        return ""  # what has no ids is not told apart
    stood = {one["item_id"]: one for one in held or () if "item_id" in one}
    named = {str(one) for one in given.values() if isinstance(one, str)}
    other = [one for one in said if stood.get(one.get("item_id")) != one]
    gone = stood.keys() - {one.get("item_id") for one in said}
    if len({*gone, *(one.get("item_id") for one in other)} - named) > 1:
        return f"{path} says more than one item anew"
    for one in other:
        if wrong := difference(
            {name: one[name] for name in given if name in one and name != "item_id"},
            {name: its for name, its in given.items() if name in one and name != "item_id"},
            path,
        ):
            return wrong
    return ""


def _shown(visibility: Content) -> dict[str, Any]:
    said = {**_NOT_SAID, **visibility}
    return {name: one for name, one in said.items() if one not in (None, [])}


def _opened(given: Content, _: Content, __: UUID) -> dict[str, Any]:
    """Only the national service verifies a number, and it sends nothing here."""
    number = {**given["nhs_number"], "verification": "present-not-verified"}
    return {**given, "nhs_number": number}


def _cleared(given: Content, _: Content, __: UUID) -> dict[str, Any]:
    return {"responses": {given["heading"]: None}, "reason": given["reason"]}


def _media_added(given: Content, before: Content, _: UUID) -> dict[str, Any]:
    held = before.get("responses", {}).get(given["heading"], {})
    others = [one for one in held.get("media", ()) if one["media_id"] != given["media"]["media_id"]]
    return {"responses": {given["heading"]: {**held, "media": [*others, given["media"]]}}}


def _media_removed(given: Content, before: Content, _: UUID) -> dict[str, Any]:
    after_it: dict[str, Any] = {}
    for heading, held in before.get("responses", {}).items():
        left = [one for one in held.get("media", ()) if one["media_id"] != given["media_id"]]
        if len(left) < len(held.get("media", ())):
            rest = {name: one for name, one in held.items() if name != "media"}
            rest |= {"media": left} if left else {}
            after_it[heading] = rest or None
    return {"responses": after_it, "reason": given["reason"]}


def _registered(given: Content, before: Content, contribution_id: UUID) -> dict[str, Any]:
    made = {"item_id": str(uuid5(contribution_id, "gp_practices/0"))}
    held: Sequence[Any] = before.get("gp_practices", ())
    return {"gp_practices": [*held, {**given["practice"], **made}]}


def _left(given: Content, before: Content, _: UUID) -> dict[str, Any]:
    held = before.get("gp_practices", ())
    return {"gp_practices": [one for one in held if one["ods"] != given["ods"]]}


def _commented(given: Content, _: Content, __: UUID) -> dict[str, Any]:
    return {"person_comment": given["text"]}


_WITH_IDS: Final = (_registered, _left)
_OWN: Final[Mapping[str, Callable[[Content, Content, UUID], dict[str, Any]]]] = {
    "careplan.person.commands.open-plan": _opened,
    "careplan.person.commands.register-with-practice": _registered,
    "careplan.person.commands.leave-practice": _left,
    "careplan.about-me.commands.clear": _cleared,
    "careplan.about-me.commands.add-media": _media_added,
    "careplan.about-me.commands.remove-media": _media_removed,
    "careplan.goals.commands.outcome-add-person-comment": _commented,
}
"""Commands of which an event is not simply their parameters, nor an item of a list."""


def _without_made_ids(said: Content, given: Content, contribution_id: UUID) -> dict[str, Any]:
    """As it was sent: an ``item_id`` that the section had to make is checked, and left out."""
    return {name: _plain(one, given.get(name), name, contribution_id) for name, one in said.items()}


def _plain(said: Any, given: Any, path: str, contribution_id: UUID) -> Any:
    if isinstance(said, dict) and isinstance(given, dict):
        return {
            name: _plain(one, given.get(name), f"{path}.{name}", contribution_id)
            for name, one in said.items()
            if not _is_made(name, one, given, path, contribution_id)
            and not (one is False and name not in given)  # left out means no
        }
    if isinstance(said, list) and isinstance(given, list) and len(said) == len(given):
        pairs = enumerate(zip(said, given, strict=True))
        return [_plain(one, its, f"{path}/{n}", contribution_id) for n, (one, its) in pairs]
    return said


def _is_made(name: str, one: Any, given: Content, path: str, contribution_id: UUID) -> bool:
    return name == "item_id" and name not in given and one == str(uuid5(contribution_id, path))
