"""What a service keeps in memory over a hundred thousand contributions; it should be the same."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final
from uuid import uuid4

import asyncpg

from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.load import apply_from_elsewhere
from benchmarks.measuring.measure import Sample, must_be
from benchmarks.scenarios.doors import PLANS, contributing, in_a_process
from benchmarks.scenarios.plan_events import fresh_plan, history, publish
from deploy.local.servers.kafka import free_port
from services.goals.section import SECTION
from shared.testing.eventually import eventually
from shared.testing.service import bench_of
from shared.testing.tokens import ISS, TestIssuer

STEPS: Final = (10_000, 50_000, 100_000)
"""After how many contributions the memory is looked at."""

_IN_FLIGHT: Final = 64
_LOAD_SECONDS: Final = 5.0


def mebibytes_after(step: int) -> str:
    """The fact of a sample that says how much a service kept after so many."""
    return f"MiB after {step:,}"


async def of_a_section(servers: Servers, seconds: float) -> Sample:  # noqa: ARG001 - it counts
    """A section in a process of its own, as its HTTP door takes new goals of 2,000 plans."""
    plans = [uuid4() for _ in range(PLANS)]
    begun = perf_counter()
    facts: dict[str, float] = {}
    count = 0
    with TemporaryDirectory() as made:
        async with (
            bench_of(SECTION, servers.postgres_url, servers.kafka_servers, Path(made)) as bench,
            bench.in_a_process() as process,
        ):
            await bench.know_plans(plans)
            load = contributing(process.door.url, bench.issuer, plans, _IN_FLIGHT, _LOAD_SECONDS)
            for step in STEPS:
                while count < step:
                    count += (await apply_from_elsewhere(load)).count
                facts[mebibytes_after(step)] = _mebibytes(process.pid)
            must_be("events stored", (await bench.rows())["stored_events"], count)
    return Sample(count, count / (perf_counter() - begun), facts=facts)


async def of_the_plan(servers: Servers, seconds: float) -> Sample:  # noqa: ARG001 - it counts
    """The plan in a process of its own, as it folds the events of 2,500 plans."""
    messages = history(STEPS[-1])
    begun = perf_counter()
    facts: dict[str, float] = {}
    async with fresh_plan(servers) as (settings, made):
        with TemporaryDirectory() as folder:
            issuer = TestIssuer(Path(folder))
            more = {"database_url": made.url, "issuer": ISS, "jwks": str(issuer.jwks)}
            told = settings.model_copy(update={**more, "port": free_port()})
            environment = {
                f"CAREPLAN_{name.upper()}": str(value)
                for name, value in told.model_dump(exclude_unset=True).items()
            }
            async with in_a_process("shared.chassis.run", "plan", **environment) as pid:
                for before, step in zip((0, *STEPS), STEPS, strict=False):
                    await publish(settings, messages[before:step])
                    await _until_folded(made.owner_url, step)
                    facts[mebibytes_after(step)] = _mebibytes(pid)
    return Sample(len(messages), len(messages) / (perf_counter() - begun), facts=facts)


async def _until_folded(url: str, events: int) -> None:
    connection = await asyncpg.connect(url)
    try:

        async def folded() -> bool:
            return bool(await connection.fetchval("SELECT sum(version) FROM plan") == events)

        await eventually(folded, f"{events} were folded", within=600, holds=bool)
    finally:
        await connection.close()


def _mebibytes(pid: int) -> float:
    """What the process has in memory, as the kernel counts it."""
    told: Mapping[str, str] = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(told["VmRSS"].split()[0]) / 1024
