"""The guards, and for each the fault that it is there for."""

from collections.abc import Mapping
from typing import Final

CONTROL: Final = "nothing"

FAULT_OF: Final[Mapping[str, str]] = {
    "mark": "kill-goals",
    "offset-transaction": "kill-plan",
    "fence": "kill-goals",
    "seek": "kill-plan",
    "natural-key": "kill-goals",
    "parking": "kill-goals",
    "plan-lock": "two-members",
    "advisory-lock": "two-writers",
    "version-check": "two-writers",
    "repeat": "kill-goals",
    "comparison": "kill-goals",
    "rehash": "kill-goals",
    "kept-fields": "kill-goals",
    "stated-time": "kill-goals",
    "unique-key": "two-writers",
    "clock": "clock-goals",
    CONTROL: "kill-goals",
}
"""By the guard's name; the control has them all."""
