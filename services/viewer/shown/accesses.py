"""Who has looked at a plan, for the person whose plan it is: by month, in plain words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from services.viewer.shown.times import Clock, Moment
from services.viewer.shown.values import Json
from services.viewer.shown.who import organisation, somebody


@dataclass(frozen=True)
class Looked:
    """One look at the plan: the organisation first, then in which role, at what, and why."""

    organisation: str
    role: str
    what: str
    why: str
    at: Moment
    was_emergency: bool
    review: str = ""
    reviewed_at: Moment | None = None


def looks(items: Iterable[Json], clock: Clock) -> Iterator[tuple[str, tuple[Looked, ...]]]:
    """The looks of each month, newest first."""
    for month, listed in groupby(items, lambda item: str(item["at"])[:7]):
        yield clock.day(month).words, tuple(_looked(item, clock) for item in listed)


def _looked(item: Json, clock: Clock) -> Looked:
    who, review = item.get("who") or {}, item.get("review") or {}
    return Looked(
        organisation=organisation(who.get("organisation")) or "Somebody without an organisation",
        role=somebody(who).is_what,
        what=str((item.get("what") or {}).get("words") or "Something of your plan"),
        why=str((item.get("why") or {}).get("words") or ""),
        at=clock.instant(str(item["at"])),
        was_emergency=bool(item.get("was_emergency")),
        review=str(review.get("words") or ""),
        reviewed_at=clock.instant(str(review["at"])) if review else None,
    )
