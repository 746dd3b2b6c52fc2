"""Plans that were written lately, kept as they were stored: bounded by what they hold in bytes."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from services.plan.store.batch import HeldPlan

# Of documents and what is stored beside them; in memory a plan takes a few times as much.
_BYTES: Final = 8_000_000


class PlanCache:
    """A kept plan is used only where its locked row says that nobody has written it since."""

    def __init__(self, limit: int = _BYTES) -> None:
        self._limit = limit
        self._kept: OrderedDict[UUID, HeldPlan] = OrderedDict()
        self.bytes = 0

    def take(self, plan_id: UUID, revision: int) -> HeldPlan | None:
        """Taken out while a batch works on it: should the batch fail, what is kept is wrong."""
        held = self._forget(plan_id)
        return held if held is not None and held.revision == revision else None

    def keep(self, plans: Iterable[HeldPlan]) -> None:
        """Remember plans as they were committed, apart from those in which something waits.

        What waits may be many times as large as its plan; it is read again with the plan.
        """
        for held in plans:
            self._forget(held.plan.plan_id)
            if held.document and not held.plan.parked:
                held.settle()
                self._kept[held.plan.plan_id] = held
                self.bytes += held.size
        while self.bytes > self._limit:
            self._forget(next(iter(self._kept)))

    def _forget(self, plan_id: UUID) -> HeldPlan | None:
        held = self._kept.pop(plan_id, None)
        if held is not None:
            self.bytes -= held.size
        return held
