"""What is submitted, what answers it, and what the section adds to a content: ids, times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Final, Literal
from uuid import UUID, uuid5

from shared.ledger.provenance import Claim
from shared.ledger.values.documents import Media
from shared.ledger.values.visibility import Visibility


@dataclass(frozen=True)
class Contribution:
    """One submission by a contributor: a command with its content and provenance.

    ``content`` is JSON as it came; whether it has the command's shape is judged by the section.
    """

    contribution_id: UUID
    command: str
    plan_id: UUID | None = None
    entry_id: UUID | None = None
    based_on: int | None = None
    content: dict[str, Any] = field(default_factory=dict)
    visibility: Visibility | None = None
    provenance: Claim = field(default_factory=Claim)


@dataclass(frozen=True)
class Receipt:
    """The answer to a contribution: accepted with the entry and its version, or refused and why.

    What only the commit knows, ``recorded_at`` and ``ledger_position``, is added to its JSON.

    ``facts`` are further members of a refusal (``changed_since``, ``existing_plan_id``).
    """

    contribution_id: UUID
    outcome: Literal["accepted", "refused"]
    plan_id: UUID | None
    section: str
    entry_id: UUID | None = None
    entry_version: int | None = None
    events: tuple[tuple[str, int], ...] = ()
    code: str | None = None
    detail: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The receipt as the doors give it; members without a value are left out."""
        receipt: dict[str, Any] = {
            "contribution_id": str(self.contribution_id),
            "outcome": self.outcome,
            "plan_id": str(self.plan_id) if self.plan_id else None,
            "section": self.section,
        }
        if self.outcome == "refused":
            receipt["code"] = self.code
            receipt["detail"] = self.detail
        if self.entry_id is not None:
            receipt["entry_id"] = str(self.entry_id)
        if self.entry_version is not None:
            receipt["entry_version"] = self.entry_version
        if self.events:
            receipt["events"] = [
                {"type": type_, "entry_version": version} for type_, version in self.events
            ]
        receipt.update(self.facts)
        return receipt


class ItemIdUnusable(ValueError):
    """An ``item_id`` or ``media_id`` that stands twice in one list, or one on what is no item.

    ``path`` says where.
    """

    def __init__(self, path: str, said: str) -> None:
        super().__init__(said)
        self.path = path


def with_item_ids(content: Mapping[str, Any], contribution_id: UUID) -> dict[str, Any]:
    """The content with an id for each item that came without one; those given are kept."""
    return {key: _walked(given, key, contribution_id) for key, given in content.items()}


def item_id(contribution_id: UUID, path: str) -> UUID:
    """The id of an item that came without one: it follows from where it stood, ``phones/1``."""
    return uuid5(contribution_id, path)


def with_added_at(
    content: Mapping[str, Any], held: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """The content with the time at which each of its media was added to the entry.

    ``held`` is what the entry has: the same bytes under the same id keep their time.
    """
    since = {(one.media_id, one.sha256): one.added_at for one in _media_in(held)}
    return {name: _dated(given, since, at) for name, given in content.items()}


def _media_in(given: Any) -> Iterator[Media]:
    if isinstance(given, Media):
        yield given
    elif isinstance(given, Mapping):
        for one in given.values():
            yield from _media_in(one)
    elif isinstance(given, tuple):
        for one in given:
            yield from _media_in(one)
    elif is_dataclass(given) and not isinstance(given, type):
        for name in _names(type(given)):
            yield from _media_in(getattr(given, name))


def _dated(given: Any, since: Mapping[Any, datetime | None], at: datetime) -> Any:
    if type(given) in _LEAVES:
        return given
    if isinstance(given, Media):
        return replace(given, added_at=since.get((given.media_id, given.sha256)) or at)
    if isinstance(given, tuple):
        return tuple(_dated(one, since, at) for one in given)
    if isinstance(given, Mapping):
        return {key: _dated(one, since, at) for key, one in given.items()}
    if not is_dataclass(given) or isinstance(given, type):
        return given
    return replace(
        given, **{name: _dated(getattr(given, name), since, at) for name in _names(type(given))}
    )


_LEAVES: Final = frozenset({str, int, float, bool, type(None), UUID, date, datetime})
"""Types of values with nothing inside; nearly every value is one of these."""


def _walked(given: Any, path: str, contribution_id: UUID) -> Any:
    if type(given) in _LEAVES:
        return given
    if isinstance(given, tuple):
        return _items(given, path, contribution_id)
    if isinstance(given, Mapping):
        return {key: _walked(of, f"{path}.{key}", contribution_id) for key, of in given.items()}
    if not is_dataclass(given) or isinstance(given, type):
        return given
    if getattr(given, "item_id", None) is not None:
        raise ItemIdUnusable(f"{path}.item_id", "Only an item of a list has an `item_id`.")
    return _members(given, path, contribution_id)


def _items(items: tuple[Any, ...], path: str, contribution_id: UUID) -> tuple[Any, ...]:
    made = []
    seen = set()
    for index, item in enumerate(items):
        at = f"{path}/{index}"
        if hasattr(item, "item_id"):
            name, chosen = "item_id", item.item_id or item_id(contribution_id, at)
            made.append(replace(_members(item, at, contribution_id), item_id=chosen))
        else:
            name, chosen = "media_id", getattr(item, "media_id", None)
            made.append(_walked(item, at, contribution_id))
        if chosen is not None and chosen in seen:
            raise ItemIdUnusable(f"{at}.{name}", f"Another item of this list has this `{name}`.")
        seen.add(chosen)
    return tuple(made)


def _members(given: Any, path: str, contribution_id: UUID) -> Any:
    changed = {}
    kind: Any = type(given)
    for name in _names(kind):
        before = getattr(given, name)
        if type(before) in _LEAVES:
            continue
        after = _walked(before, f"{path}.{name}", contribution_id)
        if after is not before and after != before:
            changed[name] = after
    return replace(given, **changed) if changed else given


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))
