"""One event as it is published: the envelope that every reader can fold, and its content."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

OPEN: Final = "open"
ENDED: Final = "ended"
MERGED: Final = "merged"

PLAN_OPENED: Final = "careplan.person.plan-opened"
PLAN_MERGED: Final = "careplan.person.plan-merged"
PLAN_UNMERGED: Final = "careplan.person.plan-unmerged"

_STATE_AFTER: Final = {
    PLAN_OPENED: OPEN,
    "careplan.person.plan-ended": ENDED,
    "careplan.person.plan-reopened": OPEN,
    PLAN_MERGED: MERGED,
    PLAN_UNMERGED: OPEN,
    # A plan that was opened in error takes nothing more; the person may be given another.
    "careplan.person.entered-in-error": ENDED,
}


@dataclass(frozen=True)
class RecordedEvent:
    """One event of one entry.

    ``fields`` names the leaves that it sets, each with the value it has afterwards, whole: a key
    of ``content``, or ``key.name`` where the field is a map. ``provenance`` is JSON as published.
    ``position`` is the section's store position, contiguous per section.
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
    content: Mapping[str, Any]
    provenance: Mapping[str, Any]
    fields: tuple[str, ...]
    position: int | None = None
    traceparent: str | None = None
    leaf_hash: str | None = None

    @property
    def entry(self) -> tuple[str, UUID]:
        """The entry's name everywhere outside its section: an id alone may occur in two."""
        return self.section, self.entry_id

    @property
    def natural_key(self) -> tuple[str, UUID, int]:
        """What makes a repeat a repeat."""
        return self.section, self.entry_id, self.entry_version


def plan_state_after(name: str) -> str | None:
    """The state of a plan after an event with this name: its type without the major version."""
    return _STATE_AFTER.get(name)
