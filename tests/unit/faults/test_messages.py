"""Whatever a message has that is not as it must be is found: each header, each member."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.faults.world import altered, world

HEADERS = sorted(world().published[0].headers)
MEMBERS = sorted(set(world().published[0].told) - {"section", "entry_id", "entry_version"})


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", [None, b"another"])
def test_a_header_that_is_missing_or_says_something_else_is_found(
    name: str, value: bytes | None
) -> None:
    it = world()
    if name == "ce_position" and value is not None:
        value = b"7"
    if name == "ce_authclaims" and value is not None:
        value = b'{"jti":"of-another"}'
    headers = {**it.published[0].headers, name: value or b""}
    if value is None and name != "ce_position":  # without a place it cannot be looked at
        del headers[name]
    elif value is None:
        headers[name] = b"0"
    it.published[0] = replace(it.published[0], headers=headers)
    assert it.judged().count("wrong") > 0


def test_a_header_that_nobody_promised_is_found() -> None:
    it = world()
    more = {**it.published[0].headers, "ce_authid": b"somebody"}
    it.published[0] = replace(it.published[0], headers=more)
    assert it.judged().count("wrong") == 1


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_of_the_envelope_that_is_another_is_found(name: str) -> None:
    it = world()
    told: Any = it.published[0].told[name]
    other = {**told, "more": 1} if isinstance(told, dict) else f"{told}x"
    it.published[0] = altered(it.published[0], **{name: other})
    assert it.judged().count("wrong") > 0


def test_a_time_that_somebody_states_in_another_zone_is_published_in_utc() -> None:
    it = world()
    assert it.published[0].headers["ce_time"] == b"2026-11-24T07:30:00Z"
    assert it.judged().lines() == []
    with_offset = {**it.published[0].headers, "ce_time": b"2026-11-24T08:30:00+01:00"}
    it.published[0] = replace(it.published[0], headers=with_offset)
    assert it.judged().count("wrong") == 1


def test_an_entry_begun_again_says_of_every_leaf_what_has_become_of_it() -> None:
    it = world()
    again = replace(it.stored[1], type="careplan.goals.agreed.v1")
    assert it.judged().lines() == []
    it.stored[1] = again
    it.published[1] = altered(
        it.published[1], type=again.type, change="restored", fields=["aim", "need_ids"]
    )
    assert not any("keeps" in line for line in it.judged().lines())
    it.published[1] = altered(it.published[1], fields=["aim"])
    assert any(line.endswith("keeps ['need_ids']") for line in it.judged().lines())


def test_an_entry_taken_up_again_may_say_something_and_leaves_the_rest() -> None:
    """Of a contact that joins again from a day on, the name stays as it was."""
    it = world()
    it.published[1] = altered(
        it.published[1], type="careplan.goals.resumed.v1", change="restored", fields=["aim"]
    )
    assert not any("keeps" in line for line in it.judged().lines())
