"""What may take long is asked a few at a time, and has a bound at the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.audit.store import few
from services.audit.store.few import FewAtOnce
from shared.chassis.database.database import Database

pytestmark = pytest.mark.asyncio


class Slow(Database):
    """Answers when it is told to; ``told`` is what it was asked, in order."""

    def __init__(self) -> None:
        super().__init__("postgresql://nowhere")
        self.under_way = self.most = 0
        self.told: list[str] = []
        self.goes_on = asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            yield self
        finally:
            self.under_way -= 1

    async def execute(self, query: str) -> None:
        self.told.append(query)

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        self.told.append(query)
        await self.goes_on.wait()
        return [*values]


async def test_only_a_few_are_under_way_and_whoever_gives_up_gives_way() -> None:
    slow = Slow()
    database = FewAtOnce(slow, at_once=2)
    asked = [asyncio.ensure_future(database.fetch("SELECT $1", n)) for n in range(6)]
    await asyncio.sleep(0)
    asked[0].cancel()
    slow.goes_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[1:] == [[n] for n in range(1, 6)]
    assert (slow.most, slow.under_way) == (2, 0)
    assert slow.told[0] == "SET LOCAL statement_timeout = '10s'"


async def test_who_waits_too_long_for_a_turn_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    database = FewAtOnce(slow, at_once=1)
    first = asyncio.ensure_future(database.fetch("SELECT $1", 1))
    await asyncio.sleep(0)
    monkeypatch.setattr(few, "SECONDS", 0.0)
    with pytest.raises(TimeoutError):
        await database.fetch("SELECT $1", 2)
    slow.goes_on.set()
    assert await first == [1]
    assert len(slow.told) == 2
