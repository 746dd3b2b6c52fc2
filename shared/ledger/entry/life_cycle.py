"""What several entries can do: be taken out and put back, and be confirmed as still right.

An entry inherits what it needs and gives the two refusals its own codes and words:

    class Goal(CanBeSetAside):
        already_out = Refusal("goal-already-set-aside", ...)
        not_out = Refusal("goal-not-set-aside", ...)

One whose return has fields of its own declares its two events and commands itself, by
``withdraws`` and ``restores``.
"""

from shared.ledger.entry.declared import changes, restores, withdraws
from shared.ledger.entry.entry import Entry
from shared.ledger.entry.events import Amendment, Restoration, Withdrawal
from shared.ledger.entry.fields import ChangeReason
from shared.ledger.words import titled


class CanBeSetAside(Entry):
    """An entry that is set aside for a reason, and may be resumed."""

    @titled("Set aside")
    class SetAside(Withdrawal):
        """It is no longer part of the current plan."""

        reason: ChangeReason

    @titled("Resumed")
    class Resumed(Restoration):
        """It is part of the current plan again."""

    @withdraws(SetAside, "Set aside")
    def set_aside(self, said: SetAside) -> None:
        """Take it out of the current plan; ``resume`` undoes it."""

    @restores(Resumed, "Resume")
    def resume(self, said: Resumed) -> None:
        """Put it back into the current plan."""


class CanEnd(Entry):
    """An entry that ends for a reason, and may be reinstated."""

    @titled("Ended")
    class Ended(Withdrawal):
        """It is over, and no longer part of the current plan."""

        reason: ChangeReason

    @titled("Reinstated")
    class Reinstated(Restoration):
        """It is part of the current plan again."""

        reason: ChangeReason | None = None

    @withdraws(Ended, "End")
    def end(self, said: Ended) -> None:
        """End it; ``reinstate`` undoes it."""

    @restores(Reinstated, "Reinstate")
    def reinstate(self, said: Reinstated) -> None:
        """Put it back into the current plan."""


class CanBeConfirmed(Entry):
    """An entry of which somebody says that it is still right, which changes nothing of it."""

    @titled("Confirmed")
    class Confirmed(Amendment):
        """Somebody looked at it, and it is still right as it stands."""

    @changes(Confirmed, "Confirm")
    def confirm(self, said: Confirmed) -> None:
        """Still right as it stands."""
