"""Alerts that the audit raises by what it has recorded, as it records them; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.audit.record.commitment import GROUPS
from services.audit.record.model import members_of, organisation_as_json

UNREVIEWED: Final = "override-unreviewed"
"""The code of the alert that an override is overdue for its review."""

ESCALATED: Final = "alert.escalated"
"""The type of it."""


@dataclass(frozen=True)
class Alert:
    """One alert; ``who`` it is about stands apart from the rest, so it can be erased."""

    record_id: UUID
    plan_id: UUID | None
    record: bytes
    who: bytes

    @classmethod
    def of(
        cls, record_id: UUID, plan_id: UUID | None, groups: bytes, members: Mapping[str, Any]
    ) -> "Alert":
        """That about whoever did what has these groups; ``members`` say what it is.

        An alert is known by its id: told again it is the same.
        """
        record = {"record_id": str(record_id), "operation": "alert", **members}
        if plan_id is not None:
            record["plan_id"] = str(plan_id)
        return cls(record_id, plan_id, _json(record), _json({"actor": actor_of(told_of(groups))}))


def told_of(groups: bytes) -> dict[str, Mapping[str, Any]]:
    """The groups of a record, as they are stored, without those that were erased."""
    members = zip(GROUPS, members_of(groups), strict=True)
    return {name: json.loads(given) or {} for name, given in members if given is not None}


def actor_of(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Who did it, as a record of a service names them; ``None`` where that was erased."""
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
