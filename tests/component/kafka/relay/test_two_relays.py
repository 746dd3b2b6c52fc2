"""Of two relays one is active, and the other takes over."""

import asyncio
import os
import signal
import sys

import pytest

from services.goals.section import SECTION
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import streams_of
from shared.chassis.settings import Settings
from shared.testing.eventually import eventually
from tests.component.kafka.relay.bench import (
    ROOT,
    Bench,
    contribute,
    in_order_once_repeats_are_dropped,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_one_of_two_relays_is_active_and_the_other_takes_over(bench: Bench) -> None:
    async with bench.relay("goals-1") as one, bench.relay("goals-2") as two:
        first, second = await both_settled(one, two)
        async with bench.store(second) as store:  # its commits reach the active one by NOTIFY
            await contribute(store, goals=10)
            await bench.until_marked(10)
            assert (await second.part()).detail == "another replica publishes"
            assert (await second.part()).ready
            cut = first._connection
            assert cut is not None
            await bench.owner.execute("SELECT pg_terminate_backend($1)", cut.get_server_pid())
            await eventually(lambda: second._is_active, "the second takes over")
            await contribute(store, goals=10)
            await bench.until_marked(20)
        await eventually(
            lambda: first._detail == "another replica publishes", "the first waits its turn"
        )
        assert not first._is_active
        records = await bench.published(20)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 21))


async def both_settled(one: Relay, two: Relay) -> tuple[Relay, Relay]:
    """The active one and the waiting one."""
    await eventually(
        lambda: (
            (one._is_active or two._is_active)
            and "another replica publishes" in (one._detail, two._detail)
        ),
        "one relay is active and the other waits",
    )
    return (one, two) if one._is_active else (two, one)


async def test_a_silent_relay_loses_its_turn(bench: Bench) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        bench.made.url,
        bench.settings("goals-1").model_dump_json(),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with bench.store() as store:
            await contribute(store, goals=5)
            await bench.until_marked(5)
            async with bench.relay("goals-2") as second:
                await eventually(
                    lambda: second._detail == "another replica publishes", "the second waits"
                )
                process.send_signal(signal.SIGSTOP)
                await contribute(store, goals=5)
                await eventually(lambda: second._is_active, "it takes over")
                await bench.until_marked(10)
                # The one that wakes up finds its connection gone, and waits its turn.
                process.send_signal(signal.SIGCONT)
                await contribute(store, goals=5)
                await bench.until_marked(15)
                assert second._is_active
        records = await bench.published(15)
        assert in_order_once_repeats_are_dropped(records) == list(range(1, 16))
    finally:
        process.kill()
        await process.wait()


async def relay_for_ever(url: str, settings: str) -> None:
    """What the other process does."""
    read = Settings.model_validate_json(settings)
    async with Relay(url, read, streams_of(SECTION, read)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(relay_for_ever(sys.argv[1], sys.argv[2]))
