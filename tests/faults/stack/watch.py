"""What the services say of themselves while something lasts, and what they cost."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

import asyncpg
import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.stack.target import SECTIONS, Target

_LOOKED_EVERY: Final = 2.0
# A relay looks every 2 s how far there is to go, and pauses for up to 5 s where it cannot publish.
_TRUE_WITHIN: Final = 10.0
_IN_HAND: Final = 25  # acknowledged, and the mark in the database not yet moved
_LAG: Final = "careplan_relay_lag"
_BACKLOG: Final = """
SELECT (SELECT count(*) FROM stored_events WHERE notification_id > coalesce(
            (SELECT position FROM relay_mark WHERE stream = 'events'), 0))
     + (SELECT count(*) FROM outgoing WHERE position > coalesce(
            (SELECT position FROM relay_mark WHERE stream = 'outgoing'), 0))
"""


@dataclass
class Seen:
    """What was seen: doors that were not open, lags that were not true, memory by moment."""

    looks: int = 0
    not_open: list[str] = field(default_factory=list)
    not_true: list[str] = field(default_factory=list)
    greatest_lag: dict[str, int] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)
    backlog: dict[str, int] = field(default_factory=dict)


class Watch:
    """Looks at every service every two seconds."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client = httpx.AsyncClient(timeout=10, trust_env=False)
        self._backlogs: dict[str, deque[tuple[float, int]]] = {one: deque() for one in SECTIONS}
        self._began = monotonic()
        self.seen = Seen()

    @asynccontextmanager
    async def looking(self) -> AsyncIterator["Watch"]:
        """Looks as long as this lasts."""
        task = asyncio.create_task(self._look_for_ever())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._client.aclose()

    def memory(self) -> dict[str, int]:
        """The resident memory of each service, in KiB."""
        return {name: _resident(self._target.pid(name)) for name in self._target.services}

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.gather(*(self._look_at(name) for name in self._target.services))
            self.seen.looks += 1
            await asyncio.sleep(_LOOKED_EVERY)

    async def _look_at(self, name: str) -> None:
        url = self._target.stack.urls[name]
        asked = monotonic()
        try:
            answer = await self._client.get(f"{url}/readyz")
            told = "" if answer.is_success else f"{answer.status_code} {answer.text}"
        except httpx.HTTPError as error:
            told = type(error).__name__
        if told:
            at, took = asked - self._began, monotonic() - asked
            self.seen.not_open.append(f"{name} at {at:.0f} s, within {took:.1f} s: {told}")
        if name in SECTIONS:
            try:
                await self._compare(name, url)
            except (OSError, httpx.HTTPError, asyncpg.PostgresError, ValueError) as error:
                self.seen.not_true.append(f"{name}: no lag to compare, {type(error).__name__}")

    async def _compare(self, name: str, url: str) -> None:
        """The lag that is told lies between the backlogs of the last seconds."""
        before = await self._backlog(name)
        told = _lag_in((await self._client.get(f"{url}/metrics")).text)
        after = await self._backlog(name)
        now = monotonic()
        kept = self._backlogs[name]
        kept += [(now, before), (now, after)]
        least, most = min(known for _, known in kept), max(known for _, known in kept)
        if not least - _IN_HAND <= told <= most:
            self.seen.not_true.append(f"{name}: told {told}, between {least} and {most}")
        while kept and kept[0][0] < now - _TRUE_WITHIN:
            kept.popleft()
        self.seen.lag[name], self.seen.backlog[name] = told, after
        self.seen.greatest_lag[name] = max(told, self.seen.greatest_lag.get(name, 0))

    async def _backlog(self, name: str) -> int:
        connection = await asyncpg.connect(self._target.admin_url(name))
        try:
            backlog: int = await connection.fetchval(_BACKLOG)
            return backlog
        finally:
            connection.terminate()


def in_mebibytes(memory: Mapping[str, int], names: Sequence[str]) -> list[str]:
    """Memory as the cells of a row."""
    return [f"{memory[name] / 1024:.0f}" for name in names]


def _lag_in(metrics: str) -> int:
    values = [
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == _LAG
    ]
    [value] = values
    return int(value)


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
