"""What a record is found by is what it was committed to, whatever sort of record it is."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.audit.log.rehash import Damaged, hash_again
from services.audit.record.commitment import SALTS_BYTES, leaf_hash
from services.audit.record.model import AuditRecord, Operation, Source, sealed
from services.audit.record.reading import record_of_event, record_of_message, record_of_unreadable
from services.audit.store.records import _COLUMNS, _row
from tests.unit.audit.record.test_reading import EVENT, HEADERS, SOURCE

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
THERE = Source("careplan.audit.records.v1", 0, 1, kafka_at=AT)
NO_MESSAGES = (Operation.CHANGE, Operation.UNKNOWN)


def told(operation: str, **others: Any) -> AuditRecord:
    message = {
        "record_id": str(UUID(int=5)), "operation": operation,
        "recorded_at": "2026-11-24T08:00:00Z",
        "actor": {"kind": "professional", "id": "tom", "role": "nurse",
                  "organisation": {"ods": "ZZC01"}},
        "plan_id": str(UUID(int=1)),
    }  # fmt: skip
    return record_of_message({**message, **others}, None, THERE)


RECORDS = {
    "a change": record_of_event(EVENT, SOURCE, HEADERS),
    "a change of a kind that is new": record_of_event(
        replace(EVENT, change="moved", entry_version=1), SOURCE, {}
    ),
    "a refusal": told("refusal", section="goals", code="plan-not-open"),
    "a refusal of an entry": told(
        "refusal", section="goals", entry_id=str(UUID(int=9)), entry_version=2, code="stale"
    ),
    "a read": told("read", what="plan", sections=["goals", "needs"], plan_version=7),
    "what nobody could read": record_of_unreadable("no JSON", "not-json", {}, b"x", SOURCE),
    "something unheard of": told("teleport"),
    **{word.value: told(word) for word in Operation if word not in NO_MESSAGES},
}


def row_of(record: AuditRecord) -> dict[str, Any]:
    kept = sealed(record, os.urandom(SALTS_BYTES), AT)
    row = dict(zip(_COLUMNS, _row(0, record, kept, AT), strict=True))
    return {**row, "salts": kept.salts, "groups": kept.groups}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_of_any_sort_has_the_hash_that_was_committed_to(record: AuditRecord) -> None:
    row = row_of(record)
    assert hash_again(row, 0) == leaf_hash(row["leaf"])


HIDDEN: dict[str, dict[str, Any]] = {
    "a read as a search": {"of": "a read", "operation": "search"},
    "a refusal as unreadable": {"of": "a refusal", "operation": "unreadable"},
    "a denial as a justification": {"of": "denial", "operation": "justification"},
    "a change as something else": {"of": "a change", "operation": "system"},
    "as nothing that there is": {"of": "a read", "operation": "reed"},
    "a change of no entry": {"of": "a change", "entry_id": None, "entry_version": None},
    "a change of another entry": {"of": "a change", "entry_id": UUID(int=3)},
    "a change of another version": {"of": "a change", "entry_version": 3},
    "a change of no section": {"of": "a change", "section": None},
    "a refusal of no entry": {
        "of": "a refusal of an entry", "entry_id": None, "entry_version": None,
    },
    "a read of an entry": {"of": "a read", "entry_id": UUID(int=3), "entry_version": 1},
}  # fmt: skip


@pytest.mark.parametrize("how", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_record_that_a_search_would_not_find_is_found_to_be_damaged(how: dict[str, Any]) -> None:
    of, *_ = how.values()
    row = {**row_of(RECORDS[of]), **{name: value for name, value in how.items() if name != "of"}}
    with pytest.raises(Damaged):
        hash_again(row, 0)
