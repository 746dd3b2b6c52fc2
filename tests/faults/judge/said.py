"""What the events of a contribution must say, from what was sent: the rules of ``wire.md`` 1."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from tests.faults.judge.evidence import Stored
from tests.faults.judge.published import difference
from tests.faults.load.sent import Sent

Content = Mapping[str, Any]


def what_is_another(events: Sequence[Stored], sent: Sent) -> str:
    """In words, what of a contribution stands otherwise in its events; empty where nothing does."""
    first = events[0]
    if not any(sent.nonce.encode() in event.raw for event in events):
        return "its own word is not in it"
    recorder = first.provenance["recorded_by"]
    by = recorder["kind"], (recorder.get("organisation") or {}).get("ods") or ""
    if by != (sent.by.kind, sent.by.org):
        return f"it was recorded by {by}"
    command = sent.contribution["command"].split(".")[-2]
    given: Content = sent.contribution["content"]
    rules = [rule for name, rule in _OTHERWISE.items() if f"-{command}".endswith(f"-{name}")]
    says = rules[0] if rules else _as_given
    return says(_without_made_ids(first.content, given, UUID(sent.id)), given)


def _as_given(said: Content, given: Content) -> str:
    """Every parameter is a field of the event, and says what was sent."""
    return difference({name: said[name] for name in given if name in said}, dict(given))


def _opened(said: Content, given: Content) -> str:
    """Only the national service verifies a number, and it sends nothing here."""
    number = {**given["nhs_number"], "verification": "present-not-verified"}
    return _as_given(said, {**given, "nhs_number": number, "plan_state": "open"})


def _cleared(said: Content, given: Content) -> str:
    wanted = {"responses": {given["heading"]: None}, "reason": given["reason"]}
    return difference(dict(said), wanted)


def _restricted(said: Content, given: Content) -> str:
    """All of it stands in the one leaf that says who may see the entry."""
    visibility = said.get("visibility") or {}
    return difference({name: visibility.get(name) for name in given}, dict(given), "/visibility")


def _lifted(said: Content, given: Content) -> str:
    return difference(dict(said), {"visibility": None, "reason": given["reason"]})


def _registered(said: Content, given: Content) -> str:
    ours = [one for one in said["gp_practices"] if one["ods"] == given["practice"]["ods"]]
    shown = [{name: one.get(name) for name in given["practice"]} for one in ours]
    return difference(shown, [given["practice"]], "/gp_practices")


def _left(said: Content, given: Content) -> str:
    held = [one for one in said["gp_practices"] or () if one["ods"] == given["ods"]]
    return difference(held, [], "/gp_practices")


def _media_added(said: Content, given: Content) -> str:
    (shown,) = said["responses"][given["heading"]]["media"][-1:]
    # When it was added only the section knows.
    without = {name: one for name, one in shown.items() if name != "added_at"}
    wrong = difference(without, dict(given["media"]), "/responses/media")
    return wrong or ("" if shown.get("added_at") else "the media do not say when they were added")


def _media_removed(said: Content, given: Content) -> str:
    left = [
        media["media_id"]
        for response in said["responses"].values()
        for media in (response or {}).get("media", ())
    ]
    found = given["media_id"] in left or not said["responses"]
    return f"{given['media_id']} is among {left}" if found else ""


def _state(state: str) -> Callable[[Content, Content], str]:
    return lambda said, given: _as_given(said, {**given, "plan_state": state})


_OTHERWISE: Final[Mapping[str, Callable[[Content, Content], str]]] = {
    "open-plan": _opened,
    "clear": _cleared,
    "add-media": _media_added,
    "remove-media": _media_removed,
    "restrict": _restricted,
    "lift-restriction": _lifted,
    "register-with-practice": _registered,
    "leave-practice": _left,
    "end-plan": _state("ended"),
    "reopen-plan": _state("open"),
}
"""Commands of which an event is not simply their parameters."""


def _without_made_ids(said: Content, given: Content, contribution_id: UUID) -> dict[str, Any]:
    """As it was sent: an ``item_id`` that the section had to make is checked, and left out."""
    return {name: _plain(one, given.get(name), name, contribution_id) for name, one in said.items()}


def _plain(said: Any, given: Any, path: str, contribution_id: UUID) -> Any:
    if isinstance(said, dict) and isinstance(given, dict):
        return {
            name: _plain(one, given.get(name), f"{path}.{name}", contribution_id)
            for name, one in said.items()
            if not _is_made(name, one, given, path, contribution_id)
        }
    if isinstance(said, list) and isinstance(given, list) and len(said) == len(given):
        pairs = enumerate(zip(said, given, strict=True))
        return [_plain(one, its, f"{path}/{n}", contribution_id) for n, (one, its) in pairs]
    return said


def _is_made(name: str, one: Any, given: Content, path: str, contribution_id: UUID) -> bool:
    return name == "item_id" and name not in given and one == str(uuid5(contribution_id, path))
