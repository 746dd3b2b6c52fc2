"""A request is judged whole: stored once and together, or not at all."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.chassis.store.rows import Append, Appended, Appends, EventRow, ReceiptRow
from shared.testing.eventually import eventually
from shared.testing.stack import TestDatabase
from tests.component.store.ledger import (
    event,
    message,
    nobody_can_append,
    receipt,
    stored,
    until_waiting_for_the_lock,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_one_of_two_changes_based_on_the_same_version_is_stale(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    entries = [uuid4() for _ in range(30)]
    one, two = replicas
    await asyncio.gather(*(one.append(Append([event(e, 1)], receipt())) for e in entries))
    answers = await asyncio.gather(
        *(
            commits.append(Append([event(e, 2)], receipt(), outgoing=[message()]))
            for e in entries
            for commits in (one, two, one)
        )
    )
    assert Counter(answer.verdict for answer in answers) == {"stored": 30, "stale": 60}
    stale = [answer for answer in answers if answer.verdict == "stale"]
    assert {answer.version for answer in stale} == {2}
    assert {answer.entry_id for answer in stale} == set(entries)
    assert await owner.fetchval("SELECT count(*) FROM receipt") == 60
    assert await owner.fetchval("SELECT count(*) FROM outgoing") == 30


async def test_creating_twice_is_stale(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    entry_id = uuid4()
    appends = [commits.append(Append([event(entry_id, 1)], receipt())) for commits in replicas]
    answers = await asyncio.gather(*appends)
    assert sorted(answer.verdict for answer in answers) == ["stale", "stored"]
    assert await stored(owner) == [(entry_id, 1)]


async def test_a_request_is_stored_whole_or_not_at_all(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    entry_id, other = uuid4(), uuid4()
    commits = replicas[0]
    await commits.append(Append([event(entry_id, n) for n in range(1, 6)], receipt()))
    late = Append(
        [event(other, 1), event(entry_id, 5), event(entry_id, 6)],
        receipt(),
        takes=[("key", entry_id)],
        outgoing=[message()],
    )
    neighbours = [Append([event(uuid4(), 1)], receipt()) for _ in range(5)]
    answers = await asyncio.gather(
        *(commits.append(each) for each in (*neighbours[:2], late, *neighbours[2:]))
    )
    verdicts = [answer.verdict for answer in answers]
    assert verdicts == ["stored", "stored", "stale", "stored", "stored", "stored"]
    assert (answers[2].entry_id, answers[2].version) == (entry_id, 5)
    rows = await stored(owner)
    assert (entry_id, 6) not in rows
    assert (other, 1) not in rows
    assert len(rows) == 10
    assert await owner.fetchval("SELECT count(*) FROM unique_key") == 0
    assert await owner.fetchval("SELECT count(*) FROM outgoing") == 0


async def test_a_request_ahead_of_its_entry_is_stale(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    appended = await replicas[0].append(Append([event(uuid4(), 3)], receipt()))
    assert (appended.verdict, appended.version) == ("stale", 0)
    entry_id = uuid4()
    with_a_gap = Append([event(entry_id, 1), event(entry_id, 3)], receipt())
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await replicas[0].append(with_a_gap)
    assert await stored(owner) == []


async def test_a_repeated_contribution_gets_its_first_receipt(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    contributions = [(uuid4(), uuid4()) for _ in range(20)]
    answers = await asyncio.gather(
        *(
            replicas[n % 2].append(Append([event(entry, 1)], receipt(contribution)))
            for n in range(4)
            for entry, contribution in contributions
        )
    )
    assert Counter(answer.verdict for answer in answers) == {"stored": 20, "repeated": 60}
    assert len(await stored(owner)) == 20
    first = {a.first_position: a.recorded_at for a in answers if a.verdict == "stored"}
    for answer in answers:
        if answer.verdict == "repeated":
            assert answer.receipt == b'{"outcome": "accepted"}'
            assert first[answer.receipt_position] == answer.recorded_at


async def test_a_repeat_is_recognised_whatever_happened_to_the_entry_since(
    replicas: tuple[Appends, Appends],
) -> None:
    entry_id, again = uuid4(), receipt()
    one, two = replicas
    await one.append(Append([event(entry_id, 1)], again))
    await one.append(Append([event(entry_id, 2)], receipt()))
    assert (await two.append(Append([event(entry_id, 1)], again))).verdict == "repeated"
    assert (await two.append(Append([event(uuid4(), 9)], again))).verdict == "repeated"
    refusal = receipt()
    assert (await one.append(Append((), refusal))).verdict == "stored"
    repeated = await two.append(Append((), refusal))
    assert (repeated.verdict, repeated.receipt_position) == ("repeated", None)


async def test_a_contribution_id_serves_one_content_of_one_contributor(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    first = receipt()
    await replicas[0].append(Append([event(uuid4(), 1)], first))
    id_ = first.contribution_id
    for other in (receipt(id_, b"other"), receipt(id_, who="org:ZZC01")):
        answer = await replicas[1].append(Append([event(uuid4(), 1)], other))
        assert answer.verdict == "reused"
        assert answer.receipt is None, "nobody is shown somebody else's receipt"
    contested = uuid4()
    answers = await asyncio.gather(
        *(
            replicas[n % 2].append(Append([event(uuid4(), 1)], receipt(contested, b"%d" % n)))
            for n in range(6)
        )
    )
    assert Counter(answer.verdict for answer in answers) == {"stored": 1, "reused": 5}
    assert len(await stored(owner)) == 2


async def test_a_unique_key_has_one_holder(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    wanted = [(f"nhs-number:{n}", uuid4(), uuid4()) for n in range(25)]
    answers = await asyncio.gather(
        *(
            replicas[n % 2].append(Append([event(entry, 1)], receipt(), takes=[(key, entry)]))
            for key, *entries in wanted
            for n, entry in enumerate(entries)
        )
    )
    for index, (key, *entries) in enumerate(wanted):
        pair = answers[2 * index : 2 * index + 2]
        assert sorted(answer.verdict for answer in pair) == ["stored", "taken"]
        (taken,) = (answer for answer in pair if answer.verdict == "taken")
        holder = await owner.fetchval("SELECT entry_id FROM unique_key WHERE key = $1", key)
        assert taken.entry_id == holder
        assert holder in entries
    assert len(await stored(owner)) == 25


async def test_a_key_is_given_back_by_its_holder_only(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    one, two = replicas
    first, second = uuid4(), uuid4()
    await one.append(Append([event(first, 1)], receipt(), takes=[("k", first)]))
    await two.append(Append([event(second, 1)], receipt(), gives_back=[("k", second)]))
    taken = await two.append(Append([event(second, 2)], receipt(), takes=[("k", second)]))
    assert (taken.verdict, taken.entry_id) == ("taken", first)
    again = await one.append(Append([event(first, 2)], receipt(), takes=[("k", first)]))
    assert again.verdict == "stored", "its holder may ask for it again"
    await one.append(Append([event(first, 3)], receipt(), gives_back=[("k", first)]))
    moved = await two.append(Append([event(second, 2)], receipt(), takes=[("k", second)]))
    assert moved.verdict == "stored"
    assert await owner.fetchval("SELECT entry_id FROM unique_key") == second


async def test_who_waits_for_the_same_key_sees_what_became_of_the_other(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    """Both wait for one flush: the second is stored, or not, by the outcome of the first."""
    commits = replicas[0]
    first, second, third = uuid4(), uuid4(), uuid4()
    await commits.append(Append([event(first, 1)], receipt(), takes=[("k", first)]))
    _, moved, late = await asyncio.gather(
        commits.append(Append([event(first, 2)], receipt(), gives_back=[("k", first)])),
        commits.append(Append([event(second, 1)], receipt(), takes=[("k", second)])),
        commits.append(Append([event(third, 1)], receipt(), takes=[("k", third)])),
    )
    assert moved.verdict == "stored"
    assert (late.verdict, late.entry_id) == ("taken", second)
    assert await owner.fetchval("SELECT entry_id FROM unique_key") == second


async def test_who_waits_behind_another_overtakes_nobody(
    replicas: tuple[Appends, Appends],
) -> None:
    """The third shares nothing with the first, but it was said after the second."""
    commits = replicas[0]
    one, two = uuid4(), uuid4()
    answers = await asyncio.gather(
        commits.append(Append([event(one, 1)], receipt())),
        commits.append(Append([event(one, 2), event(two, 1)], receipt())),
        commits.append(Append([event(two, 2)], receipt())),
    )
    assert [answer.verdict for answer in answers] == ["stored"] * 3
    places = [answer.first_position for answer in answers]
    assert places == sorted(places, key=lambda place: place or 0)


async def test_a_key_goes_from_one_entry_to_another_in_one_append(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    one, two = replicas
    holder, heir, third = uuid4(), uuid4(), uuid4()
    await one.append(Append([event(holder, 1)], receipt(), takes=[("k", holder)]))
    both = [event(holder, 2), event(heir, 1)]
    # Only whoever holds it can give it.
    wrong = Append(both, receipt(), takes=[("k", heir)], gives_back=[("k", third)])
    assert (await two.append(wrong)).verdict == "taken"
    moved = Append(both, receipt(), takes=[("k", heir)], gives_back=[("k", holder)])
    assert (await two.append(moved)).verdict == "stored"
    assert await owner.fetchval("SELECT entry_id FROM unique_key WHERE key = 'k'") == heir


async def test_an_entry_that_was_only_read_must_still_have_its_version(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    one, two = replicas
    read, changed = uuid4(), uuid4()
    await one.append(Append([event(read, 1), event(changed, 1)], receipt()))
    await two.append(Append([event(read, 2)], receipt()))
    late = await one.append(Append([event(changed, 2)], receipt(), read=[(read, 1)]))
    assert (late.verdict, late.entry_id, late.version) == ("stale", read, 2)
    refusal = Append((), receipt(), outgoing=[message()], read=[(read, 1)])
    assert (await one.append(refusal)).verdict == "stale"
    nowhere = await one.append(Append((), receipt(), read=[(uuid4(), 1)]))
    assert (nowhere.verdict, nowhere.version) == ("stale", 0)
    assert await owner.fetchval("SELECT count(*) FROM outgoing") == 0
    for version in (2, 0):
        known = Append((), receipt(), read=[(read if version else uuid4(), version)])
        assert (await two.append(known)).verdict == "stored"
    in_time = await one.append(Append([event(changed, 2)], receipt(), read=[(read, 2)]))
    assert in_time.verdict == "stored"


async def test_within_a_flush_what_is_read_is_not_changed_and_many_may_read_it(
    made: TestDatabase, replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    commits, entry = replicas[0], uuid4()
    await commits.append(Append([event(entry, 1)], receipt()))
    async with nobody_can_append(made):
        in_hand = asyncio.create_task(commits.append(Append((), receipt())))
        await until_waiting_for_the_lock(owner)
        doing = [
            asyncio.create_task(commits.append(request))
            for request in (
                *(Append((), receipt(), read=[(entry, 1)]) for _ in range(20)),
                Append([event(entry, 2)], receipt()),
                *(Append((), receipt(), read=[(entry, 2)]) for _ in range(20)),
            )
        ]
        await eventually(lambda: commits.waiting == 41, "all wait")
    answers = await asyncio.gather(in_hand, *doing)
    assert {answer.verdict for answer in answers} == {"stored"}
    flushes = {answer.recorded_at for answer in answers}
    assert len(flushes) == 4, "those who only read share a flush"


async def test_a_plan_that_has_to_be_open_is_looked_at_in_the_append(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    open_, ended, unheard = uuid4(), uuid4(), uuid4()
    await owner.executemany(
        "INSERT INTO plan_state VALUES ($1, $2, 1)", [(open_, "open"), (ended, "ended")]
    )

    async def verdict(plan_id: UUID, kept: ReceiptRow, entry_id: UUID | None = None) -> str:
        row = kept._replace(open_plan=plan_id)
        appended = await replicas[0].append(Append([event(entry_id or uuid4(), 1)], row))
        return appended.verdict

    first, entry_id = receipt(), uuid4()
    assert await verdict(open_, first, entry_id) == "stored"
    assert await verdict(ended, receipt()) == "plan-not-open"
    assert await verdict(unheard, receipt()) == "plan-unknown"
    # The plan comes before the version of an entry, and the kept receipt before the plan.
    assert await verdict(ended, receipt(), entry_id) == "plan-not-open"
    assert await verdict(ended, first) == "repeated"
    assert await verdict(unheard, first._replace(content_hash=b"other")) == "reused"
    # What it says now counts, not what it said a moment ago.
    await owner.execute("UPDATE plan_state SET state = 'open' WHERE plan_id = $1", ended)
    await owner.execute("UPDATE plan_state SET state = 'merged' WHERE plan_id = $1", open_)
    assert await verdict(ended, receipt()) == "stored"
    assert await verdict(open_, receipt()) == "plan-not-open"
    assert len(await stored(owner)) == 2


async def test_a_call_that_takes_one_key_for_two_entries_is_refused(
    owner: asyncpg.Connection,
) -> None:
    takes = [(1, "k", uuid4()), (2, "k", uuid4())]
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="a key for one entry"):
        await owner.fetch(
            "SELECT append_requests($1, $2, $3, $4, $5, $6, $7)",
            *([None, None], [], takes, [], [], [], []),
        )


async def test_what_cannot_be_stored_fails_alone(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    commits = replicas[0]
    not_text = Append([EventRow(uuid4(), 1, "\ud800", b"{}")], receipt())
    with_nul = Append([EventRow(uuid4(), 1, "a\x00b", b"{}")], receipt())
    good = [Append([event(uuid4(), 1)], receipt()) for _ in range(4)]
    answers = await asyncio.gather(
        *(commits.append(each) for each in (good[0], not_text, good[1], with_nul, *good[2:])),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [
        Appended,
        asyncpg.DataError,
        Appended,
        asyncpg.CharacterNotInRepertoireError,
        Appended,
        Appended,
    ]
    assert len(await stored(owner)) == 4
    assert commits.is_alive
