"""The HTTP doors: a command to its receipt, and the same framework with nothing to do."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import orjson

from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.load import PLACE, Load, apply_from_elsewhere
from benchmarks.measuring.measure import Sample, must_be
from benchmarks.measuring.processor import Processes, Used
from benchmarks.scenarios.append import Scenario
from benchmarks.scenarios.subject import NURSE
from deploy.local.servers.kafka import free_port
from services.goals.section import SECTION
from shared.testing.eventually import eventually
from shared.testing.service import bench_of
from shared.testing.tokens import TestIssuer

PLANS = 2_000
WARM_UP = 1.0  # shapes are made, and tokens seen, the first time
_ROOT = Path(__file__).parents[2]


def command_to_receipt(in_flight: int) -> Scenario:
    """A section in a process of its own: token, content, rules, commit, receipt."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        plans = [uuid4() for _ in range(PLANS)]
        with TemporaryDirectory() as made:
            async with (
                bench_of(SECTION, servers.postgres_url, servers.kafka_servers, Path(made)) as bench,
                bench.in_a_process() as process,
            ):
                await bench.know_plans(plans)
                load = contributing(process.door.url, bench.issuer, plans, in_flight, seconds)
                first = await warmed_up(load)
                sample = await measured(load, Processes({"goals": process.pid, **servers.pids}))
                rows = await bench.rows()
        must_be("events stored", rows["stored_events"], first + sample.count)
        must_be("receipts kept", rows["receipt"], first + sample.count)
        return sample

    return scenario


def constant(in_flight: int, method: str = "POST") -> Scenario:
    """The same framework and server, answering a constant to the same request."""

    async def scenario(servers: Servers, seconds: float) -> Sample:  # noqa: ARG001 - needs none
        port = free_port()
        path, status = {"POST": ("contributions", 201), "GET": (f"plans/{uuid4()}", 200)}[method]
        async with in_a_process("benchmarks.scenarios.constant_app", str(port)) as pid:
            await until_listening(port)
            load = Load(
                port=port,
                method=method,
                path=f"/v1/{path}",
                headers={"Content-Type": "application/json", "Authorization": "Bearer none"},
                in_flight=in_flight,
                seconds=seconds,
                status=status,
                bodies=[_contribution(uuid4())] if method == "POST" else [],
            )
            await apply_from_elsewhere(replace(load, seconds=WARM_UP))
            return await measured(load, Processes({"constant": pid}))

    return scenario


def contributing(
    url: str, issuer: TestIssuer, plans: Sequence[UUID], in_flight: int, seconds: float
) -> Load:
    """New goals for these plans in turn, by one professional."""
    return Load(
        port=int(url.rpartition(":")[2]),
        method="POST",
        path="/v1/contributions",
        headers={"Content-Type": "application/json", **issuer.bearer(NURSE)},
        in_flight=in_flight,
        seconds=seconds,
        status=201,
        bodies=[_contribution(plan) for plan in plans],
    )


async def warmed_up(load: Load) -> int:
    """Each body sent once at least, so that each plan has been met; how many were sent."""
    sent = 0
    while sent < len(load.bodies):
        turned = [*load.bodies[sent:], *load.bodies[:sent]]
        sent += (await apply_from_elsewhere(replace(load, bodies=turned, seconds=WARM_UP))).count
    return sent


async def measured(load: Load, processes: Processes) -> Sample:
    """The sample of a load, with what one request cost each process."""
    used = Used(processes)
    sample = await apply_from_elsewhere(load)
    told = used.microseconds(sample.count)
    return replace(sample, processor_us={**sample.processor_us, **told})


@asynccontextmanager
async def in_a_process(module: str, *arguments: str, **environment: str) -> AsyncIterator[int]:
    """A module of this project in a process of its own, by its pid; ended by SIGTERM."""
    running = await asyncio.create_subprocess_exec(
        "env",
        *(f"{name}={value}" for name, value in environment.items()),
        *(sys.executable, "-m", module, *arguments),
        cwd=_ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield running.pid
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.wait(), 20)


async def until_listening(port: int) -> None:
    """Until somebody takes connections there."""

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await eventually(listens, "the server listens", within=40, holds=bool)


def _contribution(plan_id: UUID) -> str:
    return orjson.dumps(
        {
            "contribution_id": PLACE,
            "plan_id": str(plan_id),
            "command": "careplan.goals.commands.agree.v1",
            "content": {
                "aim": {"text": "Walk to the shop and back by myself before Christmas"},
                "why": "So I can choose my own things",
                "importance": 9,
                "need_ids": [
                    {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
                ],
            },
            "provenance": {
                "stated_by": {"kind": "person", "name": "Edith Marlow-Synth"},
                "stated_at": "2026-11-24T09:00:00Z",
            },
        }
    ).decode()
