"""The faults: what each does to the stack, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP
from time import monotonic
from typing import Final

import asyncpg

from deploy.local.servers import kafka_child, postgres_child
from shared.testing.eventually import eventually
from tests.faults.target import SECTIONS, Target, family, send

# Whoever watches gives up after 10 s: sessions that are idle, members of a group, requests.
_LONGER_THAN_THE_TIMEOUTS = 14.0
_TAKEN_OVER_WITHIN = 60.0
_SEEN_UNDER_WAY_WITHIN = 60.0

Strike = Callable[[Target, Random], Awaitable[str]]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; ``strike`` returns when it is over, with a word about it."""

    name: str
    what: str
    strike: Strike


def _kill(name: str) -> Strike:
    async def strike(target: Target, _: Random) -> str:
        send(await target.running_pid(name), SIGKILL)
        return ""

    return strike


def _stop(name: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        stopped = family(await target.running_pid(name))
        try:
            for pid in stopped:
                send(pid, SIGSTOP)
            await asyncio.sleep(_LONGER_THAN_THE_TIMEOUTS + rng.uniform(0, 4))
        finally:
            for pid in stopped:
                send(pid, SIGCONT)
        return ""

    return strike


async def _broker_away(target: Target, rng: Random) -> str:
    supervisor = target.stack.supervisor
    await supervisor.stop("kafka")
    await asyncio.sleep(rng.uniform(5, 15))
    supervisor.start(kafka_child(target.stack.broker))
    return ""


async def _postgres_away(target: Target, rng: Random) -> str:
    supervisor = target.stack.supervisor
    await supervisor.stop("postgres")
    await asyncio.sleep(rng.uniform(5, 15))
    supervisor.start(postgres_child(target.stack.cluster))
    return ""


async def _postgres_in_a_commit(target: Target, _: Random) -> str:
    """All of PostgreSQL at once, at a moment at which an append is under way."""
    everything = family(await target.running_pid("postgres"))
    await _append_under_way(target)
    for pid in everything:
        send(pid, SIGKILL)
    return ""


async def _backend_in_a_commit(target: Target, _: Random) -> str:
    """One server process in the middle of an append: PostgreSQL then restarts all of them."""
    send(await _append_under_way(target), SIGKILL)
    return ""


async def _append_under_way(target: Target) -> int:
    """The server process of an append, while it is at it."""
    admin = await asyncpg.connect(target.stack.admin_url)
    try:
        async with asyncio.timeout(_SEEN_UNDER_WAY_WITHIN):
            while True:
                pid: int | None = await admin.fetchval(
                    "SELECT pid FROM pg_stat_activity WHERE state = 'active'"
                    " AND pid <> pg_backend_pid() AND query LIKE '%append_batch(%' LIMIT 1"
                )
                if pid is not None:
                    return pid
    finally:
        admin.terminate()


async def _connections_cut(target: Target, rng: Random) -> str:
    for _ in range(rng.randrange(5, 15)):
        target.proxies[rng.choice(target.services)].cut()
        await asyncio.sleep(rng.uniform(0, 0.5))
    return ""


async def _connections_held(target: Target, rng: Random) -> str:
    chosen = [rng.choice(SECTIONS), rng.choice(["plan", "audit"])]
    for service in chosen:
        target.proxies[service].hold()
    try:
        await asyncio.sleep(_LONGER_THAN_THE_TIMEOUTS + rng.uniform(0, 4))
    finally:
        for service in chosen:
            if rng.random() < 0.5:
                target.proxies[service].cut()
            target.proxies[service].let_flow()
    return ", ".join(chosen)


async def _connections_slow(target: Target, rng: Random) -> str:
    for proxy in target.proxies.values():
        proxy.latency = rng.uniform(0.02, 0.15)
    try:
        await asyncio.sleep(rng.uniform(4, 8))
        target.proxies[rng.choice(target.services)].cut()
        await asyncio.sleep(1)
    finally:
        for proxy in target.proxies.values():
            proxy.latency = 0.0
    return ""


async def _connections_refused(target: Target, rng: Random) -> str:
    chosen = rng.choice(target.services)
    target.proxies[chosen].is_refusing = True
    try:
        target.proxies[chosen].cut()
        await asyncio.sleep(rng.uniform(3, 10))
    finally:
        target.proxies[chosen].is_refusing = False
    return chosen


async def _two_relays(target: Target, rng: Random) -> str:
    """The replica that publishes is stopped; the other one has to take over."""
    section = rng.choice(SECTIONS)
    async with target.replica(section) as second:
        first_url = target.stack.urls[section]
        publishes = _is_publishing(await _relay_of(target, first_url))
        url, pid = (second.url, target.pid(section)) if publishes else (
            first_url, second.process.pid,
        )  # fmt: skip
        async with _stopped(pid):
            began = monotonic()
            await eventually(
                partial(_relay_of, target, url),
                f"the other relay of {section} publishes",
                holds=_is_publishing,
                within=_TAKEN_OVER_WITHIN,
            )
            took = monotonic() - began
            await asyncio.sleep(rng.uniform(0, 3))
        await asyncio.sleep(rng.uniform(1, 4))
    return f"{section}: taken over after {took:.1f} s"


async def _two_writers(target: Target, rng: Random) -> str:
    """Two replicas of a section take contributions side by side."""
    async with target.replica("goals"):
        await asyncio.sleep(rng.uniform(4, 8))
    return ""


async def _member_lost(target: Target, rng: Random) -> str:
    """A second member of the plan's group dies with a batch in hand."""
    async with target.replica("plan") as second:
        await asyncio.sleep(rng.uniform(0.5, 2))
        second.process.kill()
        await second.process.wait()
    return ""


async def _member_stopped(target: Target, rng: Random) -> str:
    """A member is stopped for so long that another one has its partitions when it goes on."""
    async with target.replica("plan") as second:
        await asyncio.sleep(rng.uniform(0.5, 2))
        async with _stopped(second.process.pid):
            await asyncio.sleep(_LONGER_THAN_THE_TIMEOUTS + rng.uniform(2, 6))
        await asyncio.sleep(rng.uniform(1, 3))
    return ""


@asynccontextmanager
async def _stopped(pid: int) -> AsyncIterator[None]:
    send(pid, SIGSTOP)
    try:
        yield
    finally:
        send(pid, SIGCONT)


def _is_publishing(detail: str) -> bool:
    return detail == "publishing"


async def _relay_of(target: Target, url: str) -> str:
    parts = (await target.readiness(url)).get("parts")
    if not isinstance(parts, Mapping):
        return ""
    return str(parts.get("relay", {}).get("detail", ""))


_SERVICES: Final = (*SECTIONS, "plan", "audit")
_ALL: Final = (
    *(Fault(f"kill-{name}", f"kill -9 of {name}", _kill(name)) for name in _SERVICES),
    Fault("kill-kafka", "kill -9 of the broker", _kill("kafka")),
    Fault("kill-postgres", "kill -9 of the postmaster", _kill("postgres")),
    Fault("crash-postgres", "all of PostgreSQL killed in an append", _postgres_in_a_commit),
    Fault("crash-backend", "the server process of an append killed", _backend_in_a_commit),
    *(Fault(f"stop-{name}", f"{name} stopped beyond time-outs", _stop(name)) for name in _SERVICES),
    Fault("stop-kafka", "the broker stopped beyond time-outs", _stop("kafka")),
    Fault("stop-postgres", "PostgreSQL stopped beyond time-outs", _stop("postgres")),
    Fault("kafka-away", "no broker for a while", _broker_away),
    Fault("postgres-away", "no PostgreSQL for a while", _postgres_away),
    Fault("connections-cut", "connections to PostgreSQL reset, again and again", _connections_cut),
    Fault("connections-held", "connections to PostgreSQL silent", _connections_held),
    Fault("connections-slow", "connections to PostgreSQL slow, then cut", _connections_slow),
    Fault("connections-refused", "PostgreSQL out of reach of one service", _connections_refused),
    Fault("two-writers", "two replicas of a section, and both are written to", _two_writers),
    Fault("two-relays", "two replicas; the one that publishes is stopped", _two_relays),
    Fault("member-lost", "a member of the plan's group dies", _member_lost),
    Fault("member-stopped", "a member of the plan's group is stopped", _member_stopped),
)
FAULTS: Final[Mapping[str, Fault]] = {fault.name: fault for fault in _ALL}
"""Every fault by its name."""
