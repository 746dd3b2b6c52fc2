"""How much each organisation, and the person, contributed in each month: a table, and lanes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from services.viewer.shown.times import Clock, Moment, counted
from services.viewer.shown.values import Json
from services.viewer.shown.who import organisation
from services.viewer.texts import together

_MOST_MONTHS: Final = 24
"""Of a longer time the last two years are shown, and what was before in one column."""

_STEP, _BAR, _LANE, _NAMES, _TOP = 34, 22, 44, 300, 8
"""The measures of the picture, in its own units: a month, a bar, a lane, and where lanes begin."""

_DID: Final = {
    "created": "added",
    "amended": "changed",
    "withdrawn": "taken out",
    "restored": "put back",
    "commented": "commented",
}
_KINDS: Final = {"person": "The person", "related-person": "Somebody close to the person"}


@dataclass(frozen=True)
class Month:
    """A month, and the two days whose plans are compared to see what changed in it."""

    words: str
    short: str
    year: str
    before: str
    last: str
    x: int


@dataclass(frozen=True)
class Bar:
    """One bar of a lane: how many contributions it stands for, and where it is drawn."""

    number: int
    x: int
    y: int
    height: int


@dataclass(frozen=True)
class Lane:
    """One contributor: how many in each month, altogether, and the last of them."""

    name: str
    kind: str
    numbers: tuple[int, ...]
    earlier: int
    total: int
    did: str
    last: Moment | None
    bars: tuple[Bar, ...]
    y: int


@dataclass(frozen=True)
class Lanes:
    """All of them; ``silent`` have not contributed since they joined. Sizes are of the picture."""

    months: tuple[Month, ...]
    lanes: tuple[Lane, ...]
    silent: tuple[tuple[str, str], ...]
    total: int
    has_earlier: bool
    withheld: str
    width: int
    height: int
    names: int

    @property
    def words(self) -> str:
        """What the picture shows, for those who do not see it."""
        said = (f"{lane.name}: {lane.total}" for lane in self.lanes)
        return f"{counted(self.total, 'contribution')}. {together(said, '; ')}."


def lanes_of(
    by_month: Sequence[Json], by_contributor: Iterable[Json], withheld: int, clock: Clock
) -> Lanes:
    """What was counted, laid out: by contributor and month, and by contributor alone."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for item in by_month:
        month = str(item.get("month"))
        counts.setdefault(_key(item), {})[month] = int(item.get("total") or 0)
    months = _months({month for each in counts.values() for month in each})
    shown = months[-_MOST_MONTHS:]
    highest = max((each.get(m, 0) for each in counts.values() for m in shown), default=1) or 1
    lanes: list[Lane] = []
    silent = []
    for item in by_contributor:
        key, total = _key(item), int(item.get("total") or 0)
        if not total:
            joined = str(item.get("joined_at") or "")
            silent.append((_name(item), clock.day_of(joined).words if joined else ""))
            continue
        of_months = counts.get(key, {})
        numbers = tuple(of_months.get(month, 0) for month in shown)
        last, y = item.get("last_at"), _TOP + len(lanes) * _LANE
        lanes.append(
            Lane(
                name=_name(item),
                kind=key[0],
                numbers=numbers,
                earlier=total - sum(numbers),
                total=total,
                did=_did(item),
                last=clock.day_of(str(last)) if last else None,
                bars=tuple(_bars(numbers, highest, y)),
                y=y,
            )
        )
    return Lanes(
        months=tuple(_month(month, place, clock) for place, month in enumerate(shown)),
        lanes=tuple(lanes),
        silent=tuple(silent),
        total=sum(lane.total for lane in lanes),
        has_earlier=any(lane.earlier for lane in lanes),
        withheld=f"{counted(withheld, 'contribution')} not shared with you" if withheld else "",
        width=_NAMES + len(shown) * _STEP + 12,
        height=_TOP + len(lanes) * _LANE + 44,
        names=_NAMES,
    )


def _key(item: Json) -> tuple[str, str]:
    said: Mapping[str, object] = item.get("organisation") or {}
    return str(item.get("kind")), str(said.get("ods") or said.get("local_id") or "")


def _name(item: Json) -> str:
    return organisation(item.get("organisation")) or _KINDS.get(str(item.get("kind")), "Somebody")


def _did(item: Json) -> str:
    said = ((int(item.get(name) or 0), words) for name, words in _DID.items())
    return together((f"{number} {words}" for number, words in said if number), ", ")


def _months(known: Iterable[str]) -> list[str]:
    """Every month from the first to the last, those with nothing among them."""
    ordered = sorted(known)
    if not ordered:
        return []
    found, month = [], date.fromisoformat(f"{ordered[0]}-01")
    while (name := f"{month:%Y-%m}") <= ordered[-1]:
        found.append(name)
        month = (month + timedelta(days=32)).replace(day=1)
    return found


def _month(name: str, place: int, clock: Clock) -> Month:
    first = date.fromisoformat(f"{name}-01")
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return Month(
        words=clock.day(name).words,
        short=f"{first:%b}",
        year=f"{first:%Y}" if first.month == 1 or not place else "",
        before=(first - timedelta(days=1)).isoformat(),
        last=min(last, clock.now.astimezone(clock.zone).date()).isoformat(),
        x=_NAMES + place * _STEP + _STEP // 2,
    )


def _bars(numbers: Iterable[int], highest: int, y: int) -> Iterable[Bar]:
    room = _LANE - 16
    for place, number in enumerate(numbers):
        if number:
            height = max(3, round(room * number / highest))
            x = _NAMES + place * _STEP + (_STEP - _BAR) // 2
            yield Bar(number, x, y + _LANE - 6 - height, height)
