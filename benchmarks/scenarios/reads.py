"""The plan's HTTP door: the current plan, a past version, the history."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import httpx
import orjson
from uuid_utils.compat import uuid7

from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.load import Load, apply_from_elsewhere
from benchmarks.measuring.measure import Sample, must_be
from benchmarks.measuring.processor import Processes
from benchmarks.scenarios.append import Scenario
from benchmarks.scenarios.doors import WARM_UP, in_a_process, measured
from benchmarks.scenarios.plan_events import (
    EVENTS_OF_A_PLAN,
    Message,
    fresh_plan,
    history,
    message,
    publish,
    said,
)
from benchmarks.scenarios.subject import NURSE
from deploy.local.servers.kafka import free_port
from shared.testing.events import History
from shared.testing.eventually import eventually
from shared.testing.stack import TestDatabase
from shared.testing.tokens import ISS, TestIssuer

_PLANS = 2_000
_EVENTS_TO_MULTIPLY = 4_000
_ALL_IS_PUBLISHED = """
    SELECT position = (SELECT max(feed) FROM ledger.plan_ledger) FROM relay_mark
     WHERE stream = 'changes'
"""
_BOTH = ("plan_id", "entry_id")


@dataclass(frozen=True)
class _Read:
    """Paths in turn, how many ask at once, and what the plan service has folded before.

    With ``every_plan`` all plans are read in turn, so that the next is rarely one read lately.
    """

    paths: list[str]
    in_flight: int
    messages: list[Message]
    multiplied: int = 1
    every_plan: bool = False


def current_plan(past: int = 0) -> Scenario:
    """A reader of the current plan, one at a time, of a model with such a past."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        messages = history(_EVENTS_TO_MULTIPLY)
        times = max(past // _EVENTS_TO_MULTIPLY, 1)
        read = _Read([f"/v1/plans/{messages[0][1].decode()}"], 1, messages, times)
        return await _measured(servers, seconds, read, {"plan_version": EVENTS_OF_A_PLAN})

    return scenario


def current_plans(in_flight: int, *, every_plan: bool = False) -> Scenario:
    """Readers of the current plan, so many at once, where there are 2,000: of one, or of each."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        messages = history(_EVENTS_TO_MULTIPLY)
        times = _PLANS * EVENTS_OF_A_PLAN // _EVENTS_TO_MULTIPLY
        path = f"/v1/plans/{messages[0][1].decode()}"
        read = _Read([path], in_flight, messages, times, every_plan)
        return await _measured(servers, seconds, read, {"plan_version": EVENTS_OF_A_PLAN})

    return scenario


def past_version(versions: int, in_flight: int = 16) -> Scenario:
    """Readers of one version in the middle of plans that have so many."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        asked = versions // 2
        read = _of_long_plans(versions, f"versions/{asked}", in_flight)
        return await _measured(servers, seconds, read, {"plan_version": asked})

    return scenario


def history_of(versions: int, in_flight: int = 16) -> Scenario:
    """Readers of histories of so many versions."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        read = _of_long_plans(versions, f"history?limit={versions}", in_flight)
        return await _measured(servers, seconds, read, {})

    return scenario


def _of_long_plans(versions: int, of_each: str, in_flight: int) -> _Read:
    """The same of each of some plans in turn: those who ask at once ask of different ones."""
    paths: list[str] = []
    messages: list[Message] = []
    for _ in range(in_flight + 4):
        long = History(uuid7())
        entries = [("goals", uuid7()) for _ in range(8)]
        events = [long.opened()]
        events += [said(long, *entries[number % len(entries)]) for number in range(versions - 1)]
        messages += [message(event) for event in events]
        paths.append(f"/v1/plans/{long.plan_id}/{of_each}")
    return _Read(paths, in_flight, messages)


async def _measured(
    servers: Servers, seconds: float, read: _Read, shown: Mapping[str, object]
) -> Sample:
    async with _door(servers, read, seconds) as (load, processes):
        url = f"http://127.0.0.1:{load.port}{load.path}"
        async with httpx.AsyncClient(trust_env=False, headers=load.headers) as client:
            answer = await client.get(url)
        must_be("status", answer.status_code, 200)
        told = answer.json()
        for name, value in shown.items():
            must_be(name, told[name], value)
        await apply_from_elsewhere(replace(load, seconds=WARM_UP))
        return await measured(load, processes)


@asynccontextmanager
async def _door(
    servers: Servers, read: _Read, seconds: float
) -> AsyncIterator[tuple[Load, Processes]]:
    """A plan service in a process of its own that has folded all of it."""
    async with fresh_plan(servers) as (settings, made):
        await publish(settings, read.messages)
        with TemporaryDirectory() as folder:
            issuer = TestIssuer(Path(folder))
            port = free_port()
            more = {"database_url": made.url, "issuer": ISS, "jwks": str(issuer.jwks), "port": port}
            told = settings.model_copy(update=more).model_dump(exclude_unset=True)
            environment = {f"CAREPLAN_{name.upper()}": str(value) for name, value in told.items()}
            async with in_a_process("shared.chassis.run", "plan", **environment) as pid:
                await _until(made, "SELECT sum(version) = $1 FROM plan", len(read.messages))
                if read.multiplied > 1:
                    await _multiply(made, read.multiplied)
                    await servers.checkpoint()
                await _relate(made)
                # What the relay has before it would count as work of the readers.
                await _until(made, _ALL_IS_PUBLISHED)
                load = Load(
                    port=port,
                    method="GET",
                    path=read.paths[0],
                    headers=issuer.bearer(NURSE),
                    in_flight=read.in_flight,
                    seconds=seconds,
                    status=200,
                    paths=await _paths(made) if read.every_plan else read.paths,
                )
                yield load, Processes({"plan": pid, **servers.pids})


async def _multiply(made: TestDatabase, times: int) -> None:
    """Other plans of the same length, until there are so many times as many."""
    connection = await asyncpg.connect(made.owner_url)
    try:
        # A document is copied as it is: what is read of the others is only that they are there.
        for table, ids in (("plan", ["plan_id"]), ("ledger.plan_ledger", _BOTH)):
            columns = await connection.fetch(
                "SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::text::regclass"
                " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                table,
            )
            copied = ", ".join(
                f"md5({name} || '/' || n)::uuid"
                if name in ids
                else "feed + (n - 1) * (max(feed) OVER ())"
                if name == "feed"
                else f'"{name}"'
                for name in (row["name"] for row in columns)
            )
            await connection.execute(
                f"INSERT INTO {table} SELECT {copied} FROM {table}, generate_series(2, $1) n",  # noqa: S608 - names of ours
                times,
            )
        await connection.execute("ANALYZE")
        must_be("plans", await connection.fetchval("SELECT count(*) % $1 FROM plan", times), 0)
    finally:
        await connection.close()


async def _relate(made: TestDatabase) -> None:
    """A relationship with each plan for whoever reads, as if the care team had told of it."""
    leaves = {
        "organisation": [1, NURSE.organisation.code if NURSE.organisation else None],
        "kind": [1, "caseload"],
        "live_from": [1, "2026-01-01T00:00:00Z"],
    }
    connection = await asyncpg.connect(made.owner_url)
    try:
        await connection.execute(
            "INSERT INTO access_entry (entry_id, plan_id, kind, leaves)"
            " SELECT gen_random_uuid(), plan_id, 'relationship', $1 FROM plan",
            orjson.dumps(leaves),
        )
    finally:
        await connection.close()


async def _paths(made: TestDatabase) -> list[str]:
    """Of every plan."""
    connection = await asyncpg.connect(made.owner_url)
    try:
        rows = await connection.fetch("SELECT plan_id FROM plan ORDER BY plan_id")
    finally:
        await connection.close()
    must_be("plans", len(rows), _PLANS)
    return [f"/v1/plans/{row['plan_id']}" for row in rows]


async def _until(made: TestDatabase, holds: str, *arguments: int) -> None:
    connection = await asyncpg.connect(made.owner_url)
    try:

        async def found() -> bool:
            return bool(await connection.fetchval(holds, *arguments))

        await eventually(found, holds, within=120, holds=bool)
    finally:
        await connection.close()
