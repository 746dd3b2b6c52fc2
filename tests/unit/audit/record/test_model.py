"""Records sealed: every group committed to, the leaf its 44 bytes, claims beside our own clock."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.audit.record.commitment import GROUPS, commitment, group_bytes, group_hash, leaf
from services.audit.record.model import (
    AuditRecord,
    Kind,
    Operation,
    Source,
    header_group,
    members_of,
    sealed,
)

AT = datetime(2026, 11, 24, 8, 0, 0, 250_999, tzinfo=UTC)
RANDOM = bytes(range(256)) + bytes(range(128))


def record(operation: Operation = Operation.READ, **others: Any) -> AuditRecord:
    given: dict[str, Any] = {
        "record_id": "r-1",
        "operation": operation,
        "type": "access.read",
        "source": Source("careplan.audit.records.v1", 0, 1, kafka_at=AT - timedelta(seconds=2)),
        "recorded_at": AT - timedelta(seconds=3),
        "groups": {
            "hdr": header_group("r-1", operation, "access.read"),
            "change": {"after_hash": "ab" * 32},
        },
        **others,
    }
    return AuditRecord(**given)


def told_by(made: Any, name: str) -> Any:
    return json.loads(members_of(made.groups)[GROUPS.index(name)] or b"")


def test_sealed_when_computed_again_from_salts_and_groups_then_it_is_the_same() -> None:
    made = sealed(record(), RANDOM, AT)

    assert made.salts == RANDOM
    told = [json.loads(members) for members in made.groups.split(b"\n")]
    hashes = [
        group_hash(RANDOM[32 * number : 32 * (number + 1)], group_bytes(name, told[number]))
        for number, name in enumerate(GROUPS)
    ]
    assert made.commitment == commitment(hashes)
    milliseconds = 1_795_507_200_250
    assert made.leaf == leaf(Kind.ACCESS, milliseconds, made.commitment)
    assert told_by(made, "view") is None
    assert told_by(made, "hdr")["id"] == "r-1"


def test_members_when_a_group_was_erased_then_the_others_stand_in_their_places() -> None:
    lines = sealed(record(), RANDOM, AT).groups.split(b"\n")
    lines[3] = b""

    told = members_of(b"\n".join(lines))

    assert (len(told), told[3], told[7]) == (len(GROUPS), None, b"null")
    assert json.loads(told[8] or b"") == {"after_hash": "ab" * 32}


def test_sealed_when_there_was_an_event_before_then_its_hash_is_committed_to() -> None:
    made = sealed(record(), RANDOM, AT, before="cd" * 32)

    assert told_by(made, "change") == {"after_hash": "ab" * 32, "before_hash": "cd" * 32}
    assert made.commitment != sealed(record(), RANDOM, AT).commitment


def test_sealed_when_logged_then_claims_stand_beside_our_own_time() -> None:
    assert told_by(sealed(record(), RANDOM, AT), "time") == {
        "recorded_at": "2026-11-24T07:59:57.250999Z",
        "logged_at": "2026-11-24T08:00:00.250999Z",
        "skew_ms": 2000,
        "time_suspect": False,
    }
    only_ours = record(recorded_at=None, source=Source("t", 0, 1))
    assert told_by(sealed(only_ours, RANDOM, AT), "time") == {
        "recorded_at": "2026-11-24T08:00:00.250999Z",
        "logged_at": "2026-11-24T08:00:00.250999Z",
        "time_suspect": False,
    }


@pytest.mark.parametrize(
    ("claimed", "kafka_at", "is_suspect"),
    [
        (AT + timedelta(seconds=300), AT, False),
        (AT + timedelta(seconds=301), AT, True),
        (AT, AT + timedelta(seconds=301), True),
        (AT - timedelta(days=9), AT - timedelta(days=9), False),  # the audit may be behind
    ],
)
def test_sealed_when_a_clock_is_ahead_of_ours_then_it_is_suspect(
    claimed: datetime, kafka_at: datetime, *, is_suspect: bool
) -> None:
    one = record(recorded_at=claimed, source=Source("t", 0, 1, kafka_at=kafka_at))

    assert told_by(sealed(one, RANDOM, AT), "time")["time_suspect"] is is_suspect


def test_kinds_are_the_bytes_that_the_log_knows() -> None:
    assert {kind.name.lower(): int(kind) for kind in Kind} == {
        "unknown": 0,
        "change": 1,
        "access": 2,
        "refusal": 3,
        "decision": 4,
        "disclosure": 5,
        "admin": 6,
        "alert": 7,
        "correction": 8,
        "system": 9,
    }
    for operation in Operation:
        assert record(operation).kind in Kind
