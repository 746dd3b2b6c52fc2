"""The whole stack as `make run` starts it, in a folder and on ports of its own."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from deploy.local.settings import StackSettings
from shared.broker.access import BrokerAccess
from shared.broker.rights import ADMIN
from shared.cli.token import Signer, person, professional
from shared.contracts import discover
from shared.testing.contracts.holding import holding_to
from shared.testing.eventually import eventually

ROOT = Path(__file__).parents[2]
STARTED_WITHIN = 240.0
SERVICES = discover.services()
LAST_LINE = "Ctrl-C stops it."


@dataclass
class StackProcess:
    """One supervisor in a process of its own, with everything that it keeps running."""

    folder: Path
    port_offset: int
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    async def start(self) -> None:
        """Everything up, the example plans loaded."""
        self.starts += 1
        self.process = self._popen(self.output)
        await eventually(
            lambda: LAST_LINE in self.told or self.has_ended,
            f"the stack in {self.folder} has started",
            within=STARTED_WITHIN,
        )
        assert not self.has_ended, self.told

    def run_to_its_end(
        self, folder: Path, module: str = "deploy.local"
    ) -> "subprocess.CompletedProcess[str]":
        """Another command for that folder, on the same ports; a start is expected to give up."""
        return subprocess.run(  # noqa: S603 - a module of our own
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**self._environment(), "CAREPLAN_STACK_DIR": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    async def stop(self, what: signal.Signals = signal.SIGTERM) -> float:
        """Signals the supervisor alone; answers how long it took until it had ended."""
        assert self.process is not None
        began = monotonic()
        self.process.send_signal(what)
        await asyncio.to_thread(self.process.wait, 60)
        return monotonic() - began

    async def until_nothing_is_left(self, within: float) -> None:
        """Waits until no process of this stack is there any more."""
        await eventually(
            lambda: sorted(self.left().values()),
            "no process of the stack is left",
            holds=lambda left: not left,
            within=within,
        )

    def left(self) -> dict[int, str]:
        """The processes that belong to this folder, by their environment, folder or command."""
        return dict(_processes_of(str(self.folder)))

    @property
    def has_ended(self) -> bool:
        """True where the supervisor does not run any more."""
        return self.process is None or self.process.poll() is not None

    @property
    def output(self) -> Path:
        """What this start has printed."""
        return self.folder.with_name(f"{self.folder.name}-{self.starts}.out")

    @property
    def told(self) -> str:
        """What this start has printed so far."""
        return self.output.read_text() if self.output.exists() else ""

    @property
    def file(self) -> dict[str, Any]:
        """`stack.json`, as it reads now."""
        content: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return content

    @property
    def urls(self) -> dict[str, str]:
        """Where each service is."""
        return {name: service["url"] for name, service in self.file["services"].items()}

    @property
    def signer(self) -> Signer:
        """Signs tokens as the stack's own issuer."""
        issuer = self.file["issuer"]
        return Signer(issuer["iss"], Path(issuer["private_key"]))

    def broker(self, user: str = ADMIN) -> BrokerAccess:
        """How somebody comes in at the broker; its administrator, where nobody else is named."""
        return BrokerAccess.of_stack(self.file["kafka"], user)

    def database(self, service: str) -> str:
        """The address of a service's database, as the superuser."""
        url: str = self.file["postgres"]["url"]
        return f"{url.rpartition('/')[0]}/careplan_{service}"

    async def get(self, service: str, path: str, token: str = "") -> httpx.Response:
        """One answer of a service."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        hooks = holding_to(service)
        async with httpx.AsyncClient(timeout=30, trust_env=False, event_hooks=hooks) as client:
            return await client.get(f"{self.urls[service]}{path}", headers=headers)

    async def contribute(
        self, service: str, contribution: Mapping[str, Any], token: str
    ) -> tuple[int, dict[str, Any]]:
        """The status and the answer to one contribution."""
        headers = {"Authorization": f"Bearer {token}"}
        hooks = holding_to(service)
        async with httpx.AsyncClient(timeout=30, trust_env=False, event_hooks=hooks) as client:
            url = f"{self.urls[service]}/v1/contributions"
            answer = await client.post(url, json=dict(contribution), headers=headers)
        return answer.status_code, answer.json()

    def professional(self, org: str, role: str, name: str = "Nobody-Synth") -> str:
        """A token of somebody who works there."""
        return self.signer.sign(professional(org, role, name))

    def person(self, plan_id: str) -> str:
        """The person's own token."""
        return self.signer.sign(person(plan_id, "Nobody-Synth"))

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        return {
            **kept,
            "CAREPLAN_STACK_DIR": str(self.folder),
            "CAREPLAN_PORT_OFFSET": str(self.port_offset),
            **self.environment,
        }

    def _popen(self, output: Path) -> "subprocess.Popen[bytes]":
        with output.open("wb") as writing:
            return subprocess.Popen(
                [sys.executable, "-m", "deploy.local"],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@asynccontextmanager
async def stack_process(folder: Path, **environment: str) -> AsyncIterator[StackProcess]:
    """A stack that is not started yet; whatever happens, nothing of it stays."""
    stack = StackProcess(folder, free_port_offset(), environment)
    try:
        yield stack
    finally:
        if not stack.has_ended:
            await stack.stop()
        for pid in stack.left():
            _kill(pid)


def free_port_offset() -> int:
    """An offset that leaves every port free, and below those of outgoing connections."""
    for _ in range(200):
        offset = random.randrange(200, 13_000, 10)  # noqa: S311 - only spread
        settings = StackSettings(CAREPLAN_PORT_OFFSET=offset)
        ports = [
            settings.postgres_port,
            settings.kafka_port,
            settings.kafka_port + 1,
            settings.mutual_tls_port,
            settings.witness_port,
            settings.witness_port + 1,
            *settings.service_ports(list(SERVICES)).values(),
        ]
        if all(_is_free(port) for port in ports):
            return offset
    raise RuntimeError("no port offset is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_ours(name: str) -> bool:
    return name.startswith("CAREPLAN_") or name in ("DATABASE_URL", "KAFKA_SERVERS")


def _processes_of(folder: str) -> Iterator[tuple[int, str]]:
    # PostgreSQL writes over its own environment: its folder gives it away.
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        if pid == os.getpid():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (process / "environ").read_bytes().decode("utf-8", "replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue  # ended meanwhile, or a zombie
        is_there = place.startswith(folder + "/") or f"{folder}/" in command
        if is_there or f"CAREPLAN_STACK_DIR={folder}\0" in environment + "\0":
            yield pid, command[:80]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
