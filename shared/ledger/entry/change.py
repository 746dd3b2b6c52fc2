"""What an event does to the plan."""

from enum import StrEnum


class Change(StrEnum):
    """What an event does to the plan: puts the entry in, leaves it, takes it out, puts it back."""

    CREATED = "created"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
