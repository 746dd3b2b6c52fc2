"""What somebody has settled is never handed out again: a section would apply it all the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from shared.chassis.database.outgoing import headers_to_bytes
from shared.chassis.letters.held import HELD, STATES, Held
from shared.chassis.letters.tending import Tending
from shared.chassis.wire.problem import Problem


class Kept:
    """A database that has one letter, as it is by now, and that nobody else has claimed."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.pool = self
        self._row = row

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Kept"]:
        yield self

    async def fetchval(self, *_: Any) -> bool:
        return True

    async def fetchrow(self, *_: Any) -> dict[str, Any]:
        return self._row


@pytest.mark.asyncio
@pytest.mark.parametrize("state", STATES[1:])
async def test_only_what_is_held_is_handed_out_again(state: str) -> None:
    handed_out: list[Any] = []

    async def hand_out_again(*given: Any) -> None:
        handed_out.append(given)

    consumer: Any = SimpleNamespace(name="goals", hand_out_again=hand_out_again)
    nothing: Any = None
    row = {"dead_letter_id": UUID(int=1), "consumer": "goals", "is_whole": True, "state": HELD}
    more = {"key": b"", "headers": headers_to_bytes(()), "headers_came": 0, "is_null": True}
    database: Any = Kept({**row, **more, "value": b"", "state": state})
    tending = Tending(database, nothing, nothing, nothing, [consumer], "goals")
    with pytest.raises(Problem) as no:
        await tending.retry(Held(row, b"", (), b""), nothing, "Asked the organisation")
    assert (no.value.code, handed_out) == ("dead-letter-not-held", [])
