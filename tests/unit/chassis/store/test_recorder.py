"""The leaf hash of a stored event: which bytes it is made of, against vectors computed by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from shared.chassis.database.database import Database
from shared.chassis.store.recorder import Recorder
from tests.faults.judge.evidence import Stored, leaf_hash_of

ENTRY = UUID("8caf7ef7-502d-4118-851e-81d98e116c52")
STATE = b'{"aim":{"text":"To walk"}}'
TYPE = "careplan.goals.agreed.v1"
BECAUSE = (b'{"jti":"a-token","acr":"aal3"}', "2026-11-30", "careplan.goals.agree.v1", b"\xab" * 32)
NOBODY = (None, None, None, None)

# By printf and sha256sum: \0, then the lines goals, ENTRY, 1, TYPE, the command, the policy, the
# hash in hexadecimal and the JSON of BECAUSE (each ended by \n; empty where there is none), then
# the SHA-256 of STATE.
VECTORS = [
    (BECAUSE, "84848b3faeae7bb673bbbec0086d3163e47bdfc835086317c406c7145dda01e5"),
    (NOBODY, "32449ca0c6d597542e2f1d33702276b79a1f25227d772238180a0de1f27aad6c"),
]


def leaf_hash(because: tuple[Any, ...], state: bytes = STATE) -> str:
    recorder = Recorder(Database("postgresql://nowhere"), "goals")
    (row,) = recorder.rows_of([StoredEvent(ENTRY, 1, TYPE, state)], *because)
    assert row.leaf_hash is not None
    return row.leaf_hash.hex()


@pytest.mark.parametrize(("because", "expected"), VECTORS, ids=["told", "nothing told"])
def test_leaf_hash_when_computed_then_it_is_that_of_the_vector(
    because: tuple[Any, ...], expected: str
) -> None:
    assert leaf_hash(because) == expected
    at = datetime(2026, 11, 30, tzinfo=UTC)
    judged = Stored("goals", 1, str(ENTRY), 1, TYPE, STATE, at, None, *because)
    assert leaf_hash_of(judged) == expected
    assert leaf_hash_of(replace(judged, version=2)) != expected


@pytest.mark.parametrize(
    "other",
    [
        (b'{"jti":"another","acr":"aal3"}', *BECAUSE[1:]),
        (BECAUSE[0], "2026-12-01", *BECAUSE[2:]),
        (*BECAUSE[:2], "careplan.goals.reword.v1", BECAUSE[3]),
        (*BECAUSE[:3], b"\xac" * 32),
        (*BECAUSE[:3], None),
        (None, *BECAUSE[1:]),
        NOBODY,
    ],
)
def test_leaf_hash_when_it_was_taken_for_another_reason_then_it_is_another(
    other: tuple[Any, ...],
) -> None:
    """Kind: a fact that is kept beside an event and could be changed without a trace."""
    assert leaf_hash(other) != leaf_hash(BECAUSE)
