"""The one shared plan: what it says after each event, who said each leaf of it, what waits.

Knows no section: the envelope of an event is enough, so a section never heard of folds as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shared.ledger import Change, RecordedEvent

EntryKey = tuple[str, UUID]

_OPENED: Final = "careplan.person.plan-opened.v1"
_MERGED: Final = "careplan.person.plan-merged.v1"
_STATE_AFTER: Final = {
    _OPENED: "open",
    "careplan.person.plan-ended.v1": "ended",
    "careplan.person.plan-reopened.v1": "open",
    _MERGED: "merged",
    "careplan.person.plan-unmerged.v1": "open",
    "careplan.person.entered-in-error.v1": "ended",
}
_IN_PLAN: Final = {
    Change.CREATED.value: True,
    Change.RESTORED.value: True,
    Change.WITHDRAWN.value: False,
}
_IN_ERROR: Final = (".entered-in-error.v1", "-entered-in-error.v1")
# "Still right", and talk about the plan: recorded and shown, and no update of it.
_CONFIRMED: Final = (".confirmed.v1", "-confirmed.v1")
_COMMENT: Final = "comment"


class Outcome(StrEnum):
    """What an event did to the plan."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    PARKED = "parked"


@dataclass(slots=True)
class PlanEntry:
    """One entry as the plan shows it; ``order`` is the plan version with which it came.

    ``leaves`` names for each leaf of the content the entry version that set it, ``said`` who was
    behind each of those versions.
    """

    section: str
    entry_id: UUID
    entry_type: str
    order: int
    recorded_at: datetime
    stated_at: datetime
    version: int = 0
    current: bool = True
    is_in_error: bool = False
    content: dict[str, Any] = field(default_factory=dict)
    leaves: dict[str, int] = field(default_factory=dict)
    said: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """``current``, ``withdrawn`` or ``entered-in-error``."""
        if self.is_in_error:
            return "entered-in-error"
        return "current" if self.current else "withdrawn"


@dataclass(slots=True)
class Accepted:
    """An event on the ledger of its plan, with who recorded it and when it was said."""

    plan_version: int
    event: RecordedEvent
    stated_at: datetime
    by: Mapping[str, Any]


@dataclass(slots=True)
class Plan:
    """The one shared plan of one person, up to a version.

    ``accepted`` is what was folded since the plan was taken up, ``parked`` what waits for a
    missing version of its entry, ``positions`` the last store position applied of each section.
    """

    plan_id: UUID
    version: int = 0
    state: str = "unknown"
    opened_at: datetime | None = None
    last_updated: datetime | None = None
    merged_into: str | None = None
    entries: dict[EntryKey, PlanEntry] = field(default_factory=dict)
    parked: dict[EntryKey, dict[int, RecordedEvent]] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """False while an entry waits, or while the plan has not been seen to open."""
        return not self.parked and self.state != "unknown"

    def version_of(self, key: EntryKey) -> int:
        """The last version applied of an entry, 0 for one not seen."""
        entry = self.entries.get(key)
        return entry.version if entry else 0


def fold(plan: Plan, event: RecordedEvent) -> Outcome:
    """The plan after one event, in place: a batch has many and must not copy the plan for each.

    A repeat changes nothing; a gap parks its entry, and what fills it releases what waited, in
    order. Total: no event raises, nothing but the two arguments is looked at.
    """
    key = (event.section, event.entry_id)
    entry = plan.entries.get(key)
    held = entry.version if entry else 0
    if event.entry_version <= held:
        return Outcome.DUPLICATE
    if event.entry_version > held + 1:
        waiting = plan.parked.setdefault(key, {})
        if event.entry_version in waiting:
            return Outcome.DUPLICATE
        waiting[event.entry_version] = event
        return Outcome.PARKED
    following: RecordedEvent | None = event
    waiting = plan.parked.get(key, {})
    while following is not None:
        _accept(plan, following)
        following = waiting.pop(following.entry_version + 1, None)
    if not waiting:
        plan.parked.pop(key, None)
    return Outcome.APPLIED


def in_utc(event: RecordedEvent) -> RecordedEvent:
    """The event with its time in UTC, as it is folded; ``OverflowError`` beyond the calendar."""
    if event.recorded_at.tzinfo is UTC:
        return event
    return replace(event, recorded_at=event.recorded_at.astimezone(UTC))


def by(event: RecordedEvent) -> dict[str, Any]:
    """Who recorded it, as every list shows it: without the identifiers of anybody."""
    return _shown(event.provenance.get("recorded_by"), _BY)


def stated_by(event: RecordedEvent) -> dict[str, Any]:
    """Who said it; left out, whoever recorded it."""
    told = event.provenance.get("stated_by") or event.provenance.get("recorded_by")
    return _shown(told, _STATED_BY)


def stated_at_of(event: RecordedEvent) -> datetime:
    """When it was said; left out, or not a time with an offset, when it was recorded."""
    given = event.provenance.get("stated_at")
    if given is None:
        return event.recorded_at
    try:
        stated_at = datetime.fromisoformat(given)
        if stated_at.tzinfo is UTC:
            return stated_at
        return stated_at.astimezone(UTC) if stated_at.tzinfo else event.recorded_at
    except (TypeError, ValueError, OverflowError):
        return event.recorded_at


def _accept(plan: Plan, event: RecordedEvent) -> None:
    plan.version += 1
    stated_at = stated_at_of(event)
    key = (event.section, event.entry_id)
    entry = plan.entries.get(key)
    if entry is None:
        entry = plan.entries[key] = PlanEntry(
            section=event.section,
            entry_id=event.entry_id,
            entry_type=event.entry_type,
            order=plan.version,
            recorded_at=event.recorded_at,
            stated_at=stated_at,
        )
    entry.version = event.entry_version
    entry.recorded_at = event.recorded_at
    entry.stated_at = stated_at
    entry.is_in_error = entry.is_in_error or event.type.endswith(_IN_ERROR)
    entry.current = _IN_PLAN.get(event.change, entry.current) and not entry.is_in_error
    entry.content = event.applied_to(entry.content)
    said = _said(event, stated_at, plan.version)
    _attribute(entry, event, said)
    _note_state(plan, event)
    if event.position is not None and event.position > plan.positions.get(event.section, 0):
        plan.positions[event.section] = event.position
    if not event.type.endswith(_CONFIRMED) and event.entry_type != _COMMENT:
        plan.last_updated = max(plan.last_updated or event.recorded_at, event.recorded_at)
    plan.accepted.append(Accepted(plan.version, event, stated_at, said["recorded_by"]))


def _note_state(plan: Plan, event: RecordedEvent) -> None:
    state = _STATE_AFTER.get(event.type)
    if state is None:
        return
    plan.state = state
    if event.type == _OPENED:
        plan.opened_at = event.recorded_at
    plan.merged_into = None
    if event.type == _MERGED:
        into = event.content.get("merged_into") or event.content.get("plan_id")
        plan.merged_into = into if isinstance(into, str) else None


def _attribute(entry: PlanEntry, event: RecordedEvent, said: Mapping[str, Any]) -> None:
    leaves = entry.leaves
    by_leaf = [path for path in leaves if "." in path] if leaves else []
    for path in event.fields:
        key, _, leaf = path.partition(".")
        if leaf:
            held = entry.content.get(key)
            is_there = isinstance(held, dict) and leaf in held
            if key not in entry.content:
                leaves.pop(key, None)
        else:
            is_there = key in entry.content
            # Set whole: what was said of its parts before is gone with them.
            for part in by_leaf:
                if part.startswith(f"{key}."):
                    leaves.pop(part, None)
        if is_there:
            leaves[path] = event.entry_version
        else:
            leaves.pop(path, None)
    entry.said[event.entry_version] = said
    set_by = set(leaves.values())
    if len(entry.said) > len(set_by):
        entry.said = {version: kept for version, kept in entry.said.items() if version in set_by}


def _said(event: RecordedEvent, stated_at: datetime, plan_version: int) -> dict[str, Any]:
    provenance = event.provenance
    said: dict[str, Any] = {
        "entry_version": event.entry_version,
        "contribution_id": str(event.contribution_id),
        "stated_by": stated_by(event),
        "recorded_by": by(event),
        "stated_at": stated_at,
        "recorded_at": event.recorded_at,
        "plan_version": plan_version,
    }
    if provenance.get("on_behalf_of"):
        said["on_behalf_of"] = provenance["on_behalf_of"]
    return said


_BY: Final = ("kind", "name", "role", "organisation")
_STATED_BY: Final = (*_BY, "relationship")


def _shown(agent: Any, members: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(agent, dict):
        return {}
    return {name: held for name in members if (held := agent.get(name)) is not None}
