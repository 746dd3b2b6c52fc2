"""Every history ever published is audited: each event recorded, each leaf computed again."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiokafka import ConsumerRecord

from services.audit.doors.events import read
from services.audit.record.model import sealed
from shared.contracts.generate import CONTRACTS
from shared.ledger.topics import events_topic

HISTORIES = sorted((CONTRACTS / "histories").glob("*.json"))
LOGGED_AT = datetime(2026, 11, 24, 8, 0, 0, 250_000, tzinfo=UTC)
NAMES = "hdr time subject actor authn why object view change where source ext".split()  # noqa: SIM905


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_every_event_of_every_history_is_recorded_and_committed_to(path: Path) -> None:
    before: dict[str, str] = {}
    for number, event in enumerate(json.loads(path.read_text("utf-8"))):
        reading = read(as_it_stands_on_kafka(event, number))
        assert reading.unreadable is None
        record = reading.record
        assert record.record_id == (
            f"{event['section']}/{event['entry_id']}.{event['entry_version']}"
        )
        assert (record.operation, record.type) == ("change", event["type"])
        assert record.plan_id == UUID(event["plan_id"])
        random = hashlib.shake_256(record.record_id.encode()).digest(32 * 12)
        made = sealed(record, random, LOGGED_AT, before.get(record.entry_before or ""))
        told = map(json.loads, made.groups.split(b"\n"))
        groups = dict(zip(NAMES, told, strict=True))
        assert groups["change"]["fields"] == event["fields"]
        assert groups["change"]["author"]["kind"] == event["provenance"]["stated_by"]["kind"]
        assert groups["change"].get("before_hash") == before.get(record.entry_before or "")
        assert made.leaf == leaf_of(groups, random)
        assert nothing_of(event["content"], json.dumps(groups, ensure_ascii=False))
        before[record.record_id] = groups["change"]["after_hash"]


def leaf_of(groups: dict[str, Any], random: bytes) -> bytes:
    """The leaf, written a second time from the document alone."""
    hashes = []
    for number, name in enumerate(NAMES):
        text = json.dumps([name, groups[name]], sort_keys=True, separators=(",", ":"),
                          ensure_ascii=False)  # fmt: skip
        salt = random[32 * number : 32 * (number + 1)]
        hashes.append(sha256(b"\0careplan-audit-group/v1\n" + salt + text.encode()))
    while len(hashes) > 3:  # twelve, six, three: the first eight of the twelve are one subtree
        hashes = [sha256(b"\1" + a + b) for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    root = sha256(b"\1" + sha256(b"\1" + hashes[0] + hashes[1]) + hashes[2])
    return bytes((1, 1, 0, 0)) + round(LOGGED_AT.timestamp() * 1000).to_bytes(8, "big") + root


def sha256(given: bytes) -> bytes:
    return hashlib.sha256(given).digest()


def nothing_of(content: Any, told: str) -> bool:
    """True where no sentence of the content is told; short words may stand anywhere."""
    if isinstance(content, dict):
        # Why somebody did it is kept, apart from the record.
        return all(nothing_of(item, told) for key, item in content.items() if key != "reason")
    if isinstance(content, list):
        return all(nothing_of(item, told) for item in content)
    return not isinstance(content, str) or len(content) < 30 or content not in told


def as_it_stands_on_kafka(event: dict[str, Any], number: int) -> Any:
    value, key = orjson.dumps(event), event["plan_id"].encode()
    headers = (
        ("ce_position", str(number + 1).encode()),
        ("ce_authtype", b"user"),
        ("ce_authclaims", b'{"jti":"t-1"}'),
    )
    return ConsumerRecord(
        topic=events_topic(event["section"]),
        partition=0,
        offset=number,
        timestamp=1_795_507_200_000,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key),
        serialized_value_size=len(value),
        headers=headers,
    )
