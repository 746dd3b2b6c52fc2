"""Who said something: whose voice it is, who wrote it down, for whom, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.viewer.shown.times import Clock, Moment
from services.viewer.shown.words import plain
from services.viewer.texts import together

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Somebody:
    """A contributor in words: the name, what they are, and the organisation."""

    kind: str
    name: str
    is_what: str
    organisation: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        parts = (self.name, self.is_what, self.organisation)
        return together((part for part in parts if part), ", ")


@dataclass(frozen=True)
class Who:
    """Who said a statement. ``recorder`` is somebody else than ``voice``, or nobody."""

    voice: Somebody
    recorder: Somebody | None
    on_behalf: bool
    said: Moment
    said_ago: str
    recorded: Moment = field(compare=False)
    plan_version: int | None = field(compare=False)

    @property
    def voice_words(self) -> str:
        """Whose words these are, in a word or two: they are never mistaken for another's."""
        return {
            "person": "The person's own words",
            "related-person": "Said by somebody close",
            "professional": "Said by a professional",
            "system": "From a system",
            "device": "From a device",
        }.get(self.voice.kind, "Said by somebody")


def somebody(said: Json) -> Somebody:
    """A party of a provenance, in words."""
    kind = str(said.get("kind", ""))
    role = said.get("role")
    if isinstance(role, Mapping):
        role = role.get("text")
    is_what = str(said.get("relationship") or "") or _role(str(role or ""))
    return Somebody(
        kind,
        str(said.get("name") or ("The person" if kind == "person" else "Name not given")),
        is_what,
        organisation(said.get("organisation")),
    )


def organisation(said: Json | None) -> str:
    """The name of an organisation; its code only where it came without one."""
    if not said:
        return ""
    return str(said.get("name") or said.get("ods") or said.get("local_id") or "")


def who_said(said: Json, clock: Clock) -> Who:
    """Who said what these lines of ``authorship`` are about, or a whole entry."""
    by = somebody(said.get("recorded_by") or said.get("by") or {})
    voice = somebody(said.get("stated_by") or said.get("recorded_by") or said.get("by") or {})
    stated, recorded = str(said.get("stated_at") or ""), str(said.get("recorded_at") or "")
    return Who(
        voice=voice,
        recorder=None if voice == by else by,
        on_behalf=bool(said.get("on_behalf_of")),
        said=clock.instant(stated or recorded),
        said_ago=clock.ago(stated or recorded),
        recorded=clock.instant(recorded),
        plan_version=said.get("plan_version"),
    )


def _role(text: str) -> str:
    # A role is text of a token, written like a name: `care-coordinator`.
    said = plain(text) if text and " " not in text else text
    return said if said[:2].isupper() else said[:1].lower() + said[1:]
