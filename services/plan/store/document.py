"""A plan as bytes ready to send, and its stored pieces: the one place where its JSON is made."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.fold.domain import EntryKey, Plan, PlanEntry
from shared.chassis.wire.plain_json import fitted

_OPTIONS: Final = orjson.OPT_UTC_Z
_HASHED: Final = 16


@dataclass(slots=True)
class Shown:
    """An entry as it stands in the default document."""

    section: str
    current: bool
    body: orjson.Fragment


def dumps(value: Any) -> bytes:
    """JSON as the plan gives it: instants in UTC with ``Z``, ids in lower case."""
    return orjson.dumps(value, default=_id_of_the_driver, option=_OPTIONS)


def shown(entry: PlanEntry, content: bytes | None = None) -> Shown:
    """The entry as the default document has it; ``content`` where its bytes are there already."""
    item = _item(entry)
    if content is not None:
        item["content"] = orjson.Fragment(content)
    return Shown(entry.section, entry.current, orjson.Fragment(fitted(dumps(item))))


def shown_from(row: Mapping[str, Any]) -> Shown:
    """The same from a stored row, its content as it is stored."""
    item = {
        "entry_id": str(row["entry_id"]),
        "entry_type": row["entry_type"],
        "entry_version": row["entry_version"],
        "current": row["current"],
        "state": row["state"],
        "recorded_at": row["recorded_at"],
        "stated_at": row["stated_at"],
        "content": orjson.Fragment(row["content"]),
    }
    return Shown(row["section"], row["current"], orjson.Fragment(fitted(dumps(item))))


def plan_document(plan: Plan, entries: Iterable[Shown]) -> bytes:
    """The plan with those of the entries that are current.

    They are given in the order in which they came onto the plan.
    """
    sections: dict[str, list[orjson.Fragment]] = {}
    for entry in entries:
        if entry.current:
            sections.setdefault(entry.section, []).append(entry.body)
    document: dict[str, Any] = {
        "plan_id": str(plan.plan_id),
        "plan_version": plan.version,
        "state": plan.state,
        "opened_at": plan.opened_at,
        "last_updated": plan.last_updated,
        "complete": plan.is_complete,
        "sections": sections,
        "parked": _parked(plan),
    }
    if plan.merged_into is not None:
        document["merged_into"] = plan.merged_into
    return dumps(document)


def with_details(
    document: bytes,
    entries: Iterable[PlanEntry],
    *,
    withdrawn: bool = False,
    authorship: bool = False,
    merged_from: Iterable[UUID] = (),
) -> bytes:
    """The default document with what was asked for besides: entries withdrawn, who said what.

    The entries are given in the order in which they came onto the plan.
    """
    told = orjson.loads(document)
    sections: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        if entry.current or withdrawn:
            item = _item(entry)
            if authorship:
                item["authorship"] = {
                    leaf: entry.said[version] for leaf, version in entry.leaves.items()
                }
            sections.setdefault(entry.section, []).append(item)
    told["sections"] = sections
    return merged_document(told, merged_from)


def merged_document(told: dict[str, Any], merged_from: Iterable[UUID]) -> bytes:
    """The document of a plan that others were merged into, which lists them."""
    others = sorted(merged_from)
    return dumps({**told, "merged_from": others} if others else told)


def etag(plan_version: int, body: bytes) -> str:
    """It follows from whatever changes the bytes."""
    return f'"{plan_version}-{hashlib.sha256(body).hexdigest()[:_HASHED]}"'


def authorship_bytes(entry: PlanEntry) -> bytes:
    """Leaves and versions as stored: who was behind a version stands there once."""
    said = {str(version): told for version, told in entry.said.items()}
    return dumps({"leaves": entry.leaves, "said": said})


def entry_from(row: Mapping[str, Any]) -> PlanEntry:
    """An entry from its stored row."""
    authorship = orjson.loads(row["authorship"])
    return PlanEntry(
        section=row["section"],
        entry_id=row["entry_id"],
        entry_type=row["entry_type"],
        order=row["entry_order"],
        recorded_at=row["recorded_at"],
        stated_at=row["stated_at"],
        version=row["entry_version"],
        current=row["current"],
        is_in_error=row["state"] == "entered-in-error",
        content=orjson.loads(row["content"]),
        leaves=authorship["leaves"],
        said={int(version): told for version, told in authorship["said"].items()},
    )


def key_of(row: Mapping[str, Any]) -> EntryKey:
    """The entry a stored row is about."""
    return row["section"], row["entry_id"]


def _id_of_the_driver(value: Any) -> str:
    # asyncpg has a class of its own for ids, which the serialiser does not take for one.
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no JSON of {type(value).__name__}")


def _item(entry: PlanEntry) -> dict[str, Any]:
    return {
        "entry_id": str(entry.entry_id),
        "entry_type": entry.entry_type,
        "entry_version": entry.version,
        "current": entry.current,
        "state": entry.state,
        "recorded_at": entry.recorded_at,
        "stated_at": entry.stated_at,
        "content": entry.content,
    }


def _parked(plan: Plan) -> list[dict[str, Any]]:
    waiting = []
    for key in sorted(plan.parked):
        section, entry_id = key
        events = plan.parked[key].values()
        waiting.append(
            {
                "section": section,
                "entry_id": entry_id,
                "waiting_from_version": plan.version_of(key) + 1,
                "since": min(event.recorded_at for event in events),
            }
        )
    return waiting
