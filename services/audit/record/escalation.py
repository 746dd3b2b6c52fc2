"""The alert that an override is overdue for its review, as the audit records it; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from services.audit.record.commitment import GROUPS
from services.audit.record.model import members_of, organisation_as_json
from shared.ledger import instant

UNREVIEWED: Final = "override-unreviewed"
"""The code of the alert."""

_TYPE: Final = "alert.escalated"


@dataclass(frozen=True)
class Escalation:
    """One such alert; ``who`` stands apart from the rest, so it can be erased."""

    override_id: UUID
    plan_id: UUID
    record_id: UUID
    record: bytes
    who: bytes

    @classmethod
    def of(cls, override_id: UUID, plan_id: UUID, due_at: datetime, groups: bytes) -> "Escalation":
        """That of an override whose first read has these groups.

        Its id follows from the override's, so that it is one alert however often it is told.
        """
        told = told_of(groups)
        record_id = uuid5(override_id, _TYPE)
        record = {
            "record_id": str(record_id),
            "operation": "alert",
            "type": _TYPE,
            "what": "overrides",
            "code": UNREVIEWED,
            "plan_id": str(plan_id),
            "due_at": instant(due_at),
            "override": told.get("why", {}).get("override"),
        }
        who = {"actor": reader_of(told)}
        return cls(override_id, plan_id, record_id, _json(record), _json(who))


def told_of(groups: bytes) -> dict[str, Mapping[str, Any]]:
    """The groups of a record, as they are stored, without those that were erased."""
    members = zip(GROUPS, members_of(groups), strict=True)
    return {name: json.loads(given) or {} for name, given in members if given is not None}


def reader_of(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Who read, as a record of a service names them; ``None`` where that was erased."""
    actor = told.get("actor")
    if not actor:
        return None
    return {
        "kind": actor.get("kind"),
        "id": (actor.get("actor_id") or {}).get("value"),
        "name": actor.get("name_at_time"),
        "role": actor.get("role"),
        "organisation": organisation_as_json(actor.get("org"), actor.get("org_name")),
    }


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
