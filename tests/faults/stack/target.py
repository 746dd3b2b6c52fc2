"""The stack under test: that of `make run`, with proxies between services and their servers."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
from typing_extensions import override

from deploy.local.processes.output import Terminal
from deploy.local.processes.process import dying_with_parent
from deploy.local.processes.supervisor import Child, Supervisor
from deploy.local.servers.kafka_settings import Listener
from deploy.local.settings import StackSettings
from deploy.local.stack import place
from deploy.local.stack.services import Service, found
from deploy.local.stack.stack import Stack
from shared.broker.access import BrokerAccess
from shared.cli.readiness import every_part_ready
from shared.contracts import discover
from shared.testing.eventually import eventually
from tests.e2e.stack_process import ROOT, free_port_offset
from tests.faults.stack.disk import SmallDisk
from tests.faults.stack.proxy import Proxy

Given = TypeVar("Given")

READY_WITHIN = 180.0
_STARTED_WITHIN = 240.0
_FIRST_LISTENER = 100
SECTIONS = tuple(section.name for section in discover.sections())


class _Altered(Supervisor):
    """Starts services by another command, where it is given one."""

    def __init__(self, logs: Path, terminal: Terminal, changed: Callable[[], None]) -> None:
        super().__init__(logs, terminal, changed)
        self.commands: dict[str, Sequence[str]] = {}
        self._children: dict[str, Child] = {}

    @override
    def start(self, child: Child) -> None:
        self._children[child.name] = child
        command = self.commands.get(child.name)
        super().start(replace(child, command=command) if command else child)

    def start_again(self, name: str) -> None:
        """What was stopped, as it was."""
        self.start(self._children[name])


class _TestStack(Stack):
    """`make run` without the example, and with addresses that lead through proxies."""

    def __init__(self, settings: StackSettings, guard: str | None) -> None:
        # The pages own nothing that could be lost.
        services = [one for one in found() if one.owns_data]
        super().__init__(settings, Terminal(None, colour=False), services)
        self.to_postgres: dict[str, Proxy] = {}
        self.to_kafka: dict[str, Proxy] = {}
        self.told: dict[str, dict[str, str]] = {}
        self.disks: dict[str, SmallDisk] = {}
        self.altered = _Altered(self.folder / "logs", self.terminal, self.note)
        self.supervisor = self.altered
        if guard is not None:
            runner = [sys.executable, "-m", "tests.faults.guards", guard]
            self.altered.commands = {one.name: [*runner, one.name] for one in self.services}

    async def open_proxies(self, opened: AsyncExitStack) -> None:
        """Two for each service; the broker tells whoever comes by one to come by it again."""
        listeners = []
        for number, service in enumerate(self.services):
            port = self.broker.port + _FIRST_LISTENER + number
            to_kafka = await opened.enter_async_context(Proxy("127.0.0.1", port))
            listeners.append(Listener(service.name.upper(), port, to_kafka.port))
            self.to_kafka[service.name] = to_kafka
            to_postgres = Proxy("127.0.0.1", self.cluster.port)
            self.to_postgres[service.name] = await opened.enter_async_context(to_postgres)
        self.broker = replace(self.broker, listeners=tuple(listeners))

    @override
    async def load_examples(self) -> None:
        """No example: all that is there comes from the load."""

    @override
    def environment(self, service: Service, database_url: str) -> dict[str, str]:
        """As it is told, but through its proxies."""
        proxied = _at_port(database_url, self.to_postgres[service.name].port)
        told = super().environment(service, proxied)
        told["CAREPLAN_KAFKA_SERVERS"] = f"127.0.0.1:{self.to_kafka[service.name].port}"
        self.told[service.name] = told
        return told


class Target:
    """What faults are made on: processes by name, proxies by server and service, replicas."""

    def __init__(self, stack: _TestStack) -> None:
        self.stack = stack
        self.proxies = {"postgres": stack.to_postgres, "kafka": stack.to_kafka}
        self.disks = stack.disks
        self._replicas: dict[str, list[str]] = {}
        self._client = httpx.AsyncClient(timeout=5, trust_env=False)

    @property
    def services(self) -> list[str]:
        """Every service of the stack."""
        return list(self.stack.urls)

    @property
    def broker(self) -> BrokerAccess:
        """How the broker's administrator comes in."""
        return self.stack.access

    def admin_url(self, service: str) -> str:
        """A service's database, as the superuser, past the proxy."""
        # Asking for TLS first, the driver says at length where a server goes away meanwhile.
        return f"{self.stack.admin_url.rpartition('/')[0]}/careplan_{service}?sslmode=disable"

    def urls(self, service: str) -> list[str]:
        """Where a service is: all its replicas."""
        return [self.stack.urls[service], *self._replicas.get(service, ())]

    def pid(self, name: str) -> int:
        """The process that a name stands for now."""
        pid = self.stack.supervisor.seen()[name].pid
        if pid is None:
            raise RuntimeError(f"{name} does not run")
        return pid

    async def running_pid(self, name: str) -> int:
        """The same, as soon as there is one."""
        await eventually(lambda: self.stack.supervisor.seen()[name].pid, f"{name} runs", within=60)
        return self.pid(name)

    async def not_ready(self) -> list[str]:
        """Services of which a part is not ready."""
        return [name for name in self.services if not await self._is_ready(self.urls(name)[0])]

    async def until_ready(self) -> None:
        """Until every part of every service is."""
        await eventually(
            self.not_ready, "every service is ready", holds=are_none, within=READY_WITHIN
        )

    async def readiness(self, url: str) -> dict[str, object]:
        """The body of `/readyz`; empty where nobody answers."""
        try:
            told: dict[str, object] = (await self._client.get(f"{url}/readyz")).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return told

    @asynccontextmanager
    async def replica(self, service: str) -> AsyncIterator["Replica"]:
        """A second process of a service, on the same database and in the same groups."""
        port = self.stack.ports[service] + 50
        told = {
            **os.environ,
            **self.stack.told[service],
            "CAREPLAN_PORT": str(port),
            "CAREPLAN_INSTANCE": f"{service}-2",
        }
        own = (sys.executable, "-m", "shared.chassis.run", service)
        command = self.stack.altered.commands.get(service, own)
        log = self.stack.folder / "logs" / f"{service}-2.log"
        with log.open("ab") as writing:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env=told,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGKILL),
            )
        replica = Replica(f"http://127.0.0.1:{port}", process)
        try:
            await eventually(
                partial(self._is_ready, replica.url),
                f"{service}-2 is ready",
                holds=is_so,
                within=READY_WITHIN,
            )
            self._replicas.setdefault(service, []).append(replica.url)
            yield replica
        finally:
            self._replicas.pop(service, None)
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 30)
                except TimeoutError:
                    process.kill()
                    await process.wait()

    @asynccontextmanager
    async def run_as(
        self, name: str, command: Sequence[str], meanwhile: AbstractAsyncContextManager[Given]
    ) -> AsyncIterator[Given]:
        """A service by another command, then by its own; stopped where ``meanwhile`` is entered."""
        altered = self.stack.altered
        own = altered.commands.get(name)
        await altered.stop(name)
        try:
            async with meanwhile as given:
                altered.commands[name] = command
                altered.start_again(name)
                try:
                    await self.until_ready()
                    yield given
                finally:
                    await altered.stop(name)
        finally:
            altered.commands.pop(name)
            if own is not None:
                altered.commands[name] = own
            altered.start_again(name)

    async def close(self) -> None:
        """No more questions."""
        await self._client.aclose()

    async def _is_ready(self, url: str) -> bool:
        return every_part_ready(await self.readiness(url))


class Replica:
    """A second process of a service."""

    def __init__(self, url: str, process: asyncio.subprocess.Process) -> None:
        self.url = url
        self.process = process


@asynccontextmanager
async def target_in(
    folder: Path, guard: str | None = None, *, on_small_disks: bool = False
) -> AsyncIterator[Target]:
    """A stack of its own in this folder, fully ready."""
    settings = StackSettings(
        CAREPLAN_STACK_DIR=folder,
        CAREPLAN_PORT_OFFSET=free_port_offset(),
        DATABASE_URL=None,
        KAFKA_SERVERS=None,
    )
    with place.taken(folder):
        stack = _TestStack(settings, guard)
        async with AsyncExitStack() as opened:
            await stack.open_proxies(opened)
            if on_small_disks:
                for server in ("postgres", "kafka"):
                    disk = SmallDisk(folder / server)
                    stack.disks[server] = opened.enter_context(disk)
            opened.push_async_callback(stack.shut_down)
            async with asyncio.timeout(_STARTED_WITHIN):
                await stack.bring_up()
            target = Target(stack)
            opened.push_async_callback(target.close)
            yield target


def is_so(answer: bool) -> bool:
    """What is waited for, where the question is whether."""
    return answer


def are_none(left: Collection[str]) -> bool:
    """What is waited for, where the question is which are left."""
    return not left


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(process.name))
    found, asked = [], [pid]
    while asked:
        one = asked.pop()
        found.append(one)
        asked += parents.get(one, [])
    return found


def send(pid: int, what: signal.Signals) -> None:
    """A signal to a process that may have ended by itself."""
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return


def _at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    who = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{who}@127.0.0.1:{port}"))
