"""`make run`: starts the stack and waits; Ctrl-C stops all of it."""

import argparse
import asyncio
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError

from deploy.local.processes.output import Terminal
from deploy.local.processes.problem import Problem, plainly
from deploy.local.settings import StackSettings, stack_settings
from deploy.local.stack import place
from deploy.local.stack.stack import Stack
from shared.broker.refused import BrokerRefused, OrganisationsUnreadable
from shared.broker.topics import TopicsDiffer
from shared.chassis.database.migrate import MigrationChanged
from shared.contracts.discover import TwoThings


async def run(settings: StackSettings, terminal: Terminal) -> None:
    """Brings the stack up and waits until somebody asks it to stop."""
    stack = Stack(settings, terminal)
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            terminal.say("killing what is left")
            stack.supervisor.kill()
        else:
            terminal.say("stopping; Ctrl-C again kills what is left")
        asked.set()

    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(one, ask)
    bringing_up = asyncio.create_task(stack.bring_up())
    asking = asyncio.create_task(asked.wait())
    try:
        await asyncio.wait((bringing_up, asking), return_when=asyncio.FIRST_COMPLETED)
        if bringing_up.done():
            bringing_up.result()
            await asking
    finally:
        bringing_up.cancel()
        await asyncio.wait((bringing_up,))
        asking.cancel()
        await stack.shut_down()
    terminal.say("stopped")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of `make run`; whatever goes wrong is one line."""
    asked = _arguments(arguments)
    _quiet_libraries()
    settings = None
    try:
        settings = stack_settings()
        terminal = _terminal(settings, as_json=asked.json)
        with place.taken(settings.folder):
            # Never closed: that would wait for the threads of an interrupted download.
            asyncio.Runner().run(run(settings, terminal))
    except KeyboardInterrupt:  # before anything was started
        return 130
    except _GIVES_UP as error:
        sys.stdout.flush()
        sys.stderr.write(f"make run: {_said(error, settings)}\n")
        return error.status if isinstance(error, Problem) else 1
    return 0


_GIVES_UP: Final = (
    Problem,
    TwoThings,
    TopicsDiffer,
    MigrationChanged,
    asyncpg.PostgresError,
    KafkaError,
    BrokerRefused,
    OrganisationsUnreadable,
    OSError,
)


def _said(error: Exception, settings: StackSettings | None) -> str:
    reset = "`make reset` deletes the old data, then start again"
    match error:
        case TopicsDiffer():
            if settings and settings.kafka_servers:
                reset = "the broker at KAFKA_SERVERS is yours: delete the topic there, or unset it"
            return f"{error}; {reset}"
        case MigrationChanged():
            if settings and settings.database_url:
                reset = "the server at DATABASE_URL is yours: drop the database there, or unset it"
            return f"{error}; {reset}"
        case asyncpg.PostgresError():
            return f"PostgreSQL: {error}"
        case KafkaError() | BrokerRefused():
            return f"Kafka: {error}"
        case OSError():
            return plainly(error)
    return str(error)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local",
        description="Starts PostgreSQL, Kafka, every service, and loads five example plans.",
        epilog="Folders, ports and servers of your own are set by environment variables: "
        "CAREPLAN_STACK_DIR, CAREPLAN_PORT_OFFSET, CAREPLAN_CACHE_DIR, DATABASE_URL, "
        "KAFKA_SERVERS; CAREPLAN_VERBOSE=1 shows every log line.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines instead of text")
    return parser.parse_args(given)


def _quiet_libraries() -> None:
    # They warn of children that ended before they were told to, and of a broker that is away:
    # the supervisor says both in its own words.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def _terminal(settings: StackSettings, *, as_json: bool) -> Terminal:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows ASCII only
    colour = sys.stdout.isatty() and not settings.no_color and not as_json
    return Terminal(sys.stdout, colour=colour, as_json=as_json)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # At once, because of the same threads.
    os._exit(status)
