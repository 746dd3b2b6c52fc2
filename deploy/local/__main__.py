"""`make run`: starts the stack and waits; Ctrl-C stops all of it."""

import asyncio
import os
import signal
import sys

import asyncpg

from deploy.kafka.topics import TopicsDiffer
from deploy.local.processes.output import Terminal
from deploy.local.processes.problem import Problem, plainly
from deploy.local.settings import StackSettings
from deploy.local.stack import place
from deploy.local.stack.stack import Stack
from shared.chassis.database.migrate import MigrationChanged
from shared.contracts.discover import TwoThings


async def run(settings: StackSettings, terminal: Terminal) -> None:
    """Brings the stack up and waits until somebody asks it to stop."""
    stack = Stack(settings, terminal)
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            terminal.say("asked again: killing what is left")
            stack.supervisor.kill()
        else:
            terminal.say("stopping")
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


def main() -> int:
    """The exit status of `make run`; whatever goes wrong is one line."""
    settings = StackSettings()
    colour = sys.stdout.isatty() and not settings.no_color
    terminal = Terminal(sys.stdout, colour=colour)
    try:
        with place.taken(settings.folder.absolute()):
            # Never closed: that would wait for the threads of a download that was cut short.
            asyncio.Runner().run(run(settings, terminal))
    except (Problem, TwoThings) as problem:
        return _failed(str(problem))
    except (TopicsDiffer, MigrationChanged) as difference:
        return _failed(f"{difference}; `make reset` begins anew")
    except KeyboardInterrupt:  # before anything had been started
        return 130
    except asyncpg.PostgresError as error:
        return _failed(f"PostgreSQL: {error}")
    except OSError as error:
        return _failed(plainly(error))
    return 0


def _failed(text: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"make run: {text}\n")
    return 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # At once, for the same threads.
    os._exit(status)
