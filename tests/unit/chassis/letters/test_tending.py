"""What somebody has settled is never handed out again: a section would apply it all the same."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from shared.chassis.letters.held import STATES, Held
from shared.chassis.letters.tending import Tending
from shared.chassis.wire.problem import Problem


@pytest.mark.asyncio
@pytest.mark.parametrize("state", STATES[1:])
async def test_only_what_is_held_is_handed_out_again(state: str) -> None:
    handed_out: list[Any] = []

    async def hand_out_again(*given: Any) -> None:
        handed_out.append(given)

    consumer: Any = SimpleNamespace(name="goals", hand_out_again=hand_out_again)
    nothing: Any = None
    tending = Tending(nothing, nothing, nothing, nothing, [consumer], "goals")
    row = {"dead_letter_id": UUID(int=1), "consumer": "goals", "is_whole": True, "state": state}
    with pytest.raises(Problem) as no:
        await tending.retry(Held(row, b"", (), b""), nothing, "Asked the organisation")
    assert (no.value.code, handed_out) == ("dead-letter-not-held", [])
