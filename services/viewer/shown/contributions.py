"""What a reader contributes from a page: the contribution that is sent, and what is shown of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from services.viewer.shown.values import Json
from services.viewer.shown.words import Field, Words

COMMENT_KINDS: Final = ("comment", "disagreement")
"""The kinds that need nobody else to be named."""

_REWORD: Final = "careplan.about-me.commands.reword.v1"
_BEGIN: Final = "careplan.about-me.commands.begin.v1"
_COMMENT: Final = "careplan.stewardship.commands.comment-write.v1"


@dataclass(frozen=True)
class Draft:
    """What somebody has written: under which heading or of which kind, and what it is based on."""

    contribution_id: str
    name: str
    text: str
    entry_id: str = ""
    based_on: int = 0
    section: str = ""

    def anew(self, contribution_id: str, based_on: int) -> "Draft":
        """The same words, based on what stands there now."""
        return replace(self, contribution_id=contribution_id, based_on=based_on)


def headings(words: Words) -> Mapping[str, Field]:
    """The headings of About me, in the order of the standard."""
    responses = words.entry("about-me", "about-me").fields["responses"]
    return {name: responses.inside(name) for name in responses.names}


def about_me_of(plan: Json) -> Json:
    """The About me of a plan; empty where nothing was begun."""
    entries = (plan.get("sections") or {}).get("about-me") or ()
    return next(iter(entries), {})


def standing(plan: Json, heading: str) -> str:
    """What stands under a heading now."""
    content = about_me_of(plan).get("content") or {}
    said = ((content.get("responses") or {}).get(heading) or {}).get("text")
    return str(said or "")


def about_me(plan_id: str, draft: Draft, now: datetime) -> dict[str, Any]:
    """The person's words under one heading, as their contribution.

    Pictures and the like that stand there stay: only the words of a heading are written here.
    """
    sent = _contribution(plan_id, draft, _REWORD if draft.entry_id else _BEGIN, now)
    sent["content"] = {"responses": {draft.name: {"text": draft.text}}}
    sent["provenance"]["stated_by"] = {"kind": "person"}
    if draft.entry_id:
        sent |= {"entry_id": draft.entry_id, "based_on": draft.based_on}
    return sent


def comment(plan_id: str, draft: Draft, now: datetime, *, by_person: bool) -> dict[str, Any]:
    """A comment on an entry, or on the whole plan."""
    sent = _contribution(plan_id, draft, _COMMENT, now)
    target: Any = "plan"
    if draft.entry_id:
        target = {"section": draft.section, "entry_id": draft.entry_id}
    sent["content"] = {"target": target, "kind": draft.name, "text": draft.text}
    if by_person:
        sent["provenance"]["stated_by"] = {"kind": "person"}
    return sent


def _contribution(plan_id: str, draft: Draft, command: str, now: datetime) -> dict[str, Any]:
    return {
        "contribution_id": draft.contribution_id,
        "plan_id": plan_id,
        "command": command,
        "provenance": {"stated_at": now.isoformat()},
    }
