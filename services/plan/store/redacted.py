"""Entries and contributions without what is withheld from their reader: pure, JSON in and out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from services.plan.store.values import dumps
from shared.chassis.policy.redaction.contents import content_without
from shared.chassis.policy.redaction.marks import Rule, Withheld


def entry_without(body: bytes, withheld: Withheld, said: Mapping[str, Any] | None = None) -> bytes:
    """An entry as it is shown to a reader from whom leaves are withheld: named, and not there.

    ``said`` has who said what is left, and when, where it was not who said the entry last.
    """
    entry = orjson.loads(body)
    entry = {**entry, **(said or {}), "content": content_without(entry["content"], withheld)}
    return dumps({**entry, "withheld": sorted(withheld.leaves)})


def leaves_without(leaves: Mapping[str, int], withheld: Withheld) -> dict[str, int]:
    """Of the leaves and items that somebody said, those that are shown."""
    return {path: version for path, version in leaves.items() if not withheld.hides(path)}


def is_withheld(fields: Sequence[str], withheld: Withheld) -> bool:
    """True for an event of which nothing is shown: its entry is withheld, or all that it sets."""
    if withheld.rule is not None:
        return True
    return bool(fields) and all(map(withheld.hides, fields))


def withheld_among(fields: Sequence[str], withheld: Withheld) -> list[str]:
    """Which withheld leaves an event also sets: it names them, and its reason goes with them.

    Whether a person's sex was said is not told either.
    """
    return sorted(
        name
        for name, rule in withheld.leaves.items()
        if rule is not Rule.SEX and any(_is_at(field, name) for field in fields)
    )


def version_withheld(plan_version: int) -> bytes:
    """What the list of versions says of one that is withheld."""
    return dumps({"plan_version": plan_version, "withheld": True})


def contribution_without(item: bytes, withheld: Withheld) -> bytes:
    """A contribution as the history shows it to a reader from whom something is withheld.

    The reason for a change of what is withheld is withheld with it.
    """
    told = orjson.loads(item)
    events = [_event_without(event, withheld) for event in told["events"]]
    if all(event.get("withheld") is True for event in events):
        return dumps({"plan_versions": told["plan_versions"], "withheld": True})
    if any(map(_takes_its_reason, events)):
        told["reason"] = None
    return dumps({**told, "events": events})


def _event_without(event: dict[str, Any], withheld: Withheld) -> dict[str, Any]:
    fields = event["fields"]
    if is_withheld(fields, withheld):
        return {"plan_version": event["plan_version"], "withheld": True}
    left = [name for name in fields if not withheld.hides(name)]
    content = content_without(event["content"], withheld)
    named = withheld_among(fields, withheld)
    if not named and len(left) == len(fields):
        return {**event, "content": content}
    if named or event["change"] != "created":
        keys = {name.partition(".")[0] for name in left}
        content = {name: value for name, value in content.items() if name in keys}
    told = {**event, "fields": left, "content": content}
    return {**told, "withheld": named} if named else told


def _takes_its_reason(event: Mapping[str, Any]) -> bool:
    return "withheld" in event


def _is_at(field: str, name: str) -> bool:
    return field == name or field.startswith(f"{name}.") or name.startswith(f"{field}.")


def counted(sections: Iterable[str]) -> list[dict[str, Any]]:
    """How many entries of each section are withheld: all that is said of them."""
    return [
        {"section": section, "entries": number}
        for section, number in sorted(Counter(sections).items())
    ]
