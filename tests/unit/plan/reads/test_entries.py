"""The events of an entry, as rows of the ledger tell them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.plan.reads.entries import event_listed
from services.plan.store.values import dumps
from shared.chassis.policy.redaction.marks import NOTHING, Rule, Withheld
from shared.ledger.recorded_event import RecordedEvent
from shared.testing.events import History, value_of

AT = datetime(2026, 3, 10, 14, tzinfo=UTC)
ENTRY = UUID(int=3)
HELD_BACK = {
    "text": "Together",
    "shared_with_person": {"state": "withheld", "reason": "Harm"},
    "reason": "Harm",
    "approved_by": "Caldicott guardian of ZZM01",
}


def told(withheld: Withheld = NOTHING, field: str | None = None) -> dict[str, Any]:
    event: RecordedEvent = History().event(
        "needs", "formulation-held-back", ENTRY, "created", HELD_BACK
    )
    fields = ["text", "shared_with_person"]
    shown = {name: HELD_BACK[name] for name in fields}
    row = {
        **dict.fromkeys(("projected_at", "stated_at", "recorded_at"), AT),
        "plan_version": 2,
        "section": "needs",
        "entry_id": ENTRY,
        "entry_type": "formulation",
        "entry_version": 1,
        "change": "created",
        "type": event.type,
        "contribution_id": event.contribution_id,
        "fields": fields,
        "item": b'{"reason":"Harm"}',
        "by": b"{}",
        "stated_by": b"{}",
        "event": value_of(event),
        "entry": orjson.dumps({"content": shown}),
        "entry_before": None,
        "leaves": orjson.dumps(dict.fromkeys(fields, 1)),
        "leaves_before": None,
    }
    said: dict[str, Any] = orjson.loads(dumps(event_listed(row, field, withheld)))
    return said


@pytest.mark.parametrize("field", [None, "text"])
def test_who_approved_a_change_stands_with_it_and_is_no_field(field: str | None) -> None:
    item = told(field=field)
    assert item["of_the_change"] == {"approved_by": "Caldicott guardian of ZZM01"}
    assert item["reason"] == "Harm"
    assert "approved_by" not in [one["field"] for one in item["fields"]]


def test_what_is_said_of_a_change_is_withheld_with_what_it_changed() -> None:
    item = told(Withheld(leaves={"text": Rule.LABEL}))
    assert (item["withheld"], item["reason"]) == (["text"], None)
    assert "of_the_change" not in item
    assert "Caldicott" not in str(item)
