"""What a plan is found by is what somebody can search by, whatever a person is called."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from services.plan.store.document import Shown
from services.plan.store.people.identifiers import LONGEST, Identifier, found_by, key

INDEXED_BYTES = 2_712
"""What PostgreSQL takes of one value into an index; beyond that it stores nothing at all."""
NUMBER = "nhs_number:9990000018"


def keys_of(family: str, **others: Any) -> list[str]:
    content = {"name": {"family": family}, "nhs_number": {"value": "9990000018"}, **others}
    body = orjson.dumps({"content": content})
    return found_by(Shown("person", UUID(int=1), True, body, b""))


@pytest.mark.parametrize("family", ["x" * 101, "x" * 1_000_000, "\u65e5" * 5_000])
def test_a_name_too_long_to_search_by_finds_nobody_and_hides_nothing_else(family: str) -> None:
    assert keys_of(family) == [NUMBER]
    assert len(family) > LONGEST[Identifier.FAMILY]


@pytest.mark.parametrize("family", ["Marlow-Synth", "x" * 100, "\u65e5" * 100, "\u3316" * 100])
def test_a_plan_is_found_by_whatever_somebody_can_search_by(family: str) -> None:
    assert len(family) <= LONGEST[Identifier.FAMILY]
    wanted = key(Identifier.FAMILY, family)
    assert keys_of(family) == sorted([wanted, NUMBER])
    assert len(wanted.encode()) < INDEXED_BYTES
