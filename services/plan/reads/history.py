"""The versions of a plan and the contributions to it, from the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from shared.chassis.database.database import Database

_LONGEST_CONTRIBUTION: Final = 1_000
_VERSION: Final = (
    *("plan_version", "section", "entry_id", "entry_type", "entry_version", "change", "type"),
    *("contribution_id", "recorded_at", "projected_at", "stated_at"),
)
_VERSION_COLUMNS: Final = f'{", ".join(_VERSION)}, "by"'
_HISTORY_COLUMNS: Final = ", ".join(
    f"l.{name}"
    for name in (
        *("plan_version", "section", "entry_id", "entry_type", "entry_version", "change", "type"),
        *("contribution_id", "recorded_at", "stated_at", '"by"', "stated_by", "fields", "event"),
    )
)

Page = tuple[list[dict[str, Any]], int | None]
"""Items, newest first, and the plan version to go on before, where there are more."""


class _Provenance(msgspec.Struct, gc=False):
    reason: Any = None


class _Event(msgspec.Struct, gc=False):
    """What is shown of an event; the rest of it is passed over unread."""

    content: msgspec.Raw
    provenance: _Provenance


_event: Final = msgspec.json.Decoder(_Event).decode


class History:
    """Lists versions and contributions; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, plan_id: UUID, before: int | None, limit: int) -> Page:
        """A page of versions."""
        rows = await self._database.pool.fetch(
            f"""SELECT {_VERSION_COLUMNS} FROM ledger.plan_ledger
                 WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
                 ORDER BY plan_version DESC LIMIT $3""",  # noqa: S608 - our own words
            plan_id,
            before,
            limit + 1,
        )
        items = [
            {**{name: row[name] for name in _VERSION}, "by": orjson.Fragment(row["by"])}
            for row in rows[:limit]
        ]
        return items, rows[limit - 1]["plan_version"] if len(rows) > limit else None

    async def contributions(self, plan_id: UUID, before: int | None, limit: int) -> Page:
        """A page of contributions.

        The events of one contribution are versions of one entry that follow each other: it is
        listed at the last of them.
        """
        last = await self._database.pool.fetch(
            f"""SELECT {_HISTORY_COLUMNS}, EXISTS (
                       SELECT 1 FROM ledger.plan_ledger b
                        WHERE b.section = l.section AND b.entry_id = l.entry_id
                          AND b.entry_version = l.entry_version - 1
                          AND b.contribution_id = l.contribution_id) AS has_earlier
                  FROM ledger.plan_ledger l
                 WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
                   AND NOT EXISTS (
                       SELECT 1 FROM ledger.plan_ledger n
                        WHERE n.section = l.section AND n.entry_id = l.entry_id
                          AND n.entry_version = l.entry_version + 1
                          AND n.contribution_id = l.contribution_id)
                 ORDER BY plan_version DESC LIMIT $3""",  # noqa: S608 - our own words
            plan_id,
            before,
            limit + 1,
        )
        listed = last[:limit]
        several = [row for row in listed if row["has_earlier"]]
        earlier = await self._earlier(several) if several else {}
        items = [_item([*earlier.get(_contribution(row), []), row]) for row in listed]
        return items, listed[-1]["plan_version"] if len(last) > limit else None

    async def _earlier(
        self, listed: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[str, UUID, UUID], list[Mapping[str, Any]]]:
        """The events of these contributions before their last ones."""
        rows = await self._database.pool.fetch(
            f"""SELECT {_HISTORY_COLUMNS}
                  FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[])
                              AS last (section, entry_id, entry_version, contribution_id)
                  JOIN ledger.plan_ledger l ON l.section = last.section
                       AND l.entry_id = last.entry_id
                       AND l.entry_version < last.entry_version
                       AND l.entry_version > last.entry_version - $5
                       AND l.contribution_id = last.contribution_id
                 ORDER BY l.plan_version""",  # noqa: S608 - our own words
            [row["section"] for row in listed],
            [row["entry_id"] for row in listed],
            [row["entry_version"] for row in listed],
            [row["contribution_id"] for row in listed],
            _LONGEST_CONTRIBUTION,
        )
        found: dict[tuple[str, UUID, UUID], list[Mapping[str, Any]]] = {}
        for row in rows:
            found.setdefault(_contribution(row), []).append(row)
        return found


def _contribution(row: Mapping[str, Any]) -> tuple[str, UUID, UUID]:
    return row["section"], row["entry_id"], row["contribution_id"]


def _item(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    events = [_event(row["event"]) for row in rows]
    contents = [orjson.loads(bytes(event.content)) for event in events]
    last = rows[-1]
    return {
        "contribution_id": last["contribution_id"],
        "plan_versions": [row["plan_version"] for row in rows],
        "section": last["section"],
        "entry_id": last["entry_id"],
        "entry_type": last["entry_type"],
        "recorded_at": last["recorded_at"],
        "stated_at": last["stated_at"],
        "by": orjson.Fragment(last["by"]),
        "stated_by": orjson.Fragment(last["stated_by"]),
        "reason": _reason(events, contents),
        "events": [
            {
                "plan_version": row["plan_version"],
                "entry_version": row["entry_version"],
                "type": row["type"],
                "change": row["change"],
                "fields": row["fields"],
                "content": content,
            }
            for row, content in zip(rows, contents, strict=True)
        ],
    }


def _reason(events: Sequence[_Event], contents: Sequence[Mapping[str, Any]]) -> Any:
    for event, content in zip(events, contents, strict=True):
        reason = content.get("reason") or event.provenance.reason
        if reason is not None:
            return reason
    return None
