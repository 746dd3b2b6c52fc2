"""No byte of a plan leaves before its access is recorded, and each access reaches the audit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

import asyncpg
import httpx
import pytest

from shared.cli.token import person, professional
from shared.ledger.topics import AUDIT_RECORDS
from shared.testing.events import History
from shared.testing.eventually import eventually
from shared.testing.topic_reader import TopicReader, value_of
from tests.component.plan.bench import Bench, codes, short_history, shown

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

READERS = 60
WAITING = """
    SELECT count(*) FROM pg_locks
     WHERE locktype = 'advisory' AND objid = 7413 AND NOT granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@asynccontextmanager
async def no_commits(bench: Bench) -> AsyncIterator[asyncpg.Connection]:
    """As long as this is open nobody can add an access, as with a disk that does not answer."""
    connection = await asyncpg.connect(bench.made.owner_url)
    try:
        await connection.execute("SELECT pg_advisory_lock(7413)")
        yield connection
    finally:
        await connection.close()


async def until_a_commit_waits(connection: asyncpg.Connection) -> None:
    await eventually(
        lambda: connection.fetchval(WAITING), "a commit waits for its turn", holds=bool
    )


async def opened(bench: Bench, client: httpx.AsyncClient) -> str:
    """The address of a plan that is shown in its fifth version."""
    history = History()
    await bench.publish(*short_history(history))
    await shown(client, history.plan_id, 5)
    return f"/v1/plans/{history.plan_id}"


async def test_every_answer_names_its_record_and_the_record_its_bytes(bench: Bench) -> None:
    async with bench.service() as client:
        plan = await opened(bench, client)
        first = await client.get(plan)
        need = first.json()["sections"]["needs"][0]["entry_id"]
        answers = {
            "plan": first,
            "version": await client.get(f"{plan}/versions/2?include=authorship"),
            "versions": await client.get(f"{plan}/versions"),
            "history": await client.get(f"{plan}/history?limit=2"),
            "findings": await client.get(f"{plan}/findings"),
            "diff": await client.get(f"{plan}/diff?from=1"),
            "entry": await client.get(f"{plan}/entries/{need}?version=5"),
            "entry-history": await client.get(f"{plan}/entries/{need}/history"),
        }
        again = await client.get(plan, headers={"If-None-Match": first.headers["etag"]})
        head = await client.head(plan)
    told = {one["record_id"]: one for one in await bench.accesses()}
    for what, answer in answers.items():
        record = told[answer.headers["ledger-access-id"]]
        assert (answer.status_code, record["what"], record["status"]) == (200, what, 200)
        assert record["operation"] == "read"
        assert record["body_sha256"] == sha256(answer.content).hexdigest()
        assert record["body_length"] == len(answer.content)
        assert record["plan_id"] == plan.rpartition("/")[2]
        assert (record["purpose"], record["purpose_of_use"]) == ("direct-care", "TREAT")
        assert record["actor"]["name"] == "Dr A. Quill-Synth"
        assert record["actor"]["organisation"]["ods"] == "ZZG01"
    assert told[first.headers["ledger-access-id"]]["plan_version"] == 5
    assert told[answers["version"].headers["ledger-access-id"]]["plan_version"] == 2
    same = told[again.headers["ledger-access-id"]]
    assert (same["status"], same["body_length"]) == (304, len(first.content))
    assert head.headers["ledger-access-id"] in told


async def test_a_plan_that_is_remembered_is_shown_as_it_stands_with_one_record_each(
    bench: Bench,
) -> None:
    async with bench.service() as client:
        history, other = History(), History()
        events = short_history(history)
        await bench.publish(*events, other.opened())
        await shown(client, history.plan_id, 5)
        plan = f"/v1/plans/{history.plan_id}"
        told = [await client.get(plan) for _ in range(3)]
        versions = [one.json()["plan_version"] for one in told]
        assert (versions, len({one.content for one in told})) == ([5, 5, 5], 1)
        # It moves on by an event of its own, and by another plan that is merged into it.
        await bench.publish(history.event("needs", "reworded", events[-1].entry_id))
        await bench.until_consumed(len(events) + 2)
        told.append(await client.get(plan))
        assert told[-1].json()["plan_version"] == 6
        merged = {"merged_into": str(history.plan_id)}
        await bench.publish(other.event("person", "plan-merged", other.plan_id, "amended", merged))
        await bench.until_consumed(len(events) + 3)
        told += [await client.get(plan) for _ in range(2)]
        for answer in told[-2:]:
            assert answer.json()["merged_from"] == [str(other.plan_id)]
            assert answer.json()["plan_version"] == 6
    ids = {answer.headers["ledger-access-id"] for answer in told}
    kept = [one for one in await bench.accesses() if one["record_id"] in ids]
    assert [one["body_sha256"] for one in kept] == [sha256(one.content).hexdigest() for one in told]
    shown_ = [one for one in await bench.accesses() if one.get("plan_version") == 6]
    assert len(shown_) == 3, "what was not shown has no record"


async def test_a_denial_is_recorded_without_content(bench: Bench) -> None:
    async with bench.service() as client:
        plan = await opened(bench, client)
        other = person("0199c0de-0000-7000-8000-00000000ffff", "Edith Marlow-Synth")
        auditor = professional("ZZA01", "auditor", "Ann Synth")
        answers = [
            await client.get(
                f"{plan}{end}",
                headers={"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"},
            )
            for claims in (other, auditor)
            for end in ("", "/versions", "/versions/1", "/history", "/findings")
        ]
    assert codes(answers) == [(403, "not-permitted")] * 10
    told = {one["record_id"]: one for one in await bench.accesses()}
    for answer in answers:
        record = told[answer.headers["ledger-access-id"]]
        assert (record["operation"], record["decision"]) == ("denial", "deny")
        assert record["code"] == "not-permitted"
        assert not record.keys() & {"body_sha256", "plan_version", "sections"}


async def test_while_nothing_can_be_committed_nothing_is_shown(bench: Bench) -> None:
    async with bench.service(read_seconds=1) as client:
        plan = await opened(bench, client)
        before = len(await bench.accesses())
        async with no_commits(bench):
            answers = await asyncio.gather(
                *(client.get(f"{plan}{end}") for end in ("", "/versions", "/findings"))
            )
            assert codes(answers) == [(503, "unavailable")] * 3
            assert not any(b"Walk" in answer.content for answer in answers)
            assert len(await bench.accesses()) == before
        assert (await client.get(plan)).status_code == 200


async def test_a_commit_that_is_cut_off_is_made_again_before_anything_is_shown(
    bench: Bench,
) -> None:
    async with bench.service() as client:
        plan = await opened(bench, client)
        async with no_commits(bench) as blocker:
            reading = asyncio.create_task(client.get(plan))
            await until_a_commit_waits(blocker)
            await blocker.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND objid = 7413 AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            await until_a_commit_waits(blocker)
            assert not reading.done()
        answer = await reading
        assert answer.status_code == 200
    told = [one["record_id"] for one in await bench.accesses()]
    assert told.count(answer.headers["ledger-access-id"]) == 1


async def test_readers_beyond_the_bound_are_turned_away_and_those_who_go_leave_a_record(
    bench: Bench,
) -> None:
    async with bench.service(queue_limit=2) as client:
        plan = await opened(bench, client)
        before = len(await bench.accesses())
        async with no_commits(bench) as blocker:
            flushing = asyncio.create_task(client.get(plan))
            await until_a_commit_waits(blocker)
            others = [asyncio.create_task(client.get(plan)) for _ in range(5)]
            done, waiting = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 3:
                more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                done |= more
            assert codes([task.result() for task in done]) == [(503, "overloaded")] * 3
            gone = waiting.pop()
            gone.cancel()
        answers = await asyncio.gather(flushing, *waiting)
        assert [answer.status_code for answer in answers] == [200, 200]
    assert len(await bench.accesses()) == before + 3


async def test_many_readers_share_a_commit(bench: Bench) -> None:
    async with bench.service() as client:
        plan = await opened(bench, client)
        before = len(await bench.accesses())
        async with no_commits(bench) as blocker:
            first = asyncio.create_task(client.get(plan))
            await until_a_commit_waits(blocker)
            reading = [asyncio.create_task(client.get(plan)) for _ in range(READERS)]
            # All of them have read the plan when a read that needs no record has come after them.
            for _ in range(3):
                assert codes([await client.get(f"{plan}/versions/99")]) == [
                    (404, "version-unknown")
                ]
        answers = await asyncio.gather(first, *reading)
    told = (await bench.accesses())[before:]
    assert {one["record_id"] for one in told} == {
        answer.headers["ledger-access-id"] for answer in answers
    }
    assert len({one["at"] for one in told}) <= 3


async def test_each_access_is_published_also_after_a_restart(bench: Bench) -> None:
    async with bench.service() as client:
        plan = await opened(bench, client)
        wanted = {(await client.get(plan)).headers["ledger-access-id"] for _ in range(20)}
    async with (
        TopicReader(bench.servers, bench.prefix + AUDIT_RECORDS) as audit,
        bench.service() as client,
    ):
        wanted.add((await client.get(plan)).headers["ledger-access-id"])
        records = await audit.until(
            lambda told: wanted <= {value_of(one)["record_id"] for one in told},
            "every access has come",
        )
    told = {one["record_id"]: one for one in map(value_of, records)}
    record = next(told[access_id] for access_id in wanted)
    assert record["actor"]["name"] == "Dr A. Quill-Synth"
    assert record["recorded_at"]


async def test_who_it_was_can_be_erased_and_nothing_else_changed(bench: Bench) -> None:
    async with bench.service() as client:
        plan = await opened(bench, client)
        access_id = (await client.get(plan)).headers["ledger-access-id"]
    pool = bench.database.pool
    for change in (
        "UPDATE ledger.access_record SET plan_id = NULL",
        "DELETE FROM ledger.access_record",
        "TRUNCATE ledger.access_record",
        f"SELECT ledger.erase_who('{access_id}')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(change)
    holds = """SELECT who_sha256 = sha256('\\x00'::bytea
                   || convert_to(E'careplan-access-who/v1\\n', 'UTF8') || salt || who)
                 FROM ledger.access_record WHERE access_id = $1"""
    assert await pool.fetchval(holds, access_id)
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        assert await owner.fetchval("SELECT ledger.erase_who($1)", access_id)
        assert not await owner.fetchval("SELECT ledger.erase_who($1)", access_id)
    finally:
        await owner.close()
    row = await pool.fetchrow(
        "SELECT who, salt, who_sha256 FROM ledger.access_record WHERE access_id = $1", access_id
    )
    assert (row["who"], row["salt"], len(row["who_sha256"])) == (None, None, 32)
