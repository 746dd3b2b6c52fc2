"""The servers a run measures on: a real disk, or a disk whose flush takes a steady millisecond."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from benchmarks.measuring.flush_probe import SECONDS
from deploy.local.processes.output import Terminal
from deploy.local.processes.process import run
from deploy.local.processes.supervisor import Supervisor
from deploy.local.servers import jars
from deploy.local.servers.both import kafka_child, postgres_child
from deploy.local.servers.kafka import Broker, free_port
from deploy.local.servers.postgres import Cluster
from deploy.local.settings import cache_folder

NAMES = ("1ms", "disk")

_MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs is what is wanted
_HERE = Path(__file__).parent
_FLUSH_US = 1_000
# The development stack's broker is small and quick to start; a yardstick wants neither.
_SMALL = frozenset({"-Xmx256m", "-XX:TieredStopAtLevel=1"})


@dataclass(frozen=True)
class Servers:
    """A cluster and a broker to measure on; ``preload`` is what slows a flush, if anything."""

    name: str
    postgres_url: str
    kafka_servers: str
    folder: Path
    preload: Mapping[str, str]
    binaries: Path
    class_path: str
    pids: Mapping[str, int]

    async def flushes_a_second(self) -> float:
        """How many 8 kB writes are flushed in a second, one after the other, where the data is."""
        probe = await asyncio.create_subprocess_exec(
            "env",
            *(f"{name}={value}" for name, value in self.preload.items()),
            *(sys.executable, "-S", str(_HERE / "flush_probe.py"), str(self.folder), str(SECONDS)),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await probe.communicate()
        return float(told)

    async def checkpoint(self) -> None:
        """Write out what earlier measurements left, so that this one does not pay for it."""
        admin = await asyncpg.connect(self.postgres_url)
        try:
            await admin.execute("CHECKPOINT")
        finally:
            await admin.close()


class Impossible(Exception):
    """This cluster cannot be made here, and why."""


@asynccontextmanager
async def running(name: str) -> AsyncIterator[Servers]:
    """The servers of that name in a folder of their own, deleted at the end."""
    within, preload = None, {}
    if name == "1ms":
        within, preload = _MEMORY, await _slow_flush()
    with tempfile.TemporaryDirectory(prefix="careplan-bench-", dir=within) as made:
        folder = Path(made)
        async with _started(folder, preload) as (cluster, broker, pids):
            postgres = next(part for part in cluster.command() if part.endswith("/postgres"))
            yield Servers(
                name=name,
                postgres_url=cluster.url,
                kafka_servers=broker.servers,
                folder=folder,
                preload=preload,
                binaries=Path(postgres).parent,
                class_path=await _class_path(broker),
                pids=pids,
            )


@asynccontextmanager
async def _started(
    folder: Path, preload: Mapping[str, str]
) -> AsyncIterator[tuple[Cluster, Broker, dict[str, int]]]:
    terminal = Terminal(sys.stderr, colour=False)
    cluster = Cluster(folder / "postgres", free_port())
    broker = Broker(folder / "kafka", free_port(), cache_folder())
    await cluster.prepare(terminal.say)
    await broker.prepare(terminal.say)
    supervisor = Supervisor(folder / "logs", Terminal(None, colour=False), lambda: None)
    java, *options = [part for part in broker.command() if part not in _SMALL]
    try:
        supervisor.start(replace(postgres_child(cluster), environment=preload))
        supervisor.start(replace(kafka_child(broker), command=[java, "-Xmx1g", *options]))
        await supervisor.until_ready("postgres", "kafka")
        yield cluster, broker, {name: one.pid for name, one in supervisor.seen().items() if one.pid}
    finally:
        await supervisor.stop("kafka")
        await supervisor.stop("postgres")


async def _slow_flush() -> dict[str, str]:
    compiler = shutil.which("cc")
    if compiler is None:
        raise Impossible("there is no C compiler (cc) to make the slowed flush with")
    if not _MEMORY.is_dir():  # noqa: ASYNC240 - asked once, before anything is measured
        raise Impossible(f"there is no tmpfs at {_MEMORY}")
    library = cache_folder() / "slow_flush.so"
    made = await run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_HERE / "slow_flush.c")]
    )
    if made.status != 0:
        raise Impossible(f"the slowed flush could not be compiled: {made.output.strip()}")
    return {"LD_PRELOAD": str(library), "SLOW_FLUSH_US": str(_FLUSH_US)}


async def _class_path(broker: Broker) -> str:
    """The broker's jars and those of Kafka's own tools, which the broker does without."""
    terminal = Terminal(sys.stderr, colour=False)
    listed = jars.locked(jars.LOCK.read_text())
    tools = jars.locked((_HERE / "kafka-tools.lock").read_text())
    folder = broker.cache / "jars"
    await asyncio.to_thread(jars.fetch, tools, folder, terminal.say)
    return ":".join(str(folder / jar.filename) for jar in (*listed, *tools))
