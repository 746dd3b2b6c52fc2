"""What the history says of an event, made when it is folded: a read only joins the bytes."""

from collections.abc import Sequence
from typing import Any

import orjson

from services.plan.fold.domain import PlanEvent
from services.plan.store.values import dumps, object_of
from shared.chassis.wire.plain_json import fitted


def item_of(event: PlanEvent, plan_version: int) -> bytes:
    """The contribution of this event, as if it were its only one."""
    item = {
        "contribution_id": event.contribution_id,
        "plan_versions": [plan_version],
        "section": event.section,
        "entry_id": event.entry_id,
        "entry_type": event.entry_type,
        "recorded_at": event.recorded_at,
        "stated_at": event.stated_at,
        "by": orjson.Fragment(bytes(event.by)),
        "stated_by": orjson.Fragment(bytes(event.stated_by)),
        "reason": None if event.reason is None else orjson.Fragment(bytes(event.reason)),
        "events": [
            {
                "plan_version": plan_version,
                "entry_version": event.entry_version,
                "type": event.type,
                "change": event.change,
                "fields": event.fields,
                "content": orjson.Fragment(object_of(event.content)),
            }
        ],
    }
    return fitted(dumps(item))


def joined(items: Sequence[bytes]) -> bytes:
    """The contribution of several events, from what was kept of each: who and when of the last."""
    parts: list[dict[str, Any]] = [orjson.loads(item) for item in items]
    reasons = [part["reason"] for part in parts if part["reason"] is not None]
    return dumps(
        {
            **parts[-1],
            "plan_versions": [version for part in parts for version in part["plan_versions"]],
            "reason": reasons[0] if reasons else None,
            "events": [event for part in parts for event in part["events"]],
        }
    )
