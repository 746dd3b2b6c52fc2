"""Contributions under contention and in trouble: one receipt each, applied once, nothing lost."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio

from services.goals.section import SECTION as GOALS
from services.person.section import SECTION as PERSON
from shared.chassis.contribute.contribute import Contributions
from shared.chassis.database.database import Database
from shared.chassis.kafka.event_message import header
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.section_app import create_app
from shared.chassis.store import event_store
from shared.chassis.store.event_store import EventStore
from shared.chassis.store.rows import appends
from shared.ledger import (
    Authentication,
    Claim,
    Contribution,
    Contributor,
    Organisation,
    SourceSystem,
)
from shared.ledger.topics import events_topic, receipts_topic
from shared.testing.events import History, headers_of, value_of
from shared.testing.eventually import eventually
from shared.testing.people import somebody
from shared.testing.service import Bench, Door, bench_of, contribution, works_for
from shared.testing.topic_reader import value_of as json_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

AGREE = "careplan.goals.commands.agree.v1"
REWORD = "careplan.goals.commands.reword.v1"
SET_ASIDE = "careplan.goals.commands.set-aside.v1"
RESUME = "careplan.goals.commands.resume.v1"
OPEN = "careplan.person.commands.open-plan.v1"
END = "careplan.person.commands.end-plan.v1"
REOPEN = "careplan.person.commands.reopen-plan.v1"
GOAL = {
    "aim": {"text": "Walk to the shop"},
    "need_ids": [{"section": "needs", "entry_id": str(UUID(int=1))}],
}
NURSE = works_for("ZZC01")
GP = works_for("ZZG01", role="gp")
SYSTEM = Contributor(kind="system", sub="a-system", name="EPR", organisation=Organisation("ZZC01"))
SAID = {"stated_by": {"kind": "person"}}

Answered = TypeVar("Answered")


@dataclass(frozen=True)
class Running:
    """A section that runs in this process."""

    bench: Bench
    door: Door

    async def publish(self, history: History, name: str, change: str = "amended") -> None:
        """Put an event of the plan's Person on the topic that the section's copy is fed from."""
        if name == "plan-opened":
            event = history.opened()
        else:
            content = {"merged_into": str(uuid4())} if name == "plan-merged" else {}
            event = history.event("person", name, history.plan_id, change, content)
        await self.bench.producer.send_and_wait(
            self.bench.topic(events_topic("person")),
            value_of(event),
            str(history.plan_id).encode(),
            headers=headers_of(event),
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def goals_bench(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("contributions-goals")
    async with bench_of(GOALS, postgres_url, kafka_servers, folder) as bench:
        yield bench


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def goals(goals_bench: Bench) -> AsyncIterator[Running]:
    async with goals_bench.running() as door:
        yield Running(goals_bench, door)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def person(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("contributions-person")
    async with AsyncExitStack() as opened:
        bench = await opened.enter_async_context(
            bench_of(PERSON, postgres_url, kafka_servers, folder)
        )
        yield Running(bench, await opened.enter_async_context(bench.running()))


@asynccontextmanager
async def contributions_of(bench: Bench) -> AsyncIterator[Contributions]:
    """The use case itself, without a door."""
    settings = bench.settings()
    async with Database(settings.database_url) as database, appends(database.url) as commits:
        store = EventStore(database, commits, bench.section)
        plan_states = PlanStates(database, wait_seconds=settings.copy_wait_seconds)
        yield Contributions(bench.section, store, plan_states, settings)


async def side_by_side(doing: Iterable[Awaitable[Answered]], at_once: int = 200) -> list[Answered]:
    """All of it, so many at once, answered in order."""
    limit = asyncio.Semaphore(at_once)

    async def one(awaited: Awaitable[Answered]) -> Answered:
        async with limit:
            return await awaited

    return list(await asyncio.gather(*(one(awaited) for awaited in doing)))


async def agreed(running: Running, plan_id: UUID) -> str:
    """The id of a new goal."""
    answer = await running.door.contribute(contribution(AGREE, GOAL, plan_id), NURSE)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["entry_id"])


async def a_plan(running: Running) -> UUID:
    """A plan that the section knows to be open."""
    plan_id = uuid4()
    await running.bench.know_plans([plan_id])
    return plan_id


# What is known of plans: first of all here, while one replica alone reads every partition


async def test_a_plan_not_yet_heard_of_is_taken_later_under_the_same_id(goals: Running) -> None:
    history = History()
    given = contribution(AGREE, GOAL, history.plan_id)
    told = (await goals.door.contribute(given, NURSE)).json()
    assert (told["code"], told["retryable"]) == ("plan-unknown", True)
    await goals.publish(history, "plan-opened")
    answer = await goals.door.contribute(given, NURSE)
    assert answer.status_code == 201, answer.text
    # And one that asks a moment too early is kept waiting, not refused.
    other = History()
    asking = asyncio.create_task(
        goals.door.contribute(contribution(AGREE, GOAL, other.plan_id), NURSE)
    )
    await asyncio.sleep(0.2)
    await goals.publish(other, "plan-opened")
    assert (await asking).status_code == 201


async def test_a_plan_takes_contributions_while_it_is_open(goals: Running) -> None:
    history = History()

    async def state(wanted: str) -> None:
        await eventually(
            lambda: goals.bench.pool.fetchval(
                "SELECT state FROM plan_state WHERE plan_id = $1", history.plan_id
            ),
            wanted,
            holds=lambda found: found == wanted,
        )

    async def asked() -> tuple[int, str | None]:
        answer = await goals.door.contribute(contribution(AGREE, GOAL, history.plan_id), NURSE)
        return answer.status_code, answer.json().get("code")

    for name, wanted in (
        ("plan-opened", "open"),
        ("plan-ended", "ended"),
        ("plan-reopened", "open"),
        ("plan-merged", "merged"),
        ("plan-unmerged", "open"),
    ):
        await goals.publish(history, name)
        await state(wanted)
        assert await asked() == ((201, None) if wanted == "open" else (409, "plan-not-open"))
    # What comes a second time, or late, changes nothing.
    late = History(history.plan_id)
    await goals.publish(late, "plan-opened")
    await goals.publish(late, "plan-ended")
    unheard = History()
    await goals.publish(unheard, "plan-opened")
    await goals.bench.producer.send_and_wait(
        goals.bench.topic(events_topic("person")), b"no event", str(history.plan_id).encode()
    )
    await goals.publish(history, "demographics-corrected")
    after = History()
    await goals.publish(after, "plan-opened")
    answer = await goals.door.contribute(contribution(AGREE, GOAL, after.plan_id), NURSE)
    assert answer.status_code == 201
    await state("open")
    assert await asked() == (201, None)
    assert await goals.bench.pool.fetchval(
        "SELECT count(*) FROM outgoing WHERE topic LIKE '%.dead-letters.v1'"
    ) == 1  # fmt: skip
    assert await goals.door.not_ready() == []


# Many at once


async def test_of_two_hundred_contributors_one_wins_each_version(goals: Running) -> None:
    plan_id = await a_plan(goals)
    entry_id = await agreed(goals, plan_id)
    contributors = [works_for(f"ZZ{n:03}", sub=f"contributor-{n}") for n in range(200)]
    for version in (1, 2, 3):
        given = [
            contribution(REWORD, {"why": f"{n}"}, plan_id, entry_id=entry_id, based_on=version)
            for n in range(200)
        ]
        answers = await side_by_side(
            (goals.door.contribute(*both) for both in zip(given, contributors, strict=True)),
            at_once=200,
        )
        assert Counter(answer.status_code for answer in answers) == {201: 1, 412: 199}
        won = next(n for n, answer in enumerate(answers) if answer.status_code == 201)
        for n, answer in enumerate(answers):
            if n == won:
                receipt = answer.json()
            else:
                receipt = answer.json()["receipt"]
                assert receipt["changed_since"][0]["by"]["organisation"] == {"ods": f"ZZ{won:03}"}
                assert [one["entry_version"] for one in receipt["changed_since"]] == [version + 1]
            assert receipt["entry_version"] == version + 1
            assert receipt["contribution_id"] == given[n]["contribution_id"]
        kept = await goals.bench.pool.fetchval(
            "SELECT count(*) FROM receipt WHERE contribution_id = ANY($1::uuid[])",
            [one["contribution_id"] for one in given],
        )
        assert kept == 200
    versions = await goals.bench.pool.fetch(
        "SELECT originator_version FROM stored_events WHERE originator_id = $1 ORDER BY 1",
        UUID(entry_id),
    )
    assert [row[0] for row in versions] == [1, 2, 3, 4]


async def test_the_same_from_many_at_once_is_one_contribution(goals: Running) -> None:
    plan_id = await a_plan(goals)
    given = contribution(AGREE, GOAL, plan_id)
    answers = await side_by_side(goals.door.contribute(given, NURSE) for _ in range(60))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 59}
    assert len({answer.text for answer in answers}) == 1
    refused = contribution(AGREE, {**GOAL, "need_ids": []}, plan_id)
    answers = await side_by_side(goals.door.contribute(refused, NURSE) for _ in range(60))
    assert Counter(answer.status_code for answer in answers) == {409: 1, 200: 59}
    others = [{**given, "contribution_id": str(uuid4()), "entry_id": str(uuid4())}] * 30
    others = [dict(one, content={**GOAL, "why": f"{n % 10}"}) for n, one in enumerate(others)]
    answers = await side_by_side(goals.door.contribute(one, NURSE) for one in others)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 2, 409: 27}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"contribution-id-reused"}


async def test_a_group_commit_leaves_the_neighbours_of_a_no_unharmed(goals: Running) -> None:
    plan_id = await a_plan(goals)
    entry_id = await agreed(goals, plan_id)
    stale = await agreed(goals, plan_id)
    change = contribution(REWORD, {"why": "x"}, plan_id, entry_id=stale, based_on=1)
    assert (await goals.door.contribute(change, NURSE)).status_code == 201
    expected: list[tuple[dict[str, Any], int]] = []
    for n in range(40):
        expected += [
            (contribution(AGREE, GOAL, plan_id), 201),
            (contribution(AGREE, {**GOAL, "need_ids": []}, plan_id), 409),
            (contribution(REWORD, {"why": "y"}, plan_id, entry_id=stale, based_on=1), 412),
            (contribution(AGREE, GOAL, plan_id, entry_id=entry_id), 409),
            (change, 200),
            ({**change, "content": {"why": f"{n}"}}, 409),
            (contribution(AGREE, {"aim": 1}, plan_id), 422),
        ]
    answers = await side_by_side((goals.door.contribute(given, NURSE) for given, _ in expected))
    assert [answer.status_code for answer in answers] == [status for _, status in expected]


# Two replicas


async def test_what_another_replica_has_done_is_seen_before_a_no(goals: Running) -> None:
    plan_id = await a_plan(goals)
    entry_id = await agreed(goals, plan_id)
    async with goals.bench.running("two") as other:
        aside = contribution(SET_ASIDE, {"reason": "x"}, plan_id, entry_id=entry_id, based_on=1)
        assert (await other.contribute(aside, NURSE)).status_code == 201
        # The first replica still holds version 1, which was not set aside.
        resume = contribution(RESUME, {}, plan_id, entry_id=entry_id, based_on=2)
        answer = await goals.door.contribute(resume, NURSE)
        assert answer.status_code == 201, answer.text
        # The second holds version 2, which was.
        word = contribution(REWORD, {"why": "x"}, plan_id, entry_id=entry_id, based_on=3)
        answer = await other.contribute(word, NURSE)
        assert answer.status_code == 201, answer.text
        # The first holds version 3: whoever is based on that is stale, whatever a rule would say.
        not_aside = contribution(RESUME, {}, plan_id, entry_id=entry_id, based_on=3)
        answer = await goals.door.contribute(not_aside, NURSE)
        assert answer.status_code == 412, answer.text
        assert answer.json()["receipt"]["entry_version"] == 4
        # And with nothing to do, neither of them does anything.
        commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        before = await goals.bench.pool.fetchval(commits)
        await asyncio.sleep(2)
        assert await goals.bench.pool.fetchval(commits) - before < 100


@pytest.mark.timeout(150)
async def test_a_thousand_sent_twice_to_two_replicas_by_both_doors(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("two-replicas")
    plans = [uuid4() for _ in range(100)]
    given = [contribution(AGREE, GOAL, plans[n % 100], provenance=SAID) for n in range(1000)]
    for refused in given[::10]:
        refused["content"] = {**GOAL, "aim": {"text": " "}}
    async with AsyncExitStack() as opened:
        bench = await opened.enter_async_context(
            bench_of(GOALS, postgres_url, kafka_servers, folder)
        )
        await bench.know_plans(plans)
        one, two = await asyncio.gather(
            *(
                opened.enter_async_context(bench.in_a_process(instance))
                for instance in ("one", "two")
            )
        )
        by_kafka = asyncio.gather(*(bench.command(item, "ZZC01") for item in given))
        answers = await asyncio.gather(
            *(
                replica.door.contribute({"contributions": given[start : start + 50]}, SYSTEM)
                for start, replica in zip(range(0, 1000, 50), [one, two] * 10, strict=True)
            )
        )
        await by_kafka
        told = {
            receipt["contribution_id"]: receipt
            for answer in answers
            for receipt in answer.json()["receipts"]
        }
        assert Counter(receipt["outcome"] for receipt in told.values()) == {
            "accepted": 900,
            "refused": 100,
        }
        receipts = await opened.enter_async_context(bench.reader(receipts_topic("zzc01")))
        for record in await receipts.count(1000, "receipts"):
            receipt = json_of(record)
            assert receipt == told[receipt["contribution_id"]]
        assert {header(r, "ce_causationid") for r in receipts.records} == set(told)
        events = await opened.enter_async_context(bench.events)
        records = await events.count(900, "events")
        positions = [int(header(record, "ce_position") or 0) for record in records]
        assert sorted(set(positions)) == list(range(1, 901))
        rows = await bench.rows()
        assert (rows["stored_events"], rows["receipt"]) == (900, 1000)
        once = "SELECT count(DISTINCT encode(leaf_hash, 'hex')) FROM stored_events"
        assert await bench.pool.fetchval(once) == 900


# What is kept with a contribution for the audit


async def test_how_the_contributor_was_authenticated_is_kept_and_told_to_the_audit_alone(
    goals: Running,
) -> None:
    plan_id = await a_plan(goals)
    by = replace(NURSE, authentication=Authentication(jti="a-token", acr="aal3"))
    claims = {"jti": "a-token", "acr": "aal3"}
    taken, refused = uuid4(), uuid4()
    async with contributions_of(goals.bench) as contributions:
        for contribution_id, needs in ((taken, GOAL["need_ids"]), (refused, [])):
            given = Contribution(
                contribution_id, AGREE, plan_id, content={**GOAL, "need_ids": needs}
            )
            answer = await contributions.receive(given, by)
            assert b"a-token" not in orjson.dumps(answer.receipt)
        elsewhere = Contribution(uuid4(), AGREE, uuid4(), content=GOAL)
        assert (await contributions.receive(elsewhere, by, wait=False)).kept is False
    kept = await goals.bench.pool.fetch(
        "SELECT authn, policy_version, NULL AS command FROM receipt WHERE contribution_id = ANY($1)"
        " UNION ALL SELECT authn, policy_version, command FROM stored_events"
        " WHERE convert_from(state, 'utf8') LIKE $2",
        [taken, refused],
        f"%{taken}%",
    )
    assert [(orjson.loads(row["authn"]), row["policy_version"]) for row in kept] == [
        (claims, POLICY_VERSION)
    ] * 3
    assert Counter(row["command"] for row in kept) == {None: 2, AGREE: 1}
    recorded = await goals.bench.pool.fetch(
        "SELECT value FROM outgoing WHERE topic LIKE $1 AND key = ANY($2)",
        "%careplan.audit.records.v1",
        [str(plan_id).encode(), str(elsewhere.plan_id).encode()],
    )
    records = [orjson.loads(row["value"]) for row in recorded]
    assert {one["code"] for one in records} == {"goal-needs-a-need", "plan-unknown"}
    assert len(records) == 2
    for one in records:
        assert (one["authn"], one["policy_version"]) == (claims, POLICY_VERSION)
        assert one["command"] == AGREE


async def test_each_refusal_that_differs_in_sender_content_or_code_has_a_record(
    goals: Running,
) -> None:
    """Kind: a record whose id is that of another thing that happened is dropped as a repeat."""
    plan_id, unheard = await a_plan(goals), uuid4()
    colleague = works_for("ZZC01", sub="a-colleague")
    wrong = Contribution(
        uuid4(),
        AGREE,
        plan_id,
        content={**GOAL, "need_ids": []},
        provenance=Claim(reason="asked", system=SourceSystem("EPR")),
    )
    other = replace(wrong, content={**GOAL, "why": "other"})
    too_soon = replace(wrong, contribution_id=uuid4(), plan_id=unheard)
    refused: list[tuple[str, str | None]] = []
    async with contributions_of(goals.bench) as contributions:

        async def ask(given: Contribution, by: Contributor) -> None:
            reply = await contributions.receive(given, by, wait=False)
            if not reply.repeated:
                refused.append((str(given.contribution_id), reply.code))

        for _ in range(2):  # what comes again is the same refusal
            await ask(wrong, NURSE)
            await ask(wrong, works_for("ZZH01"))
            again = await contributions.receive(wrong, colleague, wait=False)
            assert (again.repeated, again.code) == (True, "goal-needs-a-need")
            refused.append((str(wrong.contribution_id), again.code))
            await ask(other, NURSE)
            await ask(other, colleague)
            await ask(too_soon, NURSE)
            await ask(too_soon, colleague)
        await goals.bench.know_plans([unheard])
        await ask(too_soon, NURSE)
    rows = await goals.bench.pool.fetch(
        "SELECT value FROM outgoing WHERE topic LIKE '%careplan.audit.records.v1'"
        " AND key = ANY($1) ORDER BY position",
        [str(plan_id).encode(), str(unheard).encode()],
    )
    records = [orjson.loads(row["value"]) for row in rows]
    assert [(one["contribution_id"], one["code"]) for one in records] == refused
    different = {one["record_id"]: (one["contribution_id"], one["code"]) for one in records}
    assert Counter(different.values()) == {
        (str(wrong.contribution_id), "goal-needs-a-need"): 2,
        (str(wrong.contribution_id), "contribution-id-reused"): 3,
        (str(too_soon.contribution_id), "plan-unknown"): 2,
        (str(too_soon.contribution_id), "goal-needs-a-need"): 1,
    }
    first = records[0]
    assert first["reason"] == "asked"
    assert first["fields"] == ["aim", "need_ids"]
    assert first["system"] == {"name": "EPR"}
    assert first["stated_by"]["role"] == "nurse"
    assert first["supported_by"] is None


async def test_an_entry_that_would_grow_too_large_is_a_problem_also_when_validated(
    goals: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "MAX_EVENT_BYTES", 1_000)
    large = contribution(AGREE, {**GOAL, "why": "x" * 2_000}, await a_plan(goals))
    for answer in (
        await goals.door.contribute(large, NURSE),
        await goals.door.validate(large, NURSE),
    ):
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


# Plans


async def test_of_those_who_open_a_plan_for_one_person_one_wins(person: Running) -> None:
    content = somebody(1).opening()
    plans = [uuid4() for _ in range(21)]
    given = [contribution(OPEN, content, plan_id) for plan_id in plans]
    by_kafka = {**given.pop(), "provenance": {"stated_by": {"kind": "professional", "role": "gp"}}}
    unnamed = {key: given[0][key] for key in given[0] if key != "plan_id"}
    given[0] = unnamed
    async with person.bench.reader(receipts_topic("zzg01")) as receipts:
        sending = asyncio.create_task(person.bench.command(by_kafka, "ZZG01"))
        answers = await side_by_side(person.door.contribute(one, GP) for one in given)
        await sending
        (by_kafka_told,) = await receipts.about(by_kafka["contribution_id"])
    told = [*(answer.json() for answer in answers), by_kafka_told]
    won = [one for one in told if one.get("outcome") == "accepted"]
    assert len(won) == 1
    assert won[0]["entry_id"] == won[0]["plan_id"]
    for answer, one in zip(answers, given, strict=True):
        if answer.status_code == 201:
            continue
        refused = answer.json()
        assert (answer.status_code, refused["code"]) == (409, "plan-already-open")
        assert refused["existing_plan_id"] == won[0]["plan_id"]
        assert refused["receipt"]["existing_plan_id"] == won[0]["plan_id"]
        assert refused["receipt"]["plan_id"] == one.get("plan_id")
    if by_kafka_told["outcome"] == "refused":
        assert by_kafka_told["existing_plan_id"] == won[0]["plan_id"]
        assert by_kafka_told["plan_id"] == by_kafka["plan_id"]


async def test_a_plan_id_is_chosen_once(person: Running) -> None:
    plan_id = uuid4()
    given = [contribution(OPEN, somebody(n).opening(), plan_id) for n in (11, 12, 13, 14)]
    answers = await side_by_side(person.door.contribute(one, GP) for one in given)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {one["code"] for one in refused} == {"entry-already-exists"}
    assert {one["receipt"]["plan_id"] for one in refused} == {str(plan_id)}
    # What the losers would have held, nobody holds.
    lost = answers.index(next(answer for answer in answers if answer.status_code == 409))
    again = contribution(OPEN, given[lost]["content"], uuid4())
    assert (await person.door.contribute(again, GP)).status_code == 201


async def test_an_ended_plan_gives_the_person_free_for_another(person: Running) -> None:
    content = somebody(21).opening()
    first, second = uuid4(), uuid4()

    async def ask(command: str, content: Any, plan_id: UUID, based_on: int | None) -> Any:
        given = contribution(command, content, plan_id, based_on=based_on)
        answer = await person.door.contribute(given, GP)
        body = answer.json()
        return answer.status_code, body.get("code"), body.get("existing_plan_id")

    assert (await ask(OPEN, content, first, None))[0] == 201
    assert await ask(OPEN, content, second, None) == (409, "plan-already-open", str(first))
    assert (await ask(END, {"reason": "moved away"}, first, 1))[0] == 201
    assert (await ask(OPEN, content, second, None))[0] == 201
    assert await ask(REOPEN, {"reason": "back"}, first, 2) == (
        409,
        "plan-already-open",
        str(second),
    )
    assert (await ask(END, {"reason": "moved away"}, second, 1))[0] == 201
    assert (await ask(REOPEN, {"reason": "back"}, first, 2))[0] == 201
    assert await ask(REOPEN, {"reason": "back"}, second, 2) == (
        409,
        "plan-already-open",
        str(first),
    )


# Trouble


async def test_when_too_much_is_waiting_it_says_so_and_nothing_is_lost(goals: Running) -> None:
    plan_id = await a_plan(goals)
    given = [contribution(AGREE, GOAL, plan_id) for _ in range(150)]
    async with goals.bench.running("two", queue_limit=2) as narrow:
        answers = await side_by_side(narrow.contribute(item, NURSE) for item in given)
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {201, 503}
        turned_away = [answer for answer in answers if answer.status_code == 503]
        for answer in turned_away:
            assert (answer.json()["code"], answer.json()["retryable"]) == ("overloaded", True)
            assert answer.headers["retry-after"] == "1"
            assert "receipt" not in answer.json()
        batch = {"contributions": given[:100]}
        receipts = (await narrow.contribute(batch, NURSE)).json()["receipts"]
        assert {one.get("outcome") or one["code"] for one in receipts} <= {
            "accepted",
            "overloaded",
        }
    again = await side_by_side(goals.door.contribute(item, NURSE) for item in given)
    assert {answer.json()["outcome"] for answer in again} == {"accepted"}
    by_id = {answer.json()["contribution_id"]: answer.json() for answer in again}
    for answer in answers:
        if answer.status_code == 201:
            assert answer.json() == by_id[answer.json()["contribution_id"]]


async def test_while_the_database_is_cut_off_answers_are_missing_and_not_wrong(
    goals: Running,
) -> None:
    plan_id = await a_plan(goals)
    given = [contribution(AGREE, GOAL, plan_id) for _ in range(300)]
    answers: list[httpx.Response] = []
    cuts, began = 0, monotonic()
    for start in range(0, 300, 50):
        batch = given[start : start + 50]
        asking = asyncio.create_task(
            side_by_side(goals.door.contribute(item, NURSE) for item in batch)
        )
        asking_at_once = asyncio.create_task(goals.door.contribute({"contributions": batch}, NURSE))
        for _ in range(4):
            await asyncio.sleep(0.02)
            cuts += await goals.bench.pool.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_database()"
            )
        answers += await asking
        for one in (await asking_at_once).json()["receipts"]:
            assert one.get("outcome") == "accepted" or one["code"] == "unavailable", one
    assert cuts > 10
    assert monotonic() - began < 50
    assert {answer.status_code for answer in answers} <= {200, 201, 503}
    for answer in answers:
        assert answer.status_code != 503 or answer.json()["code"] == "unavailable"
    again = await side_by_side(goals.door.contribute(item, NURSE) for item in given)
    assert {answer.json().get("outcome") for answer in again} == {"accepted"}
    for first, second in zip(answers, again, strict=True):
        if first.status_code != 503:
            assert first.json() == second.json()
    await goals.door.until_ready()


async def test_a_broker_that_says_nothing_holds_up_neither_contributions_nor_the_end(
    goals: Running,
) -> None:
    plan_id = await a_plan(goals)
    silent = socket.create_server(("127.0.0.1", 0))
    address = "{}:{}".format(*silent.getsockname())
    app = create_app(GOALS, goals.bench.settings("silent", kafka_servers=address))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://silent") as client,
    ):
        door = replace(goals.door, client=client)
        answer = await door.contribute(contribution(AGREE, GOAL, plan_id), NURSE)
        assert answer.status_code == 201
        assert {"commands", "plan_states"} <= set(await door.not_ready())
        assert (await client.get("/readyz")).status_code == 200
        began = monotonic()
    silent.close()
    assert monotonic() - began < 15


async def test_in_the_end_positions_are_contiguous_and_every_event_is_published_once(
    goals: Running,
) -> None:
    rows = await goals.bench.pool.fetch(
        "SELECT notification_id, recorded_at FROM stored_events ORDER BY notification_id"
    )
    assert [row["notification_id"] for row in rows] == list(range(1, len(rows) + 1))
    times = [row["recorded_at"] for row in rows]
    assert times == sorted(times)
    async with goals.bench.events as events:
        records = await events.until(
            lambda records: len({header(r, "ce_position") for r in records}) >= len(rows),
            f"{len(rows)} events",
        )
    by_partition: dict[int, list[int]] = {}
    for record in records:
        position = int(header(record, "ce_position") or 0)
        held = by_partition.setdefault(record.partition, [])
        if position not in held:  # a window that was cut off may come again
            held.append(position)
    for positions in by_partition.values():
        assert positions == sorted(positions)
    assert sum(len(positions) for positions in by_partition.values()) == len(rows)
