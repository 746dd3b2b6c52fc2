"""Closed loops, open loops, and what a measurement is made of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from time import perf_counter, process_time

_TICK = 0.005
_POINTS = 300


@dataclass(frozen=True)
class Sample:
    """One measurement of one scenario: how many, how fast, how late, and what else was seen.

    ``late_ms`` is the 99th percentile of how late the event loop was; ``flushes`` the flush rate
    before and after; ``series_ms`` what it took in turn, thinned, where that is what is measured;
    ``processor_us`` the processor time of one call, in microseconds by process.
    """

    count: int
    rate: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    late_ms: float | None = None
    flushes: tuple[float, float] = (0.0, 0.0)
    series_ms: Sequence[float] = ()
    processor_us: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)


class Wrong(Exception):
    """A scenario did not do what it says it measures: it has no figure."""


def must_be(what: str, found: object, wanted: object) -> None:
    """No figure without the work."""
    if found != wanted:
        raise Wrong(f"{what}: {found!r} instead of {wanted!r}")


def percentile(values: Sequence[float], percent: int) -> float:
    """The percentile, of at least two values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


class LoopWatch:
    """How late the event loop was, asked every 5 ms."""

    def __init__(self) -> None:
        self.late: list[float] = []

    @property
    def p99_ms(self) -> float | None:
        """The 99th percentile in milliseconds; ``None`` where too little was seen."""
        return percentile(self.late, 99) * 1_000 if len(self.late) > 1 else None

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            asked = perf_counter()
            await asyncio.sleep(_TICK)
            self.late.append(perf_counter() - asked - _TICK)


@asynccontextmanager
async def watched() -> AsyncIterator[LoopWatch]:
    """The event loop, watched meanwhile."""
    watch = LoopWatch()
    watching = asyncio.create_task(watch.watch())
    try:
        yield watch
    finally:
        watching.cancel()


async def closed_loop(
    in_flight: int, seconds: float, call: Callable[[int], Awaitable[None]]
) -> Sample:
    """So many callers, each of whom waits for its answer; a sixth of the time is warm-up.

    ``call`` is given the number of its caller. The count is that of all calls, the warm-up's too,
    so that it can be compared with what was stored.
    """
    begun = perf_counter()
    counted_from = begun + seconds / 5
    ends = counted_from + seconds
    took: list[float] = []
    calls = 0
    used = process_time()

    async def caller(number: int) -> None:
        nonlocal calls
        before = perf_counter()
        while before < ends:
            await call(number)
            after = perf_counter()
            calls += 1
            if counted_from <= after < ends:
                took.append(after - before)
            before = after

    async with watched() as watch:
        await asyncio.gather(*(caller(number) for number in range(in_flight)))
    return Sample(
        count=calls,
        rate=len(took) / seconds,
        p50_ms=percentile(took, 50) * 1_000,
        p99_ms=percentile(took, 99) * 1_000,
        late_ms=watch.p99_ms,
        processor_us={"load": (process_time() - used) / calls * 1e6},
    )


async def on_schedule(number: int, a_second: float, call: Callable[[int], Awaitable[None]]) -> None:
    """An open loop: call after call on its time, whether the one before has been answered or not.

    Every one of them is awaited before it returns.
    """
    begun = perf_counter()
    async with asyncio.TaskGroup() as group:
        for index in range(number):
            await asyncio.sleep(max(0.0, begun + index / a_second - perf_counter()))
            group.create_task(_called(call, index))


async def _called(call: Callable[[int], Awaitable[None]], index: int) -> None:
    await call(index)


def of_latencies(took: Sequence[float], **facts: float) -> Sample:
    """A sample that is about how long something takes."""
    return Sample(
        count=len(took),
        rate=len(took) / sum(took),
        p50_ms=percentile(took, 50) * 1_000,
        p99_ms=percentile(took, 99) * 1_000,
        series_ms=[round(one * 1_000, 3) for one in took[:: len(took) // _POINTS + 1]],
        facts=facts,
    )
