"""Consumers beside a door: neither a broker that is away nor a stopped consumer closes it (P5)."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final

from aiokafka.errors import KafkaError

from shared.chassis.database.database import TRANSIENT
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.telemetry import log

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_LONGEST_END: Final = 7.0  # a batch in hand has five seconds


@asynccontextmanager
async def running(consumers: Iterable[BatchConsumer]) -> AsyncIterator[None]:
    """Start each consumer as soon as the broker answers; stop all of them at the end."""
    ended = asyncio.Event()
    tasks = [asyncio.create_task(_keep_running(consumer, ended)) for consumer in consumers]
    try:
        yield
    finally:
        ended.set()
        if tasks:
            # One that waits for a silent broker would hold up the process's end.
            _, late = await asyncio.wait(tasks, timeout=_LONGEST_END)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_running(consumer: BatchConsumer, ended: asyncio.Event) -> None:
    """Begin again, with a new client, whenever that may help; else stay stopped until the end."""
    pause = _FIRST_PAUSE
    while not ended.is_set():
        started = monotonic()
        try:
            async with consumer:
                await _until_one_is_set(ended, consumer.has_stopped)
                if not consumer.can_begin_again:
                    await ended.wait()
        except (KafkaError, *TRANSIENT) as error:
            log.warning("consumer.waiting", error_type=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - it must not end unseen
            consumer.stop(error)
            await ended.wait()
        if monotonic() - started > _LONGEST_PAUSE:
            pause = _FIRST_PAUSE
        with suppress(TimeoutError):
            # Not by wait_for: before Python 3.12 that may lose a cancellation.
            async with asyncio.timeout(pause):
                await ended.wait()
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _until_one_is_set(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
