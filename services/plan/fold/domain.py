"""The one shared plan: what it says after each event, and which events wait for an earlier one.

Knows no section: the envelope of an event is enough, so a section never heard of folds as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from services.plan.fold.authorship import Leaves
from services.plan.fold.effective import Effect, effect_of
from shared.ledger import Change
from shared.ledger.recorded_event import (
    MERGED,
    PLAN_MERGED,
    PLAN_OPENED,
    PLAN_UNMERGED,
    plan_state_after,
)

EntryKey = tuple[str, UUID]

ENTERED_IN_ERROR: Final = "entered-in-error"

_PERSON: Final = "person"
_IN_PLAN: Final = {
    Change.CREATED.value: True,
    Change.RESTORED.value: True,
    Change.WITHDRAWN.value: False,
}
_IN_ERROR: Final = (".entered-in-error", "-entered-in-error")
# "Still right", who may see it, and talk about the plan: recorded and shown, and no update of it.
_CONFIRMED: Final = (".confirmed", "-confirmed")
_RESTRICTS: Final = (".restricted", "-restricted", ".restriction-lifted", "-restriction-lifted")
_COMMENT: Final = "comment"
_VISIBILITY: Final = "visibility"


class Value(Protocol):
    """A JSON value as it is stored. Equal means equal; the fold rarely looks inside."""

    def __bool__(self) -> bool:
        """False for ``null``."""

    def __bytes__(self) -> bytes:
        """As it is written."""

    def members(self) -> "Mapping[str, Value]":
        """What an object holds; anything else holds nothing."""

    def parts_since(self, before: Any) -> Mapping[str, str | None]:
        """The parts that have an author of their own, by their path below this value.

        Each with the path that it had before where it stands as it stood, else ``None``.
        """

    def text(self) -> str | None:
        """The text, where it is one."""


@dataclass(slots=True, eq=False)
class PlanEvent:
    """One event as the plan folds and stores it.

    Its values, who recorded it (``by``), who said it (``stated_by``) and why (``reason``) are JSON
    ready to be shown; ``source`` is what another system calls the entry. ``origin`` is the code of
    the organisation that recorded it, or ``person`` for the person's side. ``answers`` is the
    comment that the change answers. ``value`` has the bytes that were published.
    """

    plan_id: UUID
    section: str
    entry_id: UUID
    entry_type: str
    entry_version: int
    type: str
    change: str
    contribution_id: UUID
    recorded_at: datetime
    stated_at: datetime
    fields: tuple[str, ...]
    content: Mapping[str, Value]
    by: Value
    stated_by: Value
    reason: Value | None = None
    source: tuple[str, Value] | None = None
    position: int | None = None
    traceparent: str | None = None
    leaf_hash: bytes | None = None
    schema: str | None = None
    origin: str | None = None
    answers: UUID | None = None
    value: bytes = b""

    @property
    def entry(self) -> EntryKey:
        """The entry's name everywhere outside its section: an id alone may occur in two."""
        return self.section, self.entry_id

    @property
    def natural_key(self) -> tuple[str, UUID, int]:
        """What makes a repeat a repeat."""
        return self.section, self.entry_id, self.entry_version

    @property
    def name(self) -> str:
        """The type without its major version: what happened is the same in each."""
        return self.type.rpartition(".v")[0]


class Outcome(StrEnum):
    """What an event did to the plan."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    PARKED = "parked"


@dataclass(slots=True)
class PlanEntry:
    """One entry as the plan shows it; ``order`` is the plan version with which it came.

    ``by``, ``stated_by`` and the two times are those of the last event that set a leaf other than
    its visibility. ``leaves`` names for each leaf and item the entry version that set it.
    ``applies_from`` is when its first event took effect, ``latest_effect`` when the latest did.
    ``updated_at`` is when the last event was recorded that is an update of the plan.
    ``origin`` is where it came from: that of its first event, or of the one that began it again.
    ``contribution_id`` is that of its last event.
    """

    section: str
    entry_id: UUID
    entry_type: str
    order: int
    recorded_at: datetime
    stated_at: datetime
    by: Value
    stated_by: Value
    version: int = 0
    current: bool = True
    is_in_error: bool = False
    confirmed_at: datetime | None = None
    external_refs: dict[str, Value] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    leaves: dict[str, int] = field(default_factory=dict)
    applies_from: datetime | None = None
    latest_effect: datetime | None = None
    updated_at: datetime | None = None
    origin: str | None = None
    contribution_id: UUID | None = None

    @property
    def state(self) -> str:
        """``current``, ``withdrawn`` or ``entered-in-error``."""
        if self.is_in_error:
            return ENTERED_IN_ERROR
        return "current" if self.current else "withdrawn"


@dataclass(slots=True)
class Accepted:
    """An event on the ledger of its plan, and when it takes effect.

    ``goes_on`` is true where the event of its entry before it is of the same contribution.
    """

    plan_version: int
    event: PlanEvent
    effect: Effect
    goes_on: bool


@dataclass(slots=True)
class Plan:
    """The one shared plan of one person, up to a version.

    ``parked`` is what waits for a missing version of its entry, ``positions`` the last store
    position applied of each section.
    """

    plan_id: UUID
    version: int = 0
    state: str = "unknown"
    opened_at: datetime | None = None
    last_updated: datetime | None = None
    merged_into: UUID | None = None
    entries: dict[EntryKey, PlanEntry] = field(default_factory=dict)
    parked: dict[EntryKey, dict[int, PlanEvent]] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """False while an entry waits, or while the plan has not been seen to open."""
        return not self.parked and self.state != "unknown"

    def version_of(self, key: EntryKey) -> int:
        """The last version applied of an entry, 0 for one not seen."""
        entry = self.entries.get(key)
        return entry.version if entry else 0


Note = Callable[[Plan, PlanEntry, Accepted], None]
"""Is told of each accepted event, while plan and entry are as they are after it.

What the event released waits no longer, though its turn has yet to come.
"""


def fold(plan: Plan, event: PlanEvent, note: Note) -> Outcome:
    """The plan after one event, in place: a batch has many and must not copy the plan for each.

    A repeat changes nothing; a gap parks its entry, and what fills it releases what waited, in
    order. Total: no event raises, and nothing but the arguments is looked at.
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
    accepted = [event]
    waiting = plan.parked.get(key, {})
    while (following := waiting.pop(accepted[-1].entry_version + 1, None)) is not None:
        accepted.append(following)
    if not waiting:
        plan.parked.pop(key, None)
    for one in accepted:
        _accept(plan, one, note)
    return Outcome.APPLIED


def _accept(plan: Plan, event: PlanEvent, note: Note) -> None:
    """The plan after an event whose turn it is."""
    plan.version += 1
    key = (event.section, event.entry_id)
    entry = plan.entries.get(key)
    if entry is None:
        entry = plan.entries[key] = PlanEntry(
            section=event.section,
            entry_id=event.entry_id,
            entry_type=event.entry_type,
            order=plan.version,
            recorded_at=event.recorded_at,
            stated_at=event.stated_at,
            by=event.by,
            stated_by=event.stated_by,
            origin=event.origin,
        )
    goes_on = entry.contribution_id == event.contribution_id
    entry.contribution_id = event.contribution_id
    apply(entry, event)
    name = event.name
    if event.section == _PERSON:
        _note_state(plan, event, name)
    if event.position is not None and event.position > plan.positions.get(event.section, 0):
        plan.positions[event.section] = event.position
    if is_update(event.type, event.fields) and event.entry_type != _COMMENT:
        entry.updated_at = max(entry.updated_at or event.recorded_at, event.recorded_at)
        plan.last_updated = max(plan.last_updated or event.recorded_at, event.recorded_at)
    effect = effect_of(event, entry.content, entry.applies_from, entry.latest_effect)
    entry.applies_from = entry.applies_from or effect.begins
    entry.latest_effect = max(entry.latest_effect or effect.begins, effect.begins)
    note(plan, entry, Accepted(plan.version, event, effect, goes_on))


def apply(entry: PlanEntry, event: PlanEvent) -> None:
    """What an event makes of its entry, in place: content, authors, state and who stands behind it.

    The event need not be the next one: a past plan leaves out what does not count by its clock.
    """
    is_new = entry.version == 0
    name = event.name
    entry.version = event.entry_version
    if name.endswith(_IN_ERROR):
        entry.is_in_error = True
    elif event.change == Change.RESTORED.value:
        entry.origin = event.origin if entry.is_in_error else entry.origin  # begun again
        entry.is_in_error = False
    entry.current = _IN_PLAN.get(event.change, entry.current) and not entry.is_in_error
    if _only_confirms(name, event.fields):
        entry.confirmed_at = event.stated_at
    if event.source is not None:
        system, ref = event.source
        entry.external_refs[system] = ref
    if _set_leaves(entry, event) and not is_new:
        entry.recorded_at, entry.stated_at = event.recorded_at, event.stated_at
        entry.by, entry.stated_by = event.by, event.stated_by


def is_update(type_: str, fields: Sequence[str]) -> bool:
    """False for an event that only confirms an entry, or says who may see it."""
    name = type_.rpartition(".v")[0]
    return not (name.endswith(_RESTRICTS) or _only_confirms(name, fields))


def _only_confirms(name: str, fields: Sequence[str]) -> bool:
    """True for "still right"; to confirm what was only claimed sets a field, and is an update."""
    return not fields and name.endswith(_CONFIRMED)


def _set_leaves(entry: PlanEntry, event: PlanEvent) -> bool:
    """Each leaf replaced whole, or removed; True where one other than the visibility was."""
    content = entry.content
    leaves = Leaves(entry.leaves, event.entry_version)
    opened: dict[str, Mapping[str, Value]] = {}
    is_told = False
    for path in event.fields:
        key, _, leaf = path.partition(".")
        is_told = is_told or key != _VISIBILITY
        given = event.content.get(key)
        held = content.get(key)
        if not leaf:
            leaves.set(key, held, given or None)
            _set(content, key, given)
            continue
        if not isinstance(held, dict):
            held = dict(held.members()) if held else {}
        if key not in opened:
            opened[key] = given.members() if given else {}
        told = opened[key].get(leaf)
        leaves.set(path, held.get(leaf), told or None)
        _set(held, leaf, told)
        if held:
            content[key] = held
        else:
            content.pop(key, None)
            leaves.drop(key)
    return is_told


def _set(content: dict[str, Any], key: str, value: Value | None) -> None:
    if value:
        content[key] = value
    else:
        content.pop(key, None)


def _note_state(plan: Plan, event: PlanEvent, name: str) -> None:
    """What the plan's Person says of the plan.

    A merged plan stays so until it is unmerged, or opened again after an error.
    """
    state = plan_state_after(name)
    if state is None or event.entry_id != plan.plan_id:
        return
    if plan.state == MERGED and name not in (PLAN_MERGED, PLAN_UNMERGED, PLAN_OPENED):
        return
    plan.state = state
    if name == PLAN_OPENED:
        plan.opened_at = event.recorded_at
    into = event.content.get("merged_into") if name == PLAN_MERGED else None
    plan.merged_into = _plan_named_in(into)


def _plan_named_in(value: Value | None) -> UUID | None:
    """The id of a plan, as every reader of an event has judged it."""
    text = value.text() if value else None
    return UUID(text) if text is not None else None
