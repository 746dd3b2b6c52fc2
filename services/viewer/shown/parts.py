"""The parts of a plan on a page, in the order of the standard: which entries stand in which."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Part:
    """A part of the page: its id there, its heading, and the kinds of entries that stand in it.

    ``nothing`` is what is said where nobody has recorded any; without it an empty part is left out.
    """

    name: str
    title: str
    kinds: tuple[tuple[str, str], ...]
    nothing: str = ""


PARTS: Final = (
    Part(
        "about-me",
        "About me",
        (("about-me", "about-me"),),
        "Nobody has added anything to About me yet. The person can, or somebody they trust.",
    ),
    Part(
        "care-team",
        "The care team",
        (("care-team", "professional-contact"), ("care-team", "personal-contact")),
        "Nobody is named in the care team yet.",
    ),
    Part(
        "needs",
        "Strengths, needs and goals",
        (
            ("needs", "formulation"),
            ("needs", "strength"),
            ("needs", "need"),
            ("goals", "goal"),
            ("goals", "action"),
            ("goals", "stage-goal"),
            ("goals", "outcome"),
        ),
        "No strengths, needs or goals are recorded yet.",
    ),
    Part(
        "contingency-plans",
        "Contingency and safety plans",
        (("contingency-plans", "contingency-plan"),),
        "No contingency plan is recorded.",
    ),
    Part(
        "support-plans",
        "Additional support plans",
        (("support-plans", "support-plan"),),
        "No other plan is shared here.",
    ),
    Part(
        "stewardship",
        "Agreement, reviews and documents",
        (
            ("stewardship", "agreement"),
            ("stewardship", "review"),
            ("stewardship", "linked-document"),
            ("stewardship", "funding"),
        ),
        "No agreement, review or document is recorded yet.",
    ),
    Part("comments", "Comments and proposals", (("stewardship", "comment"),)),
    Part("person", "Personal details", (("person", "person"),)),
    Part(
        "sharing",
        "Who may see this plan, and who may act",
        (("care-team", "relationship"), ("care-team", "proxy")),
    ),
)

ELEMENTS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "about-me": ("about-me",),
    "care-team": ("care-team",),
    "needs": ("needs", "goals"),
    "contingency-plans": ("contingency-plans",),
    "support-plans": ("support-plans",),
    "stewardship": ("stewardship",),
    "person": ("person",),
}
"""Which sections a part names the missing elements of."""
