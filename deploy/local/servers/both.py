"""PostgreSQL and Kafka together, in one folder: for tests, benchmarks and the stack."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes.output import Terminal
from deploy.local.processes.supervisor import Child, Supervisor
from deploy.local.processes.tasks import first_error
from deploy.local.servers.kafka import Broker, reserved_port
from deploy.local.servers.kafka_settings import Security
from deploy.local.servers.postgres import Cluster
from deploy.local.settings import cache_folder
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials

# While it starts or recovers, it refuses connections, and ours too: that is expected.
_POSTGRES_TROUBLE = re.compile(r" (WARNING|ERROR|PANIC|FATAL):  (?!the database system is)")
# So is a controller that is slow, or not the leader yet, while it starts: it is asked again.
_KAFKA_TROUBLE = re.compile(
    r" (ERROR|FATAL) (?!\[QuorumController id=\d+\] Exceptionally slow"
    r"|\[ControllerApis nodeId=\d+\] Unexpected error handling request "
    r"RequestHeader\(apiKey=CONTROLLER_REGISTRATION)"
)
_KAFKA_GRACE = 2.5
_POSTGRES_GRACE = 2.0


@dataclass(frozen=True)
class Servers:
    """Where the two servers are, and their processes by name (`postgres`, `kafka`)."""

    postgres_url: str
    kafka_servers: str
    pids: Mapping[str, int]


def postgres_child(cluster: Cluster) -> Child:
    """The cluster as a process to keep; SIGINT is its fast stop, SIGTERM would wait for clients."""
    return Child(
        name="postgres",
        command=cluster.command(),
        ready=cluster.answers,
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        stop_group=False,
        grace=_POSTGRES_GRACE,
        worth_showing=_POSTGRES_TROUBLE,
    )


def kafka_child(broker: Broker) -> Child:
    """The broker as a process to keep."""
    return Child(
        name="kafka",
        command=broker.command(),
        ready=broker.answers,
        grace=_KAFKA_GRACE,
        worth_showing=_KAFKA_TROUBLE,
    )


@asynccontextmanager
async def running(
    folder: Path, *, postgres_port: int | None = None, kafka_port: int | None = None
) -> AsyncIterator[Servers]:
    """Runs both servers in the folder, on free ports unless given; stops them at the end."""
    with reserved_port() as for_postgres, reserved_port() as for_kafka:
        async with _running(
            Cluster(folder / "postgres", postgres_port or for_postgres),
            Broker(folder / "kafka", kafka_port or for_kafka, cache_folder()),
            folder / "logs",
        ) as servers:
            yield servers


@asynccontextmanager
async def secured_broker(folder: Path) -> AsyncIterator[Broker]:
    """Runs a broker that asks who comes, with no user but its own; stops it at the end."""
    with reserved_port() as port, reserved_port() as mutual_tls_port:
        security = Security(
            Certificates(folder / "tls"), Credentials(folder / "credentials"), mutual_tls_port
        )
        broker = Broker(folder / "kafka", port, cache_folder(), security=security)
        await broker.prepare(Terminal(sys.stderr, colour=False).say)
        supervisor = Supervisor(folder / "logs", Terminal(None, colour=False), lambda: None)
        try:
            supervisor.start(kafka_child(broker))
            await supervisor.until_ready("kafka")
            yield broker
        finally:
            await supervisor.stop("kafka")


@asynccontextmanager
async def _running(cluster: Cluster, broker: Broker, logs: Path) -> AsyncIterator[Servers]:
    terminal = Terminal(sys.stderr, colour=False)
    with first_error():
        async with asyncio.TaskGroup() as group:
            group.create_task(cluster.prepare(terminal.say))
            group.create_task(broker.prepare(terminal.say))
    supervisor = Supervisor(logs, Terminal(None, colour=False), lambda: None)
    try:
        supervisor.start(postgres_child(cluster))
        supervisor.start(kafka_child(broker))
        await supervisor.until_ready("postgres", "kafka")
        pids = {name: seen.pid for name, seen in supervisor.seen().items() if seen.pid}
        yield Servers(cluster.url, broker.servers, pids)
    finally:
        await supervisor.stop("kafka")
        await supervisor.stop("postgres")
