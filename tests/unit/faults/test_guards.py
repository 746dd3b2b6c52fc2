"""Each guard that can be left out is still where the harness looks for it."""

from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.guards.__main__ import _ALTERED
from tests.faults.guards.in_database import OF_SECTIONS, OF_THE_PLAN
from tests.faults.guards.known import CONTROL, FAULT_OF

_ROOT = Path(__file__).resolve().parents[3]
_APPEND = "\n".join(
    path.read_text()
    for path in sorted((_ROOT / "shared/chassis/database/migrations/section").glob("*.sql"))
)


def test_leaving_out_a_guard_changes_something_and_its_fault_exists() -> None:
    assert FAULT_OF.keys() == _ALTERED.keys() | OF_SECTIONS.keys() | OF_THE_PLAN.keys()
    assert set(FAULT_OF.values()) <= FAULTS.keys()
    assert CONTROL in FAULT_OF


@pytest.mark.parametrize("guard", OF_SECTIONS)
def test_the_append_still_has_what_a_guard_takes_away(guard: str) -> None:
    assert "append_requests" in _APPEND
    assert OF_SECTIONS[guard](_APPEND) != _APPEND
