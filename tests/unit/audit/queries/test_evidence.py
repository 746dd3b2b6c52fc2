"""What of a record is shown as evidence, and what only as its hash."""

import os
from base64 import b64decode
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.audit.queries import evidence
from services.audit.queries.evidence import Evidence, LogReads
from services.audit.record.commitment import (
    GROUPS,
    SALTS_BYTES,
    commitment,
    group_bytes,
    group_hash,
)
from services.audit.record.model import AuditRecord, Source, sealed
from services.audit.record.reading import record_of_event, record_of_message
from tests.unit.audit.record.test_reading import EVENT, SOURCE

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SEARCH: dict[str, Any] = {
    "record_id": "0199c0de-0000-7000-8000-000000000001",
    "operation": "search",
    "type": "query.search",
    "what": "people-search",
    "at": "2026-11-24T08:00:00Z",
    "actor": {"kind": "professional", "id": "tom", "organisation": {"ods": "ZZC01"}},
    "result_count": 1,
    "query_raw": "eyJuaHNfbnVtYmVyIjoiOTk5MDAwMDAxOCJ9",
}
RESTRICTED = {"visibility": {"labels": ["address"], "reason": "She hides there"}}


async def shown(
    monkeypatch: pytest.MonkeyPatch, record: AuditRecord, forbids: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """The groups of a record as they are given, each as its commitment needs it."""
    kept = sealed(record, os.urandom(SALTS_BYTES), AT)
    row = {"salts": kept.salts, "groups": kept.groups, "leaf": kept.leaf}

    async def stored(*_: Any) -> list[dict[str, Any]]:
        return [row]

    monkeypatch.setattr(evidence, "stored_records", stored)
    log = LogReads(cast("Any", None), cast("Any", None))
    found = await log.evidence(0, shows=GROUPS, forbids=forbids)
    assert isinstance(found, Evidence)
    assert commitment([hash_of(group) for group in found.groups]) == kept.commitment
    return {group["name"]: group for group in found.groups}


def hash_of(group: dict[str, Any]) -> bytes:
    if "hash" in group:
        return b64decode(group["hash"])
    return group_hash(b64decode(group["salt"]), group_bytes(group["name"], group["value"] or None))


@pytest.mark.asyncio
@pytest.mark.parametrize("forbids", [(), ("authn",)])
async def test_what_was_sought_is_shown_to_nobody_and_proved_all_the_same(
    monkeypatch: pytest.MonkeyPatch, forbids: tuple[str, ...]
) -> None:
    source = Source("careplan.audit.records.v1", 0, 1, kafka_at=AT)
    groups = await shown(monkeypatch, record_of_message(SEARCH, None, source), forbids)
    assert groups["change"]["withheld"] == "sought"
    assert SEARCH["query_raw"] not in repr(groups)
    assert groups["object"]["value"]["result_count"] == 1


@pytest.mark.asyncio
async def test_why_something_is_withheld_is_shown_to_an_auditor_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = replace(EVENT, content=RESTRICTED, fields=("visibility",))
    record = record_of_event(event, SOURCE, {})
    reason = EVENT.provenance["reason"]
    assert (await shown(monkeypatch, record))["change"]["value"]["reason"] == reason
    groups = await shown(monkeypatch, record, ("authn",))
    assert groups["change"]["withheld"] == "restriction"
    assert reason not in repr(groups)
    usual = await shown(monkeypatch, record_of_event(EVENT, SOURCE, {}), ("authn",))
    assert "value" in usual["change"]
