"""A reader who has just contributed waits until the plan shows it."""

import asyncio
from typing import Final
from uuid import UUID

from fastapi import Request

from services.plan.doors.events import Folded
from services.plan.doors.release import Lag
from services.plan.reads.current import CurrentPlans
from shared.chassis.http.parameters import (
    described,
    one_header,
    parameter_invalid,
    seconds_to_wait,
)
from shared.chassis.wire.position import Position
from shared.chassis.wire.problem import Problem

MIN_POSITION: Final = described(
    "Ledger-Min-Position",
    "The `ledger_position` of a receipt: the plan is shown only when it holds what was "
    "contributed then. Until it does, the answer is `projection-behind`.",
    place="header",
)

_LOOK_AGAIN: Final = 0.25  # what another replica has folded is seen by looking


class Waiting:
    """Lets a request wait for the position that it names, no longer than it says."""

    def __init__(self, plans: CurrentPlans, folded: Folded, lag: Lag) -> None:
        self._plans = plans
        self._folded = folded
        self._lag = lag

    async def __call__(self, request: Request, plan_id: UUID) -> bool:
        """Wait until the plan is as new as asked for; True where a wait was asked for as well.

        Raises ``parameter-invalid``, ``position-of-another-plan`` and ``projection-behind``.
        """
        given = one_header(request, "Ledger-Min-Position")
        if given is None:
            return False
        try:
            position = Position.decode(given)
        except ValueError:
            detail = "`Ledger-Min-Position` must be the `ledger_position` of a receipt."
            raise parameter_invalid("Ledger-Min-Position", detail) from None
        if position.plan_id != plan_id:
            raise Problem(
                "position-of-another-plan", "Use the `Ledger-Position` of a receipt of this plan."
            )
        patience = seconds_to_wait(request)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (patience or 0.0)
        while not await self._plans.has_reached(position):
            left = deadline - loop.time()
            if left <= 0:
                reached = await self._plans.position(plan_id)
                raise Problem(
                    "projection-behind",
                    "The plan does not show yet what the position asks for.",
                    headers={"Retry-After": "1"},
                    behind_seconds=self._lag(),
                    position=reached.encode(),
                )
            await self._folded.wait(min(left, _LOOK_AGAIN))
        return patience is not None
