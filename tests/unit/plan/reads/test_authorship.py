"""Who said a leaf, as a row of the ledger tells it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.plan.reads.authorship import said_by

AT = datetime(2026, 3, 10, 14, tzinfo=UTC)
HELP = {"name": "Tom Okafor-Synth", "how": "Wrote it down"}
PLACE = {"text": "Her kitchen"}
COMMENT = {"section": "stewardship", "entry_id": "0199c0de-0000-7000-8000-0000000000c1"}
PROXY = {"kind": "person", "proxy": {"section": "care-team", "entry_id": "p"}}


def told(provenance: dict[str, Any]) -> dict[str, Any]:
    event = {"plan_id": "x", "content": {}, "provenance": provenance}
    row = {
        "entry_version": 2,
        "contribution_id": UUID(int=1),
        "plan_version": 7,
        "recorded_at": AT,
        "stated_at": AT,
        "by": b'{"kind":"professional","name":"Sam"}',
        "stated_by": b'{"kind":"person"}',
        "event": orjson.dumps(event),
    }
    said: dict[str, Any] = orjson.loads(said_by(row))
    return said


@pytest.mark.parametrize(
    ("member", "given"),
    [
        ("supported_by", HELP),
        ("location", PLACE),
        ("answers", COMMENT),
        ("on_behalf_of", PROXY),
    ],
)
def test_what_was_given_of_a_provenance_stands_beside_who_said_it(
    member: str, given: dict[str, Any]
) -> None:
    assert told({member: given, "system": {"name": "EPR"}})[member] == given
    assert member not in told({member: None})
    assert member not in told({})


def test_no_identifier_of_whoever_recorded_it_is_told() -> None:
    said = told({"recorded_by": {"identifier": {"kind": "sub", "value": "s"}}, "location": PLACE})
    assert said["recorded_by"] == {"kind": "professional", "name": "Sam"}
    assert "identifier" not in str(said)
