"""A plan at an instant by the plainest reading of the three clocks: slow, and independent.

Like the plain fold it shares no code with any service. Every event of the plan is asked whether it
counts by the instant, and those that do are folded from the first.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.testing.plain_fold import (
    Event,
    Key,
    Taken,
    applied,
    finished,
    key_of,
    leaves_of,
    named,
    of_counted,
    stated_at,
)

Versioned = Sequence[tuple[int, Event]]


def recorded_plan(plan_id: str, told: Taken, at: datetime, **shown: Any) -> dict[str, Any]:
    """What the ledger had been told by then; its ``as_at`` has only the version and the rest."""
    counted = [
        (version, event)
        for version, event in enumerate(told.events, 1)
        if _moment(event["recorded_at"]) <= at
    ]
    waiting = {
        key: event for key, event in told.waiting.items() if _moment(event["recorded_at"]) <= at
    }
    plan = of_counted(plan_id, counted, **shown)
    highest: int = plan["plan_version"]
    newest = max((_moment(event["recorded_at"]) for _, event in counted), default=at)
    plan = finished(plan, Taken(told.events, waiting))
    return {**plan, "as_at": _as_at(counted, highest, newest)}


def effective_plan(plan_id: str, told: Taken, at: datetime, **shown: Any) -> dict[str, Any]:
    """What applied then, as it is known now; beside its sections it says what it says today."""
    today = of_counted(plan_id, list(enumerate(told.events, 1)))
    effects = _effects(told.events)
    counted = [
        (version, event)
        for version, event in enumerate(told.events, 1)
        if effects[key_of(event), event["entry_version"]] <= at
    ]
    out = {key for key, ends in _ends(counted).items() if ends is not None and ends <= at}
    plan = {**today, "sections": of_counted(plan_id, counted, out=out, **shown)["sections"]}
    all_of_it = finished(plan, told)
    waiting = {key: one for key, one in told.waiting.items() if _waits(key, one, effects, at)}
    plan = {**all_of_it, "parked": finished(plan, Taken(told.events, waiting))["parked"]}
    return {**plan, "as_at": _as_at(counted, len(told.events), at)}


def nothing_counts(plan: Mapping[str, Any]) -> bool:
    """True where no event of it counts by the instant."""
    return not plan["as_at"]["counted"]


def instants_of(told: Taken) -> set[datetime]:
    """Every instant at which anything of it begins or ends to count, by what its events say."""
    effects = set(_effects(told.events).values())
    recorded = {_moment(event["recorded_at"]) for event in told.events}
    content = {
        at
        for event in told.events
        for name in ("ends_at", "live_until")
        if (at := _instant_in(event["content"].get(name))) is not None
    }
    return effects | recorded | content


def _as_at(counted: Versioned, highest: int, resolved_at: datetime) -> dict[str, Any]:
    versions = {version for version, _ in counted}
    missing = [version for version in range(1, highest + 1) if version not in versions]
    ranges: list[list[int]] = []
    for version in missing:
        if ranges and ranges[-1][1] == version - 1:
            ranges[-1][1] = version
        else:
            ranges.append([version, version])
    return {
        "resolved_version": highest,
        "resolved_at": resolved_at.isoformat().replace("+00:00", "Z"),
        "without": ranges,
        "counted": len(versions),
    }


def _effects(events: Sequence[Event]) -> dict[tuple[Key, int], datetime]:
    """From when each event counts."""
    effects: dict[tuple[Key, int], datetime] = {}
    for event in events:
        key = key_of(event)
        first = effects.get((key, 1))
        effects[key, event["entry_version"]] = _effect(event, first)
    return effects


def _effect(event: Event, first: datetime | None) -> datetime:
    sets = leaves_of(event)
    dates = {name: _instant_in(event["content"].get(name)) for name in sets}
    said = _moment(stated_at(event))
    if event["change"] in ("created", "restored"):
        said = dates.get("starts_at") or dates.get("live_from") or said
    if event["change"] == "withdrawn":
        said = dates.get("ends_at") or said
    if first is None:
        return said
    last_word = event["type"].rpartition(".v")[0]
    if named(event, "entered-in-error") or last_word.endswith("corrected"):
        return first
    return max(said, first)


def _ends(counted: Versioned) -> dict[Key, datetime | None]:
    """From when each entry is out, by the content that it has after these events."""
    contents: dict[Key, dict[str, Any]] = {}
    for _, event in counted:
        contents[key_of(event)] = applied(event, contents.get(key_of(event), {}))
    return {
        key: _instant_in(content.get("ends_at")) or _instant_in(content.get("live_until"))
        for key, content in contents.items()
    }


def _waits(
    key: tuple[Key, int], event: Event, effects: Mapping[tuple[Key, int], datetime], at: datetime
) -> bool:
    return _effect(event, effects.get((key[0], 1))) <= at


def _instant_in(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
