"""The versions of a plan, and what must be said of one that is past."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.viewer.shown.times import Clock, Moment, counted
from services.viewer.shown.values import Json, Key
from services.viewer.shown.who import Somebody, somebody
from services.viewer.shown.words import Words

BASES: Mapping[str, str] = {
    "recorded": "what had been recorded by then",
    "visible": "what a reader could have seen then",
    "effective": "what was true then, as far as is known today",
}
"""The three meanings of a past moment, in words."""


@dataclass(frozen=True)
class Version:
    """One version: what made it, who, and when it came to be seen."""

    number: int
    words: str
    title: str
    by: Somebody | None
    seen: Moment
    said: Moment | None


@dataclass(frozen=True)
class Past:
    """What stands above a past plan."""

    words: str
    later: str


def versions(
    items: Iterable[Json], words: Words, titles: Mapping[Key, str], clock: Clock
) -> Iterator[Version]:
    """The items of a plan's versions, laid out; of one that is withheld only its number."""
    for item in items:
        number = int(item["plan_version"])
        if item.get("withheld"):
            yield Version(number, "Not shared with you", "", None, Moment("", ""), None)
            continue
        key = str(item["section"]), str(item["entry_id"])
        kind = words.entry(key[0], str(item["entry_type"])).title
        stated = item.get("stated_at")
        yield Version(
            number=number,
            words=words.event(str(item["type"])),
            title=titles.get(key) or kind,
            by=somebody(item["by"]) if item.get("by") else None,
            seen=clock.instant(str(item.get("projected_at") or item.get("recorded_at") or "")),
            said=clock.day_of(str(stated)) if stated else None,
        )


def past_of(plan: Json, current: int | None, clock: Clock) -> Past:
    """What must be said above a past plan, from its ``as_at``."""
    told = plan.get("as_at") or {}
    version = int(told.get("resolved_version") or plan.get("plan_version") or 0)
    basis = str(told.get("basis"))
    if basis == "version":
        when = clock.instant(str(told.get("resolved_at") or "")).words
        words = f"This is version {version}, of {when}." if when else f"This is version {version}."
    else:
        when = clock.instant(str(told.get("requested") or "")).words
        words = f"This is the plan as at {when}: {BASES.get(basis, BASES['recorded'])}."
    left = (current or version) - version
    later = ""
    if left > 0:
        is_are = "is" if left == 1 else "are"
        later = f"{counted(left, 'later change')} {is_are} not shown."
    return Past(words, later)
