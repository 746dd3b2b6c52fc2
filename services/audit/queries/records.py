"""The list of records as answers give it: newest first, with filters that an index serves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.audit.record.commitment import GROUPS
from services.audit.record.model import Operation, members_of, organisation_as_json
from shared.chassis.database.database import Database
from shared.ledger import instant

COLUMNS: Final = """r.idx, r.id, r.operation, r.type, r.recorded_at, r.logged_at, r.plan_id,
       r.section, r.entry_id, r.entry_version, r.contribution_id, r.code, r.actor_kind, r.actor_id,
       r.organisation, r.purpose, r.policy_version, r.trace_id, p.groups"""

_AS_TOLD: Final = {
    "why": ("purpose_of_use", "case", "relationship", "override", "decision", "inputs_sha256"),
    "object": ("what", "plan_version", "as_at", "sections", "result_count"),
    "view": (
        "status",
        "via",
        "redactions",
        "body_sha256",
        "body_length",
        "media_type",
        "build",
    ),
}
"""Members that an answer takes from the groups unchanged."""

_MIDNIGHT: Final = "({}::timestamp AT TIME ZONE '{}')"
_AUTHN: Final = ("jti", "client_id", "idp", "acr", "auth_time")

NONE: Final = "none"
"""Stands for records that rest on no relationship, or on no override."""

UNJUSTIFIED: Final = "unjustified"
OVERRIDES: Final = {
    "any": "r.override_id IS NOT NULL",
    NONE: "r.override_id IS NULL",
    UNJUSTIFIED: """r.override_id IS NOT NULL AND r.operation = 'read'
       AND r.recorded_at < now() - interval '24 hours'
       AND NOT EXISTS (SELECT FROM audit_record j WHERE j.override_id = r.override_id
                          AND j.operation = 'justification')""",
}
"""What an override is asked to be, beside its kind."""

ACCESSES: Final = ("read", "search", "delivery", "export", "denial", "justification")
"""The operations that a list of accesses shows."""

Groups = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Wanted:
    """Which records are asked for; ``None`` is no filter.

    ``nobody`` is whose records are left out. ``shown`` is a section that something was shown of,
    ``relationship`` the kind of what an access rested on, or ``none``. ``override`` is its kind,
    ``any``, ``none``, or ``unjustified``: one that nobody has given reasons for within a day.
    ``since`` and ``until`` are instants or days of ``zone``, both included. ``after`` is the place
    of the last record of the page before.
    """

    plan_id: UUID | None = None
    organisation: str | None = None
    contributor: str | None = None
    nobody: str | None = None
    contribution_id: UUID | None = None
    section: str | None = None
    operation: str | None = None
    operations: tuple[str, ...] | None = None
    shown: str | None = None
    relationship: str | None = None
    purpose: str | None = None
    override: str | None = None
    since: date | datetime | None = None
    until: date | datetime | None = None
    after: int | None = None
    limit: int = 50
    zone: str = "Europe/London"


class RecordList:
    """Finds records; each list is a range of one index, read from the newest end.

    A day begins at midnight in the time zone of that name.
    """

    def __init__(self, database: Database, zone: str) -> None:
        self._database = database
        self._zone = zone

    async def newest(self, wanted: Wanted, *, shows_authn: bool) -> list[dict[str, Any]]:
        """The newest of the records that are wanted, newest first, as answers give them."""
        async with self._database.pool.acquire() as connection:
            at = None
            if wanted.after is not None:
                at = await connection.fetchval(
                    "SELECT recorded_at FROM audit_record WHERE idx = $1", wanted.after
                )
                if at is None:
                    return []
            query, values = statement(replace(wanted, zone=self._zone), at)
            rows = await connection.fetch(query, *values)
        return [as_item(row, shows_authn=shows_authn) for row in rows]

    async def about(self, idx: int) -> tuple[UUID | None, str | None] | None:
        """Of which plan the record at a place of the log is, and of which organisation's doing."""
        row = await self._database.pool.fetchrow(
            "SELECT plan_id, organisation FROM audit_record WHERE idx = $1", idx
        )
        return None if row is None else (row["plan_id"], row["organisation"])

    async def at(self, idx: int, *, shows_authn: bool) -> dict[str, Any] | None:
        """The record at one place of the log, as lists give it."""
        query = f"""SELECT {COLUMNS} FROM audit_record r JOIN audit_payload p USING (idx)
 WHERE idx = $1"""  # noqa: S608 - COLUMNS is a constant
        rows = await self._database.pool.fetch(query, idx)
        return as_item(rows[0], shows_authn=shows_authn) if rows else None


def statement(wanted: Wanted, after_at: datetime | None) -> tuple[str, list[Any]]:
    """The statement of a page, and its values; ``after_at`` is when ``wanted.after`` happened."""
    by = {
        "r.plan_id = {}": wanted.plan_id,
        "r.organisation = {}": wanted.organisation,
        "r.actor_id = {}": wanted.contributor,
        "r.actor_id IS DISTINCT FROM {}": wanted.nobody,
        "r.contribution_id = {}": wanted.contribution_id,
        "r.section = {}": wanted.section,
        "r.operation = {}": wanted.operation,
        "r.operation = ANY({})": wanted.operations,
        "{} = ANY(r.sections)": wanted.shown,
        "r.purpose = {}": wanted.purpose,
        "r.relationship = {}": None if wanted.relationship == NONE else wanted.relationship,
        "r.override = {}": None if wanted.override in OVERRIDES else wanted.override,
    }
    times = {
        f"r.recorded_at >= {begin(wanted.since, wanted.zone)}": wanted.since,
        f"r.recorded_at {end(wanted.until, wanted.zone)}": wanted.until,
    }
    narrowed = {**by, **times}
    given = {condition: value for condition, value in narrowed.items() if value is not None}
    conditions = [condition.format(f"${number}") for number, condition in enumerate(given, 1)]
    values: list[Any] = list(given.values())
    if wanted.relationship == NONE:
        conditions.append("r.relationship IS NULL")
    if wanted.override in OVERRIDES:
        conditions.append(OVERRIDES[wanted.override])
    if after_at is not None:
        values += [after_at, wanted.after]
        conditions.append(f"(r.recorded_at, r.idx) < (${len(values) - 1}, ${len(values)})")
    if not any(by.values()) and wanted.override in (None, NONE):
        conditions.append("r.idx >= 0")
    where = " AND ".join(conditions)
    query = f"""SELECT {COLUMNS}
  FROM (SELECT * FROM audit_record r WHERE {where}
         ORDER BY r.recorded_at DESC, r.idx DESC LIMIT {wanted.limit:d}) AS r
  JOIN audit_payload p USING (idx) ORDER BY r.recorded_at DESC, r.idx DESC"""  # noqa: S608 - no part comes from a caller
    return query, values


def begin(since: date | datetime | None, zone: str) -> str:
    """The instant that something begins at, with ``{}`` for it: a day begins at its midnight."""
    return "{}" if isinstance(since, datetime) else _MIDNIGHT.format("{}::date", zone)


def end(until: date | datetime | None, zone: str) -> str:
    """The comparison with the instant that something ends at, which is still within it."""
    midnight = _MIDNIGHT.format("({}::date + 1)", zone)
    return "<= {}" if isinstance(until, datetime) else f"< {midnight}"


def as_item(row: Mapping[str, Any], *, shows_authn: bool) -> dict[str, Any]:
    """A record as lists give it: nothing that a plan says is in it, nor a hash of that."""
    groups = _groups(row["groups"])
    told = {
        name: groups.get(group, {}).get(name) for group, names in _AS_TOLD.items() for name in names
    }
    actor = groups.get("actor", {})
    authn = groups.get("authn", {}) if shows_authn else {}
    is_change = row["operation"] == Operation.CHANGE
    return {
        "record_id": row["id"],
        "idx": row["idx"],
        "at": instant(row["recorded_at"]),
        "logged_at": instant(row["logged_at"]),
        "operation": row["operation"],
        "type": row["type"],
        "what": told.pop("what"),
        "status": told.pop("status"),
        "code": row["code"],
        "event_type": row["type"] if is_change else groups.get("change", {}).get("event_type"),
        "via": told.pop("via"),
        "trace_id": row["trace_id"],
        "actor": None if row["actor_kind"] is None else _actor(row, actor),
        "on_behalf_of": actor.get("on_behalf_of"),
        "authn": {name: authn.get(name) for name in _AUTHN} if authn else None,
        "purpose": row["purpose"],
        "policy_version": row["policy_version"],
        "plan_id": _text(row["plan_id"]),
        "section": row["section"],
        "entry_id": _text(row["entry_id"]),
        "entry_version": row["entry_version"],
        "contribution_id": _text(row["contribution_id"]),
        **told,
    }


def _actor(row: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": row["actor_kind"],
        "id": row["actor_id"],
        "name": told.get("name_at_time"),
        "role": told.get("role"),
        "organisation": organisation_as_json(row["organisation"], told.get("org_name")),
    }


def _groups(stored: bytes) -> Groups:
    """What the groups say, without those that were erased."""
    told = zip(GROUPS, members_of(stored), strict=True)
    return {name: orjson.loads(group) or {} for name, group in told if group is not None}


def _text(given: UUID | None) -> str | None:
    return None if given is None else str(given)
