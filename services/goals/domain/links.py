"""Links from one entry to others, each into the section that it leads to and into no other."""

from typing import Literal

from shared.ledger import EntryRef, value


@value
class GoalRef(EntryRef):
    """An entry of this section: a goal, or an action."""

    section: Literal["goals"]


@value
class NeedRef(EntryRef):
    """An entry of the section `needs`: a need, or a strength."""

    section: Literal["needs"]
