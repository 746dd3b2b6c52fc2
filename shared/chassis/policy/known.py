"""What is known of who may see a plan, with where each of it comes from: to explain a decision."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import orjson

from shared.chassis.policy.access import Access, Proxy, Relationship
from shared.chassis.policy.relationships import (
    CARE_TEAM,
    PROXY,
    RELATIONSHIP,
    Known,
    access_of,
    leaves_taken,
)
from shared.chassis.settings import USUAL_ROLES
from shared.ledger import Organisation, instant

_NAMED: Final = ((RELATIONSHIP, "relationships"), (PROXY, "proxies"))


@dataclass(frozen=True)
class KnownAccess:
    """Who may see the plan, and of each entry who said it and who recorded it, as far as told."""

    access: Access
    origins: Mapping[UUID, Mapping[str, Any]]

    def of_organisation(
        self, code: str | None, at: datetime, section: str | None, *, contributing: bool
    ) -> list[dict[str, Any]]:
        """The relationships of an organisation, each with whether it counts, and why not."""
        return [
            {**self.told(one), "counts": not why, "why_not": why or None}
            for one in self.access.relationships
            if one.organisation == code
            for why in [_why_not(one, at, section, contributing=contributing)]
        ]

    def told(self, one: Relationship | Proxy) -> dict[str, Any]:
        """Where it comes from: its entry, who said it, and from when until when."""
        return {
            "entry_id": str(one.entry_id),
            "kind": one.kind if isinstance(one, Relationship) else PROXY,
            "live_from": instant(one.live_from),
            "live_until": None if one.live_until is None else instant(one.live_until),
            "self_claimed": isinstance(one, Relationship) and one.self_claimed,
            **self.origins.get(one.entry_id, {}),
        }


def known_access(organisations: list[str], given: bytes | None, plan_id: UUID) -> KnownAccess:
    """Relationships with these organisations (``ZZC01:needs,goals``), and what a JSON has of them.

    That is a plan as it is read, or has ``relationships`` and ``proxies`` by themselves. Raises
    ``ValueError``, ``TypeError``, ``KeyError`` or ``AttributeError`` where it is neither.
    """
    known = [_as_typed(said, plan_id) for said in organisations]
    origins: dict[UUID, Mapping[str, Any]] = {}
    entries = () if given is None else _entries_of(orjson.loads(given))
    for kind, entry_id, content, origin in entries:
        known.append(Known(plan_id, entry_id, kind, leaves_taken(kind, content)))
        origins[entry_id] = origin
    return KnownAccess(access_of(known, USUAL_ROLES["registration"]), origins)


def _as_typed(said: str, plan_id: UUID) -> Known:
    code, _, sections = said.partition(":")
    organisation = Organisation.of(code)
    content = {
        "organisation": {"ods": organisation.ods, "local_id": organisation.local_id},
        "kind": "caseload",
        "live_from": "2000-01-01T00:00:00Z",
        "scope": {"sections": sections.split(",")} if sections else None,
        "self_claimed": False,
    }
    return Known(plan_id, uuid4(), RELATIONSHIP, leaves_taken(RELATIONSHIP, content))


_Entry = tuple[str, UUID, Mapping[str, Any], Mapping[str, Any]]


def _entries_of(given: Mapping[str, Any]) -> Iterator[_Entry]:
    for kind, name in _NAMED:
        for one in given.get(name, ()):
            yield kind, UUID(one.get("entry_id") or str(uuid4())), one, _origin(one)
    for entry in given.get("sections", {}).get(CARE_TEAM, ()):
        if entry["entry_type"] in (RELATIONSHIP, PROXY):
            entry_id = UUID(entry["entry_id"])
            yield entry["entry_type"], entry_id, entry["content"], _origin(entry)


def _origin(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("stated_by", "recorded_by") if entry.get(name)}


def _why_not(one: Relationship, at: datetime, section: str | None, *, contributing: bool) -> str:
    """Why a relationship does not count; empty where it does."""
    if at < one.live_from:
        return f"It begins at {instant(one.live_from)}."
    if not one.is_in_time(at) and one.live_until is not None:
        return f"It ended at {instant(one.live_until)}."
    if not one.scope.covers(section):
        return "Its scope does not cover this section."
    if contributing and not one.scope.contribute:
        return "Its scope covers seeing, and not contributing."
    return "" if one.permits(at, section, contributing) else "The person objects to it."
