"""Two plans of one person are merged, whatever else happens to either of them meanwhile."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.testing.people import somebody
from shared.testing.service import Door, contribution, works_for
from tests.component.contribute.running import END, GP, OPEN, Running, side_by_side

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

MERGE = "careplan.person.commands.merge-into.v1"
UNMERGE = "careplan.person.commands.unmerge.v1"
DATA_QUALITY = works_for("ZZC01", role="data-quality")


async def opened(person: Running, serial: int) -> UUID:
    plan_id = uuid4()
    given = contribution(OPEN, somebody(serial).opening(), plan_id)
    answer = await person.door.contribute(given, GP)
    assert answer.status_code == 201, answer.text
    return plan_id


def merging(plan_id: UUID, into: UUID, based_on: int = 1) -> dict[str, Any]:
    content = {
        "plan_id": str(into),
        "identifiers_checked": ["name", "date-of-birth"],
        "reason": "Opened twice",
    }
    return contribution(MERGE, content, plan_id, based_on=based_on)


async def told(door: Door, given: dict[str, Any], by: Any = DATA_QUALITY) -> tuple[int, str | None]:
    answer = await door.contribute(given, by)
    return answer.status_code, answer.json().get("code")


async def states(person: Running, plans: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """What happened last to each of them, and when: its type and its place in the store."""
    rows = await person.bench.pool.fetch(
        "SELECT DISTINCT ON (originator_id) originator_id, topic, notification_id"
        " FROM stored_events WHERE originator_id = ANY($1::uuid[])"
        " ORDER BY originator_id, originator_version DESC",
        list(plans),
    )
    return {row["originator_id"]: (row["topic"], row["notification_id"]) for row in rows}


async def test_a_merge_gives_the_number_back_and_unmerging_takes_it_again(person: Running) -> None:
    left, right = await opened(person, 101), await opened(person, 102)
    assert await told(person.door, merging(left, right)) == (201, None)
    third = await opened(person, 101)
    unmerge = contribution(UNMERGE, {"reason": "Twins"}, left, based_on=2)
    answer = await person.door.contribute(unmerge, DATA_QUALITY)
    assert (answer.status_code, answer.json()["code"]) == (409, "plan-already-open")
    assert answer.json()["existing_plan_id"] == str(third)
    end = contribution(END, {"reason": "Opened twice"}, third, based_on=1)
    assert await told(person.door, end, GP) == (201, None)
    again = contribution(UNMERGE, {"reason": "Twins"}, left, based_on=2)
    assert await told(person.door, again) == (201, None)


async def test_merges_that_would_form_a_circle_never_do(person: Running) -> None:
    """The kind: a decision that rests on an entry which somebody else changes meanwhile."""
    async with person.bench.running("two") as other:
        for turn in range(8):
            ring = [await opened(person, 200 + 3 * turn + n) for n in range(3)]
            given = [merging(plan, ring[(n + 1) % 3]) for n, plan in enumerate(ring)]
            doors = (person.door, other, person.door)
            answers = await side_by_side(
                told(door, one) for door, one in zip(doors, given, strict=True)
            )
            # The last of the three finds what it would be merged into merged already.
            kinds = Counter(answers)
            assert kinds[(201, None)] + kinds[(409, "merge-target-not-open")] == 3, answers
            merged = [
                plan
                for plan, (topic, _) in (await states(person, ring)).items()
                if topic == "careplan.person.plan-merged.v1"
            ]
            assert 1 <= len(merged) == kinds[(201, None)] < 3


async def test_nothing_is_merged_into_a_plan_that_has_ended(person: Running) -> None:
    async with person.bench.running("two") as other:
        for turn in range(8):
            left = await opened(person, 300 + 2 * turn)
            right = await opened(person, 301 + 2 * turn)
            end = contribution(END, {"reason": "Moved"}, right, based_on=1)
            merged, ended = await side_by_side(
                [told(person.door, merging(left, right)), told(other, end, GP)]
            )
            assert ended == (201, None)
            happened = await states(person, [left, right])
            if merged == (201, None):
                assert happened[left][1] < happened[right][1], "merged before it ended"
            else:
                assert merged == (409, "merge-target-not-open")


async def test_what_another_replica_has_ended_is_not_merged_into(person: Running) -> None:
    """Nor is it said of one that is open again that it is not: the first still holds the end."""
    async with person.bench.running("two") as other:
        left, right = await opened(person, 401), await opened(person, 402)
        end = contribution(END, {"reason": "Moved"}, right, based_on=1)
        assert await told(other, end, GP) == (201, None)
        assert await told(person.door, merging(left, right)) == (409, "merge-target-not-open")
        assert await told(other, merging(right, left, based_on=2)) == (201, None)
        unmerge = contribution(UNMERGE, {"reason": "Twins"}, right, based_on=3)
        assert await told(other, unmerge) == (201, None)
        assert await told(person.door, merging(left, right)) == (201, None)


async def test_a_plan_that_is_not_there_is_merged_into_by_nobody(person: Running) -> None:
    left = await opened(person, 501)
    assert await told(person.door, merging(left, uuid4())) == (409, "merge-target-not-open")
    as_a_gp = merging(left, uuid4())
    assert await told(person.door, as_a_gp, GP) == (403, "role-may-not-contribute")
