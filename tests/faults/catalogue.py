"""The faults: what each does to the stack, and how it ends."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP
from time import monotonic
from typing import Final

import asyncpg

from shared.testing.eventually import eventually
from tests.faults.stack import clock
from tests.faults.stack.target import SECTIONS, Target, family, send

# Whoever watches gives up after 10 s: sessions that are idle, members of a group, requests.
_LONGER_THAN_THE_TIMEOUTS = 14.0
_TAKEN_OVER_WITHIN = 10.0
_TAKEN_OVER_AT_ALL_WITHIN = 60.0
_A_FULL_MINUTE = 0.25
_LOG_FULL_TOO = 0.5
_SOME_MORE = 10
_GOES_ON_WITHIN = 60.0
_SEEN_UNDER_WAY_WITHIN = 60.0

Strike = Callable[[Target, Random], Awaitable[str]]


class Broken(Exception):
    """Something that is promised of the time in which the fault lasts did not happen."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; ``strike`` returns when it is over, with a word about it.

    With ``on_small_disks`` the data folders of both servers have to be on small disks.
    """

    name: str
    what: str
    strike: Strike
    on_small_disks: bool = False


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


def _away(server: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        seconds = 60.0 if rng.random() < _A_FULL_MINUTE else rng.uniform(5, 15)
        await target.stack.supervisor.stop(server)
        await asyncio.sleep(seconds)
        target.stack.altered.start_again(server)
        return f"for {seconds:.0f} s"

    return strike


def _disk_full(server: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        disk = target.disks[server]
        before = target.pid(server)
        disk.fill()
        try:
            if server == "postgres" and rng.random() < _LOG_FULL_TOO:
                await _fill_the_log(target)
            await asyncio.sleep(rng.uniform(6, 12))
            ended = target.stack.supervisor.seen()[server].pid != before
        finally:
            disk.make_room()
        return f"{server} ended of it" if ended else f"{server} stayed"

    return strike


async def _fill_the_log(target: Target) -> None:
    """Asks PostgreSQL for new files of its log until it has no room for one, and gives up."""
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        admin = await asyncpg.connect(target.stack.admin_url)
        try:
            for _ in range(10):
                await admin.execute("SELECT pg_logical_emit_message(true, 'full', 'disk')")
                await admin.execute("SELECT pg_switch_wal()")
        finally:
            admin.terminate()


def _clock_back(name: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        url = target.admin_url(name)
        command = (sys.executable, "-m", "tests.faults.stack.clock", name)
        async with target.run_as(name, command, clock.of_its_own(url)) as step:
            await asyncio.sleep(rng.uniform(0, 2))
            await step(-clock.AN_HOUR)
            send(target.pid(name), clock.BACK)
            await _goes_on(name, url)
            await asyncio.sleep(rng.uniform(0, 3))
            send(target.pid(name), clock.RIGHT)
            await step(0)
            await _goes_on(name, url)
        return ""

    return strike


_WHAT_GROWS: Final = {
    "plan": "SELECT count(*) FROM ledger.plan_ledger",
    "audit": "SELECT count(*) FROM audit_record",
}


async def _goes_on(name: str, url: str) -> None:
    """Until the service has stored some more."""
    query = _WHAT_GROWS.get(name, "SELECT count(*) FROM stored_events")
    connection = await asyncpg.connect(url)
    try:
        count = partial(connection.fetchval, query)
        before = await count()
        await eventually(
            count,
            f"{name} goes on",
            holds=lambda now: now >= before + _SOME_MORE,
            within=_GOES_ON_WITHIN,
        )
    finally:
        await connection.close()


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
                    " AND pid <> pg_backend_pid() AND query LIKE '%append_requests(%' LIMIT 1"
                )
                if pid is not None:
                    return pid
    finally:
        admin.terminate()


def _cut(server: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        for _ in range(rng.randrange(5, 15)):
            target.proxies[server][rng.choice(target.services)].cut()
            await asyncio.sleep(rng.uniform(0, 0.5))
        return ""

    return strike


def _held(server: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        chosen = [rng.choice(SECTIONS), rng.choice(["intake", "plan", "audit"])]
        for service in chosen:
            target.proxies[server][service].hold()
        try:
            await asyncio.sleep(_LONGER_THAN_THE_TIMEOUTS + rng.uniform(0, 4))
        finally:
            for service in chosen:
                if rng.random() < 0.5:
                    target.proxies[server][service].cut()
                target.proxies[server][service].let_flow()
        return ", ".join(chosen)

    return strike


def _slow(server: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        proxies = target.proxies[server]
        for proxy in proxies.values():
            proxy.latency = rng.uniform(0.02, 0.15)
        try:
            await asyncio.sleep(rng.uniform(4, 8))
            proxies[rng.choice(target.services)].cut()
            await asyncio.sleep(1)
        finally:
            for proxy in proxies.values():
                proxy.latency = 0.0
        return ""

    return strike


def _refused(server: str) -> Strike:
    async def strike(target: Target, rng: Random) -> str:
        chosen = rng.choice(target.services)
        proxy = target.proxies[server][chosen]
        proxy.is_refusing = True
        try:
            proxy.cut()
            await asyncio.sleep(rng.uniform(3, 10))
        finally:
            proxy.is_refusing = False
        return chosen

    return strike


async def _two_relays(target: Target, rng: Random) -> str:
    """The replica that publishes is stopped; the other one has to take over, and soon."""
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
                within=_TAKEN_OVER_AT_ALL_WITHIN,
            )
            took = monotonic() - began
            await asyncio.sleep(rng.uniform(0, 3))
        await asyncio.sleep(rng.uniform(1, 4))
    told = f"{section}: taken over after {took:.1f} s"
    if took > _TAKEN_OVER_WITHIN:
        raise Broken(told)
    return told


async def _two_writers(target: Target, rng: Random) -> str:
    """Two replicas of a section take contributions side by side."""
    async with target.replica("goals"):
        await asyncio.sleep(rng.uniform(4, 8))
    return ""


async def _two_members(target: Target, rng: Random) -> str:
    """Two members of the plan's group fold side by side."""
    async with target.replica("plan"):
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


_SERVICES: Final = (*SECTIONS, "intake", "plan", "audit")
_ALL: Final = (
    *(Fault(f"kill-{name}", f"kill -9 of {name}", _kill(name)) for name in _SERVICES),
    Fault("kill-kafka", "kill -9 of the broker", _kill("kafka")),
    Fault("kill-postgres", "kill -9 of the postmaster", _kill("postgres")),
    Fault("crash-postgres", "all of PostgreSQL killed in an append", _postgres_in_a_commit),
    Fault("crash-backend", "the server process of an append killed", _backend_in_a_commit),
    *(Fault(f"stop-{name}", f"{name} stopped beyond time-outs", _stop(name)) for name in _SERVICES),
    Fault("stop-kafka", "the broker stopped beyond time-outs", _stop("kafka")),
    Fault("stop-postgres", "PostgreSQL stopped beyond time-outs", _stop("postgres")),
    Fault("kafka-away", "no broker for up to a minute", _away("kafka")),
    Fault("postgres-away", "no PostgreSQL for up to a minute", _away("postgres")),
    *(
        fault
        for server, it in (("postgres", "PostgreSQL"), ("kafka", "the broker"))
        for fault in (
            Fault(f"{server}-cut", f"connections to {it} reset, again and again", _cut(server)),
            Fault(f"{server}-held", f"connections to {it} silent", _held(server)),
            Fault(f"{server}-slow", f"connections to {it} slow, then cut", _slow(server)),
            Fault(f"{server}-refused", f"{it} out of reach of one service", _refused(server)),
        )
    ),
    Fault("two-writers", "two replicas of a section, and both are written to", _two_writers),
    Fault("two-members", "two members of the plan's group fold", _two_members),
    Fault("two-relays", "two replicas; the one that publishes is stopped", _two_relays),
    Fault("member-lost", "a member of the plan's group dies", _member_lost),
    Fault("member-stopped", "a member of the plan's group is stopped", _member_stopped),
    *(
        Fault(f"clock-{name}", f"the clock of {name} steps back by an hour", _clock_back(name))
        for name in _SERVICES
    ),
    Fault("disk-kafka", "the broker's disk is full", _disk_full("kafka"), True),
    Fault("disk-postgres", "PostgreSQL's disk is full", _disk_full("postgres"), True),
)
FAULTS: Final[Mapping[str, Fault]] = {fault.name: fault for fault in _ALL}
"""Every fault by its name."""
