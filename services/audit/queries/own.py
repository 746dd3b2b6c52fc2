"""Accesses as the person is told of them: who, what and why, in words that everybody knows."""

from collections.abc import Mapping
from typing import Any, Final

_WHAT: Final[Mapping[str, str]] = {
    "plan": "Your plan",
    "emergency": "What your plan says for emergencies",
    "version": "Your plan as it was in an earlier version",
    "as-at": "Your plan as it was on an earlier day",
    "versions": "The list of the versions of your plan",
    "history": "The list of what was contributed to your plan",
    "diff": "What has changed in your plan",
    "entry": "One entry of your plan",
    "entry-history": "What has become of one entry of your plan",
    "findings": "What is overdue or missing in your plan",
    "reviews": "The reviews of your plan",
    "media": "A picture, recording or document of your plan",
    "validate": "What a contribution would change in your plan",
}
_WHY: Final[Mapping[str, str]] = {
    "direct-care": "To care for you",
    "review": "To check how care is given",
    "emergency": "In an emergency",
    "own-access": "For yourself, by you or by somebody who acts for you",
}
_HOW: Final[Mapping[str, str]] = {
    "read": "Looked at it",
    "export": "Took a copy",
    "delivery": "Was sent it",
}
SHOWN_TO_THE_PERSON: Final = ("read", "export", "delivery")
"""The operations that the person is told of."""


def as_told(item: Mapping[str, Any]) -> dict[str, Any]:
    """One record of an access, for the person whose plan it is; nobody is named."""
    actor = item["actor"] or {}
    what, purpose = item["what"], item["purpose"]
    return {
        "access_id": item["record_id"],
        "at": item["at"],
        "who": {
            "role": actor.get("role"),
            "organisation": actor.get("organisation"),
            "name": None,
        },
        "what": {
            "view": what,
            "sections": item["sections"] or [],
            "words": _WHAT.get(what, "Something of your plan"),
        },
        "why": {"purpose": purpose, "words": _WHY.get(purpose, "For another reason")},
        "how": _HOW[item["operation"]],
        "was_emergency": item["override"] is not None,
    }
