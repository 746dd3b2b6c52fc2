"""The append on real PostgreSQL: whole, once, in order, and never passed by a reader."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

import shared.chassis
from services.goals.domain import Goal
from services.goals.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.store.event_store import EventStore, Moved
from shared.chassis.store.group_commit import QueueFull, Unavailable
from shared.chassis.store.recorder import Recorder
from shared.chassis.store.rows import (
    Append,
    Appended,
    Appends,
    EventRow,
    ReceiptRow,
    StoredRow,
    appends,
)
from shared.ledger import Agent, CodedText, NeedRef, Organisation, Provenance
from shared.testing.eventually import eventually
from shared.testing.stack import TestDatabase, fresh_database

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = Path(shared.chassis.__path__[0]) / "database" / "migrations"
FOLDERS = (MIGRATIONS / "every_service", MIGRATIONS / "section")
APPEND_LOCK = 7411

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(postgres_url: str) -> AsyncIterator[TestDatabase]:
    async with fresh_database(postgres_url, "events", *FOLDERS) as database:
        yield database


@pytest_asyncio.fixture(loop_scope="session")
async def owner(made: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection; every test finds the ledger empty."""
    connection = await asyncpg.connect(made.owner_url)
    await connection.execute("TRUNCATE stored_events, receipt, unique_key, outgoing, plan_state")
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def replicas(
    made: TestDatabase, owner: asyncpg.Connection
) -> AsyncIterator[tuple[Appends, Appends]]:
    del owner
    async with appends(made.url) as one, appends(made.url) as two:
        yield one, two


def event(entry_id: UUID, version: int, state: bytes = b"{}") -> EventRow:
    return EventRow(entry_id, version, "careplan.sample.noted.v1", state)


def receipt(
    contribution_id: UUID | None = None, content: bytes = b"same", who: str = "org:ZZG01"
) -> ReceiptRow:
    return ReceiptRow(contribution_id or uuid4(), who, content, b'{"outcome": "accepted"}')


def message(number: int = 0) -> Outgoing:
    return Outgoing("somewhere", b"key", (("n", str(number).encode()),), b"{}")


async def stored(owner: asyncpg.Connection) -> list[tuple[UUID, int]]:
    rows = await owner.fetch(
        "SELECT originator_id, originator_version FROM stored_events ORDER BY notification_id"
    )
    return [tuple(row) for row in rows]


async def positions(owner: asyncpg.Connection, query: str, *given: int) -> list[int]:
    return [row[0] for row in await owner.fetch(query, *given)]


@asynccontextmanager
async def nobody_can_append(made: TestDatabase) -> AsyncIterator[None]:
    """Another session holds the ledger's lock: what is appended waits."""
    holder = await asyncpg.connect(made.owner_url)
    await holder.execute("SELECT pg_advisory_lock($1)", APPEND_LOCK)
    try:
        yield
    finally:
        await holder.close()


async def until_waiting_for_the_lock(owner: asyncpg.Connection, sessions: int = 1) -> list[int]:
    """The sessions that wait in the append, as soon as there are so many."""

    async def pids() -> list[int]:
        return await positions(
            owner,
            "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()",
        )

    return await eventually(
        pids, "an append waits for the lock", holds=lambda found: len(found) >= sessions
    )


# Order.


async def test_positions_are_contiguous_and_times_never_fall(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    async def one_entry(commits: Appends) -> list[Appended]:
        entry_id = uuid4()
        answers = []
        for version in range(1, 10, 2):
            pair = [event(entry_id, version), event(entry_id, version + 1)]
            answers.append(
                await commits.append(Append(pair, receipt(), outgoing=[message(), message()]))
            )
        return answers

    told = await asyncio.gather(*(one_entry(replicas[n % 2]) for n in range(40)))
    answers = [answer for entry in told for answer in entry]
    assert {answer.verdict for answer in answers} == {"stored"}
    rows = await owner.fetch("SELECT * FROM stored_events ORDER BY notification_id")
    assert [row["notification_id"] for row in rows] == list(range(1, 401))
    times = [row["recorded_at"] for row in rows]
    assert times == sorted(times)
    versions: dict[UUID, int] = {}
    for row in rows:
        assert row["originator_version"] == versions.get(row["originator_id"], 0) + 1
        versions[row["originator_id"]] = row["originator_version"]
    firsts = sorted(answer.first_position or 0 for answer in answers)
    assert firsts == list(range(1, 401, 2)), "two events of a request stand side by side"
    outgoing = await owner.fetch("SELECT * FROM outgoing ORDER BY position")
    assert [row["position"] for row in outgoing] == list(range(1, 401))
    assert {row["event_position"] for row in outgoing} == {first + 1 for first in firsts}
    assert await owner.fetchval("SELECT count(*) FROM receipt WHERE event_position % 2 = 0") == 200


async def test_the_time_does_not_fall_with_the_clock(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    await owner.execute(
        "INSERT INTO stored_events VALUES ($1, 1, 'topic', '{}', 1, $2)", uuid4(), ahead
    )
    appended = await replicas[0].append(Append([event(uuid4(), 1)], receipt()))
    assert (appended.first_position, appended.recorded_at) == (2, ahead)
    refused = await replicas[0].append(Append((), receipt(), outgoing=[message()]))
    assert (refused.first_position, refused.recorded_at) == (None, ahead)
    assert await owner.fetchval("SELECT recorded_at FROM outgoing") == ahead


async def test_positions_of_outgoing_are_contiguous_whoever_writes(
    made: TestDatabase, replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    async with Database(made.url) as database:

        async def in_a_transaction(number: int) -> None:
            async with database.transaction() as connection:
                await append_outgoing(connection, [message(number), message(number)])

        async def rolled_back() -> None:
            async with database.pool.acquire() as connection:
                transaction = connection.transaction()
                await transaction.start()
                await append_outgoing(connection, [message()])
                await transaction.rollback()

        await asyncio.gather(
            *(in_a_transaction(n) for n in range(30)),
            *(rolled_back() for _ in range(10)),
            *(replicas[n % 2].append(Append(outgoing=[message(n)])) for n in range(40)),
        )
    found = await owner.fetch("SELECT position, recorded_at FROM outgoing ORDER BY position")
    assert [row["position"] for row in found] == list(range(1, 101))
    times = [row["recorded_at"] for row in found]
    assert times == sorted(times)


# Whole requests are judged.


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
            "SELECT append_requests($1, $2, $3, $4, $5, $6)", [None, None], [], takes, [], [], []
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


# A reader that follows the positions.


class Tail:
    """Reads on from the last position it has seen, and never looks back."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._done = asyncio.Event()

    def the_writers_are_done(self) -> None:
        self._done.set()

    async def read(self, url: str) -> None:
        connection = await asyncpg.connect(url)
        last = 0
        while True:
            is_last_look = self._done.is_set()
            page = await positions(
                connection,
                "SELECT notification_id FROM stored_events"
                " WHERE notification_id > $1 ORDER BY 1 LIMIT 500",
                last,
            )
            self.seen += page
            if page:
                last = page[-1]
            elif is_last_look:
                await connection.close()
                return


class Writer:
    """Another process that appends single events until it is killed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._told = asyncio.create_task(self._listen())
        self.acknowledged: list[tuple[UUID, int]] = []
        self.works = asyncio.Event()

    @classmethod
    async def start(cls, url: str) -> "Writer":
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                __file__,
                url,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        )

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.endswith(b"\n"):
                entry_id, version = line.split()
                self.acknowledged.append((UUID(entry_id.decode()), int(version)))
                self.works.set()

    async def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self._told


async def append_for_ever(url: str) -> None:
    """What a writer does: eight entries at a time, an event after the other."""
    async with appends(url) as commits:

        async def one_after_the_other() -> None:
            entry_id = uuid4()
            for version in range(1, 1_000_000):
                await commits.append(Append([event(entry_id, version, b"x" * 200)], receipt()))
                sys.stdout.write(f"{entry_id} {version}\n")
                sys.stdout.flush()

        await asyncio.gather(*(one_after_the_other() for _ in range(8)))


async def test_a_reader_skips_nothing_while_writers_are_killed(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    tail = Tail()
    reading = asyncio.create_task(tail.read(made.url))
    writers = [await Writer.start(made.url) for _ in range(3)]
    dice = random.Random(11)  # noqa: S311 - any moment will do
    for writer in writers:
        await asyncio.wait_for(writer.works.wait(), 30)
    # One after the other is killed in the middle of its work.
    for writer in writers:
        await asyncio.sleep(dice.uniform(0.2, 0.6))
        await writer.kill()
    # A killed writer's last call may still run in PostgreSQL.
    async with nobody_can_append(made):
        tail.the_writers_are_done()
        await asyncio.wait_for(reading, 20)
        rows = await stored(owner)
    assert tail.seen == list(range(1, len(rows) + 1))
    assert len(rows) > 200, "there was something to skip"
    kept = set(rows)
    for writer in writers:
        assert set(writer.acknowledged) <= kept, "an acknowledged event is stored"
    assert len(kept) == len(rows)


async def test_without_the_lock_the_same_reader_does_skip(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    """The reader above can fail: positions from a sequence are not in commit order."""
    await owner.execute("CREATE SCHEMA unlocked; CREATE SEQUENCE unlocked.given")
    function = await owner.fetchval("SELECT pg_get_functiondef('append_requests'::regproc)")
    for locked, loose in (
        ("FUNCTION public.append_requests", "FUNCTION unlocked.append_requests"),
        (f"PERFORM pg_advisory_xact_lock({APPEND_LOCK});", ""),
        ("SELECT coalesce(e.position, 0),", "SELECT 0,"),
        ("place := place + 1;", "place := nextval('unlocked.given');"),
        ("RETURN QUERY", "PERFORM pg_sleep(random() * 0.01); RETURN QUERY"),
    ):
        assert function.count(locked) == 1, locked
        function = function.replace(locked, loose)
    await owner.execute(function)
    await owner.execute("GRANT ALL ON SCHEMA unlocked TO PUBLIC")
    await owner.execute("GRANT ALL ON unlocked.given TO PUBLIC")
    url = f"{made.url}?search_path=unlocked,public"
    tail = Tail()
    reading = asyncio.create_task(tail.read(made.url))
    try:
        async with appends(url) as one, appends(url) as two:

            async def write(commits: Appends) -> None:
                for _ in range(60):
                    await commits.append(Append([event(uuid4(), 1)], receipt()))

            await asyncio.gather(*(write(commits) for commits in (one, two) for _ in range(4)))
        tail.the_writers_are_done()
        await reading
    finally:
        await owner.execute("DROP SCHEMA unlocked CASCADE")
    there = await positions(owner, "SELECT notification_id FROM stored_events ORDER BY 1")
    assert len(there) == 480
    assert len(tail.seen) < len(there)


# Trouble.


class Proxy:
    """Stands between a client and PostgreSQL, and can lose an answer or be away."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = (parts.hostname, parts.port)
        self._url = url
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loses_next = False
        self.lost = asyncio.Event()
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go_away()

    @property
    def url(self) -> str:
        return self._url.replace(f"{self._there[0]}:{self._there[1]}", f"127.0.0.1:{self._port}")

    def lose_the_next_answer(self) -> None:
        self._loses_next = True
        self.lost.clear()

    async def go_away(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def come_back(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        ends = {writer, there_writer}
        self._open |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, there_writer, ends))
                group.create_task(self._pump(there_reader, writer, ends, answers=True))
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: set[asyncio.StreamWriter],
        *,
        answers: bool = False,
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if answers and self._loses_next:
                    self._loses_next = False
                    self.lost.set()
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        for end in ends:
            end.transport.abort()


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(made: TestDatabase, owner: asyncpg.Connection) -> AsyncIterator[Proxy]:
    del owner
    async with Proxy(made.url) as between:
        yield between


async def test_an_answer_lost_after_the_commit_is_given_by_the_receipt(
    proxy: Proxy, owner: asyncpg.Connection
) -> None:
    handed: list[StoredRow] = []
    async with appends(proxy.url, on_commit=lambda rows, _: handed.extend(rows)) as commits:
        await commits.append(Append([event(uuid4(), 1)], receipt()))
        proxy.lose_the_next_answer()
        entries = [uuid4() for _ in range(3)]
        answers = await asyncio.gather(
            *(
                commits.append(Append([event(e, 1)], receipt(), outgoing=[message()]))
                for e in entries
            )
        )
        assert proxy.lost.is_set()
        assert "repeated" in {answer.verdict for answer in answers}
        assert {a.receipt_position or a.first_position for a in answers} == {2, 3, 4}
    assert len(await stored(owner)) == 4
    assert await owner.fetchval("SELECT count(*) FROM receipt") == 4
    assert await owner.fetchval("SELECT count(*) FROM outgoing") == 3


async def test_an_answer_lost_without_a_receipt_is_not_guessed(
    proxy: Proxy, owner: asyncpg.Connection
) -> None:
    async with appends(proxy.url) as commits:
        await commits.append(Append([event(uuid4(), 1)], receipt()))
        proxy.lose_the_next_answer()
        entry_id = uuid4()
        with pytest.raises(Unavailable):
            await commits.append(Append([event(entry_id, 1)]))
        assert (await commits.append(Append([event(entry_id, 1)]))).verdict == "stale"
    assert len(await stored(owner)) == 2


async def test_a_connection_that_is_ended_in_the_append_changes_nothing(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with appends(made.url) as commits:
        async with nobody_can_append(made):
            under_way = [
                asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
                for _ in range(5)
            ]
            for _ in range(2):
                (pid,) = await until_waiting_for_the_lock(owner)
                await owner.execute("SELECT pg_terminate_backend($1)", pid)
                await eventually(partial(_has_ended, owner, pid), "the session has ended")
        answers = await asyncio.gather(*under_way)
    assert {answer.verdict for answer in answers} == {"stored"}
    assert len(await stored(owner)) == 5


async def test_while_the_database_is_away_appends_wait(
    proxy: Proxy, owner: asyncpg.Connection
) -> None:
    async with appends(proxy.url) as patient, appends(proxy.url, patience=0.3) as hasty:
        await proxy.go_away()
        waiting = asyncio.create_task(patient.append(Append([event(uuid4(), 1)], receipt())))
        given_up = uuid4()
        with pytest.raises(Unavailable):
            await hasty.append(Append([event(given_up, 1)], receipt()))
        assert not waiting.done()
        await proxy.come_back()
        assert (await waiting).verdict == "stored"
        again = Append([event(given_up, 1)], receipt())

        async def verdict() -> str | None:
            with suppress(Unavailable):
                return (await hasty.append(again)).verdict
            return None

        assert await eventually(verdict, "it stores again") in {"stored", "repeated"}
    assert len(await stored(owner)) == 2


async def _has_ended(owner: asyncpg.Connection, pid: int) -> bool:
    there = await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid)
    return bool(there == 0)


async def test_a_server_that_has_become_read_only_is_waited_for(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    name = await owner.fetchval("SELECT current_database()")
    async with appends(made.url) as commits:
        await owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            async with nobody_can_append(made):
                append = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
                (pid,) = await until_waiting_for_the_lock(owner)
                await owner.execute("SELECT pg_terminate_backend($1)", pid)
            await eventually(lambda: commits._failed_in_a_row > 2, "it has tried several times")
            assert not append.done()
        finally:
            await owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        assert (await append).verdict == "stored"


async def test_a_full_queue_takes_no_more(made: TestDatabase, owner: asyncpg.Connection) -> None:
    async with appends(made.url, queue_limit=3) as commits:
        async with nobody_can_append(made):
            in_hand = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await until_waiting_for_the_lock(owner)
            queued = [
                asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
                for _ in range(3)
            ]
            await eventually(lambda: commits.waiting == 3, "three wait")
            with pytest.raises(QueueFull):
                await commits.append(Append([event(uuid4(), 1)], receipt()))
        answers = await asyncio.gather(in_hand, *queued)
    assert [answer.verdict for answer in answers] == ["stored"] * 4
    assert len(await stored(owner)) == 4


async def test_a_queue_full_of_bytes_takes_no_more(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with appends(made.url, queue_bytes=1_000) as commits:
        for _ in range(2):  # what has left the queue no longer counts
            async with nobody_can_append(made):
                first = Append([event(uuid4(), 1, b"x" * 5_000)], receipt())
                in_hand = asyncio.create_task(commits.append(first))
                await until_waiting_for_the_lock(owner)
                # One that is larger than the bound is taken where nothing waits.
                large = Append(outgoing=[Outgoing("somewhere", b"key", (), b"x" * 900)])
                queued = [asyncio.create_task(commits.append(large))]
                await eventually(lambda: commits.waiting == 1, "one waits")
                with pytest.raises(QueueFull):
                    await commits.append(Append([event(uuid4(), 1, b"x" * 200)], receipt()))
                queued.append(asyncio.create_task(commits.append(Append((), receipt()))))
                await eventually(lambda: commits.waiting == 2, "two wait")
            answers = await asyncio.gather(in_hand, *queued)
            assert [answer.verdict for answer in answers] == ["stored"] * 3


async def test_what_a_cancelled_caller_appended_is_stored(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with appends(made.url) as commits:
        async with nobody_can_append(made):
            flushed = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await until_waiting_for_the_lock(owner)
            queued = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await eventually(lambda: commits.waiting == 1, "the second waits")
            for task in (flushed, queued):
                task.cancel()
            await asyncio.gather(flushed, queued, return_exceptions=True)
        assert (await commits.append(Append(outgoing=[message()]))).verdict == "stored"
    assert len(await stored(owner)) == 2


async def test_whoever_waits_at_the_end_is_told(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with nobody_can_append(made):
        async with appends(made.url) as commits:
            in_hand = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await until_waiting_for_the_lock(owner)
            queued = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await eventually(lambda: commits.waiting == 1, "the second waits")
        for task in (in_hand, queued):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(task, 1)
        with pytest.raises(Unavailable):
            await commits.append(Append(outgoing=[message()]))
        assert not commits.is_alive


@pytest.mark.parametrize("table", ["stored_events", "receipt", "outgoing"])
async def test_the_service_cannot_change_the_past(
    made: TestDatabase, replicas: tuple[Appends, Appends], table: str
) -> None:
    await replicas[0].append(Append([event(uuid4(), 1)], receipt(), outgoing=[message()]))
    service = await asyncpg.connect(made.url)
    try:
        for statement in (
            f"UPDATE {table} SET recorded_at = now()",  # noqa: S608 - one of three
            f"DELETE FROM {table}",  # noqa: S608
            f"TRUNCATE {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE {table} ALTER recorded_at DROP NOT NULL",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(statement)
    finally:
        await service.close()


# Entries.


def provenance(entry: tuple[UUID, UUID]) -> Provenance:
    person = Agent("person", "Edith Marlow-Synth", organisation=Organisation("ZZG01"))
    plan_id, entry_id = entry
    return Provenance(plan_id, entry_id, uuid4(), person, person)


def agreed(aim: str = "To sleep better") -> Goal:
    entry = (uuid4(), uuid4())
    needs = (NeedRef("needs", uuid4()),)
    return Goal.agree(provenance(entry), aim=CodedText(aim), need_ids=needs)


def weighed(goal: Goal, importance: int) -> Goal:
    goal.weigh(provenance((goal.plan_id, goal.id)), importance)
    return goal


@pytest_asyncio.fixture(loop_scope="session")
async def stores(
    made: TestDatabase, owner: asyncpg.Connection
) -> AsyncIterator[tuple[EventStore, EventStore]]:
    del owner
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(Database(made.url))
        both = [await opened.enter_async_context(appends(made.url)) for _ in range(2)]
        one, two = (EventStore(database, commits, SECTION) for commits in both)
        yield one, two


async def loaded(store: EventStore, entry_id: UUID, *, afresh: bool = False) -> Goal:
    goal = await store.load(entry_id, afresh=afresh)
    assert isinstance(goal, Goal)
    return goal


async def test_what_is_held_in_memory_is_never_trusted(
    stores: tuple[EventStore, EventStore],
) -> None:
    one, two = stores
    goal = agreed()
    assert await two.load(goal.id) is None
    await one.save([Moved(goal)], receipt())
    await two.save([Moved(weighed(await loaded(two, goal.id), 7))], receipt())
    behind = weighed(await loaded(one, goal.id), 5)
    assert behind.version == 2, "decided on what this replica remembers"
    answer = await one.save([Moved(behind)], receipt())
    assert (answer.verdict, answer.version) == ("stale", 2)
    assert (await loaded(one, goal.id, afresh=True)).version == 2
    assert (
        await one.save([Moved(weighed(await loaded(one, goal.id), 5))], receipt())
    ).verdict == "stored"
    assert (await loaded(two, goal.id)).version == 2
    assert (await loaded(two, goal.id, afresh=True)).version == 3


async def test_a_loaded_entry_can_be_thrown_away(stores: tuple[EventStore, EventStore]) -> None:
    store, _ = stores
    goal = agreed()
    await store.save([Moved(goal)], receipt())
    weighed(await loaded(store, goal.id), 7)  # decided, and refused by something else
    again = await loaded(store, goal.id)
    assert (again.version, list(again.pending_events)) == (1, [])


async def test_what_was_stored_elsewhere_is_read_on_from_what_is_held(
    stores: tuple[EventStore, EventStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = stores
    goal = agreed()
    await one.save([Moved(goal)], receipt())
    read: list[int] = []
    events = Recorder.events

    async def counted(*given: Any, **named: Any) -> Any:
        found = await events(*given, **named)
        read.append(len(found))
        return found

    monkeypatch.setattr(Recorder, "events", counted)
    assert (await loaded(one, goal.id, afresh=True)).version == 1
    assert read == [0], "nothing has moved"
    for importance in (3, 4):
        moved = weighed(await loaded(two, goal.id, afresh=True), importance)
        await two.save([Moved(moved)], receipt())
    read.clear()
    behind = await loaded(one, goal.id)
    assert (await loaded(one, goal.id, afresh=True)).version == 3
    assert read == [2], "only what is new"
    assert behind.version == 1, "what was lent out stays as it was"
    assert (await loaded(one, goal.id)).version == 3


async def test_several_entries_of_a_section_are_saved_in_one_append(
    stores: tuple[EventStore, EventStore], owner: asyncpg.Connection
) -> None:
    one, two = stores
    goals = [agreed(), agreed()]
    third = agreed()
    await one.save([Moved(third)], receipt())
    saved = await one.save([Moved(goal) for goal in goals], receipt(), read=[(third.id, 1)])
    assert saved.verdict == "stored"
    await two.save([Moved(weighed(await loaded(two, third.id), 7))], receipt())
    both = [Moved(weighed(await loaded(one, goal.id), 3)) for goal in goals]
    assert (await one.save(both, receipt(), read=[(third.id, 1)])).verdict == "stale"
    assert [(await loaded(one, goal.id)).version for goal in goals] == [1, 1]
    # What one of them has met stops the other as well.
    await two.save([Moved(weighed(await loaded(two, goals[0].id), 5))], receipt())
    both = [Moved(weighed(await loaded(one, goal.id), 3)) for goal in goals]
    assert (await one.save(both, receipt())).verdict == "stale"
    assert await owner.fetchval(
        "SELECT max(originator_version) FROM stored_events WHERE originator_id = $1", goals[1].id
    ) == 1  # fmt: skip


async def test_the_entries_held_in_memory_are_bounded_in_bytes_as_in_number(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    """Kind: a bound on number alone, where one item may be as large as it likes."""
    del owner
    async with Database(made.url) as database, appends(made.url) as commits:
        store = EventStore(database, commits, SECTION, cache_size=3, cache_bytes=20_000)

        async def held(goals: Sequence[Goal]) -> list[bool]:
            found = []
            for goal in goals:
                with events_read() as read:
                    await store.load(goal.id)
                found.append(goal.id not in read)
            return found

        small = [agreed() for _ in range(4)]
        for goal in small:
            await store.save([Moved(goal)], receipt())
        assert await held(small[1:]) == [True] * 3
        large = [agreed("x" * 8_000) for _ in range(3)]
        for goal in large:
            await store.save([Moved(goal)], receipt())
        assert await held(large[1:]) == [True, True]
        assert await held(large[:1]) == [False]
        too_large = agreed("x" * 30_000)
        await store.save([Moved(too_large)], receipt())
        assert await held([too_large, too_large]) == [False, False]
        # An entry that grows takes more.
        goal = agreed()
        await store.save([Moved(goal)], receipt())
        for _ in range(3):
            assert await held([goal]) == [True]
            grown = await loaded(store, goal.id)
            grown.reword(provenance((goal.plan_id, goal.id)), why="y" * 6_000)
            await store.save([Moved(grown)], receipt())
        grown = await loaded(store, goal.id)
        grown.reword(provenance((goal.plan_id, goal.id)), why="y" * 6_000)
        await store.save([Moved(grown)], receipt())
        assert await held([goal]) == [False]


@contextmanager
def events_read() -> Iterator[list[UUID]]:
    """The entries whose events are read meanwhile."""
    read: list[UUID] = []
    events = Recorder.events

    async def noted(self: Recorder, entry_id: UUID, **named: Any) -> Any:
        read.append(entry_id)
        return await events(self, entry_id, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "events", noted)
        yield read


async def test_many_at_one_entry_come_one_after_the_other(
    stores: tuple[EventStore, EventStore], owner: asyncpg.Connection
) -> None:
    goal = agreed()
    await stores[0].save([Moved(goal)], receipt())

    async def weigh(store: EventStore, importance: int) -> None:
        afresh = False
        while True:
            entry = weighed(await loaded(store, goal.id, afresh=afresh), importance)
            if (await store.save([Moved(entry)], receipt())).verdict == "stored":
                return
            afresh = True

    await asyncio.gather(*(weigh(stores[n % 2], 1 + n % 10) for n in range(24)))
    assert [version for _, version in await stored(owner)] == list(range(1, 26))


async def test_a_kept_receipt_says_what_only_its_commit_knew(
    stores: tuple[EventStore, EventStore],
) -> None:
    store, _ = stores
    goal = agreed()
    row = ReceiptRow(
        uuid4(),
        "org:ZZG01",
        b"hash",
        b'{"plan_id": "%s", "section": "goals"}' % str(goal.plan_id).encode(),
    )
    appended = await store.save([Moved(goal)], row)
    kept = await store.receipt(row.contribution_id)
    assert kept is not None
    assert (kept.contributor, kept.content_hash) == ("org:ZZG01", b"hash")
    assert datetime.fromisoformat(kept.receipt["recorded_at"]) == appended.recorded_at
    assert "ledger_position" in kept.receipt
    assert await store.receipt(uuid4()) is None


async def test_what_has_changed_since_a_version(stores: tuple[EventStore, EventStore]) -> None:
    store, _ = stores
    goal = weighed(weighed(agreed(), 7), 3)
    appended = await store.save([Moved(goal)], receipt())
    changes = await store.changes_since(goal.id, 1)
    assert [(change["entry_version"], change["fields"]) for change in changes] == [
        (2, ["importance"]),
        (3, ["importance"]),
    ]
    assert changes[0]["by"]["name"] == "Edith Marlow-Synth"
    assert datetime.fromisoformat(changes[0]["at"]) == appended.recorded_at


if __name__ == "__main__":
    asyncio.run(append_for_ever(sys.argv[1]))
