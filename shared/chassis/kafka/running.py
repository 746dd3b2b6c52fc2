"""Consumers beside a door: a broker that is away keeps no service from starting (promise P5)."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from aiokafka.errors import KafkaError

from shared.chassis.database.database import TRANSIENT
from shared.chassis.kafka.consumer import BatchConsumer, ConsumerFailed
from shared.chassis.telemetry import log

_LONGEST_PAUSE = 5.0
_LONGEST_END = 7.0  # a batch in hand has five seconds


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
    pause = 0.2
    while not ended.is_set():
        try:
            async with consumer:
                await ended.wait()
        except ConsumerFailed:
            raise  # which has been told, and ends the process
        except (KafkaError, *TRANSIENT) as error:
            log.warning("consumer.waiting", error_type=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await ended.wait()
            pause = min(pause * 2, _LONGEST_PAUSE)
        except Exception as error:
            # Without it the service would look well, and read nothing.
            log.critical("consumer.not_started", error=error)
            signal.raise_signal(signal.SIGTERM)
            raise
