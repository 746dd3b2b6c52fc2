"""What the audit tells is the same, whatever the plan says that is withheld."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.audit.queries.own import as_told
from services.audit.queries.records import as_item
from services.audit.record.commitment import SALTS_BYTES
from services.audit.record.model import AuditRecord, Source, sealed
from services.audit.record.reading import record_of_event, record_of_message
from shared.ledger import RecordedEvent
from shared.testing.events import History

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SOURCE = Source("careplan.goals.events.v1", 3, 17, 41, AT)
HISTORY = History(UUID(int=1))
CHANGE = HISTORY.event(
    *("goals", "agreed", UUID(int=2), "created", {"aim": {"text": "Walk"}, "why": "left"}),
    contribution_id=UUID(int=3),
)


def item_of(record: AuditRecord) -> dict[str, Any]:
    """The record as a list shows it, sealed as it is stored."""
    groups = sealed(record, os.urandom(SALTS_BYTES), AT).groups
    row = {**record._asdict(), "idx": 0, "id": record.record_id, "logged_at": AT, "groups": groups}
    return as_item(row, shows_authn=False)


def saying(content: dict[str, Any]) -> RecordedEvent:
    return replace(CHANGE, content={**CHANGE.content, **content})


@pytest.mark.parametrize(
    "other",
    [
        {"why": "right, and a good deal longer"},
        {"why": None},
        {"visibility": {"fields": ["why"], "labels": ["address"], "reason": "She hides there"}},
        {"aim": {"text": "Walk", "coding": [{"code": "1", "system": "s"}]}},
    ],
)
def test_a_change_is_listed_alike_whatever_it_says(other: dict[str, Any]) -> None:
    left, right = (record_of_event(event, SOURCE, {}) for event in (CHANGE, saying(other)))
    assert left.groups != right.groups
    assert item_of(left) == item_of(right)


def shown(**others: Any) -> dict[str, Any]:
    told = {
        "record_id": str(UUID(int=5)), "operation": "read", "type": "access.read", "what": "plan",
        "status": 200, "recorded_at": "2026-11-24T08:00:00Z", "purpose": "direct-care",
        "actor": {"kind": "professional", "id": "tom", "role": "nurse",
                  "organisation": {"ods": "ZZC01"}},
        "plan_id": str(UUID(int=1)), "plan_version": 5, "sections": ["goals"], "redactions": [],
        "body_sha256": "0" * 64, "body_length": 100, "media_type": "application/json",
    }  # fmt: skip
    return item_of(record_of_message({**told, **others}, None, SOURCE))


@pytest.mark.parametrize(
    "other",
    [
        {"body_sha256": "1" * 64, "body_length": 100_000},
        {"redactions": [{"section": "needs", "entry_id": str(uuid4()), "rule": "from-person"}]},
        {"plan_version": 9},
    ],
)
def test_the_person_is_told_alike_whatever_the_others_were_shown(other: dict[str, Any]) -> None:
    assert as_told(shown(), {}) == as_told(shown(**other), {})
