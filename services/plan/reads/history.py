"""The versions of a plan and the contributions to it, from the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.reads.redaction import Left, MarksOfToday, left_out
from services.plan.store.history_item import joined
from services.plan.store.redacted import contribution_without, is_withheld, version_withheld
from services.plan.store.values import dumps
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.marks import Withheld
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Sees

_LONGEST_CONTRIBUTION: Final = 1_000
_VERSION: Final = (
    *("plan_version", "section", "entry_id", "entry_type", "entry_version", "change", "type"),
    *("contribution_id", "recorded_at", "projected_at", "stated_at"),
)
_VERSIONS: Final = f"""
    SELECT {", ".join(_VERSION)}, "by", fields FROM ledger.plan_ledger
     WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
     ORDER BY plan_version DESC LIMIT $3
"""  # noqa: S608 - our own words
# The events of one contribution are versions of one entry that follow each other: it is listed at
# the last of them. Nearly every contribution has one event: few rows go on with one, and the index
# of those is small.
_CONTRIBUTIONS: Final = """
    SELECT plan.revision, page.*
      FROM plan
     CROSS JOIN LATERAL (
           SELECT array_agg(plan_version) AS versions, array_agg(section) AS sections,
                  array_agg(entry_id) AS entry_ids, array_agg(item) AS items,
                  array_agg(plan_version) FILTER (WHERE goes_on) AS going_on
             FROM (SELECT plan_version, section, entry_id, item, goes_on
                     FROM ledger.plan_ledger l
                    WHERE l.plan_id = plan.plan_id AND plan_version < $2
                      AND NOT EXISTS (
                          SELECT FROM ledger.plan_ledger n
                           WHERE n.goes_on AND n.section = l.section AND n.entry_id = l.entry_id
                             AND n.entry_version = l.entry_version + 1)
                    ORDER BY plan_version DESC LIMIT $3) newest_first) page
     WHERE plan.plan_id = $1 AND document IS NOT NULL
"""
_EARLIER: Final = """
    SELECT l.plan_version, array_agg(e.item ORDER BY e.entry_version) AS items
      FROM ledger.plan_ledger l
      JOIN ledger.plan_ledger e
           ON e.section = l.section AND e.entry_id = l.entry_id
          AND e.entry_version < l.entry_version AND e.entry_version > l.entry_version - $3
          AND e.contribution_id = l.contribution_id
     WHERE l.plan_id = $1 AND l.plan_version = ANY($2)
     GROUP BY l.plan_version
"""
_ONE: Final = """
    SELECT plan_version, section, entry_id, entry_version, type, recorded_at, projected_at, "by"
      FROM ledger.plan_ledger WHERE plan_id = $1 AND contribution_id = $2
     ORDER BY plan_version LIMIT $3
"""
_AS_PUBLISHED: Final = """
    SELECT event FROM ledger.plan_ledger WHERE plan_id = $1 AND plan_version = $2
"""
# The first accesses since then are looked through; whoever reads is shown most of a plan, or one
# entry, which only the path names. Who was shown a list of reviews has not looked at the plan.
_FIRST_READ: Final = """
    SELECT read.recorded_at, read.organisation
      FROM (SELECT recorded_at, asked, convert_from(record, 'UTF8')::jsonb AS told,
                   convert_from(who, 'UTF8')::jsonb #> '{actor,organisation}' AS organisation
              FROM ledger.access_record
             WHERE plan_id = $1 AND recorded_at >= $2 AND who IS NOT NULL
             ORDER BY recorded_at LIMIT 1000) AS read
     WHERE told->>'operation' = 'read' AND (told->>'plan_version')::bigint >= $3
       AND told->>'what' <> 'reviews'
       AND told->'sections' ? $4
       AND (told->>'what' <> 'entry' OR asked LIKE '%/entries/' || $5 || '%')
       AND coalesce(organisation->>'ods', organisation->>'local_id') IS DISTINCT FROM $6
       AND NOT coalesce(told->'redactions', '[]') @> jsonb_build_array(jsonb_build_object(
               'section', $4::text, 'entry_id', $5::text, 'field', NULL))
     ORDER BY read.recorded_at LIMIT 1
"""
_NEWEST: Final = 2**63 - 1

_REVISION: Final = "SELECT revision FROM plan WHERE plan_id = $1 AND document IS NOT NULL"


@dataclass(frozen=True)
class Page:
    """Items as JSON, newest first, what of them was left out, and where the next page begins.

    That is the plan version to go on before, where there are more.
    """

    items: Sequence[bytes]
    redactions: tuple[Left, ...]
    following: int | None


@dataclass(frozen=True)
class OnThePlan:
    """What has come of one contribution: its versions of the plan, and who saw them first.

    ``first_read`` is the first read of the entry since, by anybody but the organisation that
    contributed.
    """

    rows: Sequence[Mapping[str, Any]]
    first_read: Mapping[str, Any] | None


class History:
    """Lists versions and contributions; changes nothing."""

    def __init__(self, database: Database, marks: MarksOfToday) -> None:
        self._database = database
        self._marks = marks

    async def versions(
        self, plan_id: UUID, before: int | None, limit: int, sees: Sees
    ) -> Page | None:
        """A page of versions; ``None`` where there is no such plan."""
        rows = await self._database.pool.fetch(_VERSIONS, plan_id, before, limit + 1)
        redaction = await self._redaction(plan_id, sees)
        if redaction is None:
            return None
        items = [
            version_withheld(row["plan_version"])
            if is_withheld(row["fields"], redaction.of(row["section"], row["entry_id"]))
            else dumps({**{name: row[name] for name in _VERSION}, "by": orjson.Fragment(row["by"])})
            for row in rows[:limit]
        ]
        versions = [row["plan_version"] for row in rows]
        keys = dict.fromkeys((row["section"], row["entry_id"]) for row in rows[:limit])
        withheld = {key: redaction.of(*key) for key in keys}
        return _page(items, versions, withheld, limit)

    async def contributions(
        self, plan_id: UUID, before: int | None, limit: int, sees: Sees
    ) -> Page | None:
        """A page of contributions; ``None`` where there is no such plan."""
        page = await self._database.pool.fetchrow(
            _CONTRIBUTIONS, plan_id, _NEWEST if before is None else before, limit + 1
        )
        if page is None:
            return None
        # The marks of the snapshot that the page is of, or later ones: they know of all in it.
        marks = await self._marks.of(plan_id, page["revision"])
        redaction = marks.withheld_from(sees)
        versions = page["versions"] or []
        items: list[bytes] = (page["items"] or [])[:limit]
        keys = list(zip(page["sections"] or (), page["entry_ids"] or (), strict=True))[:limit]
        if page["going_on"]:
            earlier = await self._earlier(plan_id, page["going_on"])
            items = [
                joined([*earlier[version], item]) if version in earlier else item
                for version, item in zip(versions, items, strict=False)
            ]
        withheld = {key: redaction.of(*key) for key in dict.fromkeys(keys)}
        if any(withheld.values()):
            items = [
                contribution_without(item, withheld[key]) if withheld[key] else item
                for key, item in zip(keys, items, strict=True)
            ]
        return _page(items, versions, withheld, limit)

    async def contribution(
        self, plan_id: UUID, contribution_id: UUID, whose: str
    ) -> OnThePlan | None:
        """What has come of a contribution; ``None`` until it is on this plan.

        ``whose`` it is, as a contributor's key: a section keeps ids of its own, so others may have
        used the same one elsewhere.
        """
        rows = await self._database.pool.fetch(
            _ONE, plan_id, contribution_id, _LONGEST_CONTRIBUTION
        )
        by_entry: dict[tuple[str, UUID], list[Mapping[str, Any]]] = {}
        for row in rows:
            by_entry.setdefault((row["section"], row["entry_id"]), []).append(row)
        for found in by_entry.values():
            code = _code_in(found[-1]["by"])
            key = f"org:{code}" if code else f"sub:{await self._sub_of(plan_id, found[-1])}"
            if key == whose:
                return OnThePlan(found, await self._first_read(plan_id, found[-1], code))
        return None

    async def _first_read(
        self, plan_id: UUID, last: Mapping[str, Any], code: str | None
    ) -> Mapping[str, Any] | None:
        read: Mapping[str, Any] | None = await self._database.pool.fetchrow(
            _FIRST_READ,
            plan_id,
            last["projected_at"],
            last["plan_version"],
            last["section"],
            str(last["entry_id"]),
            code,
        )
        return read

    async def _sub_of(self, plan_id: UUID, row: Mapping[str, Any]) -> str | None:
        """Who recorded it, as their token named them: of a person, no list says so."""
        event = await self._database.pool.fetchval(_AS_PUBLISHED, plan_id, row["plan_version"])
        identifier = orjson.loads(event)["provenance"]["recorded_by"].get("identifier") or {}
        sub: str | None = identifier.get("value")
        return sub

    async def _earlier(
        self, plan_id: UUID, versions: Sequence[int]
    ) -> Mapping[int, Sequence[bytes]]:
        """What the contributions of these versions had said before, by version."""
        rows = await self._database.pool.fetch(_EARLIER, plan_id, versions, _LONGEST_CONTRIBUTION)
        return {row["plan_version"]: row["items"] for row in rows}

    async def _redaction(self, plan_id: UUID, sees: Sees) -> Redaction | None:
        """What is withheld today. It is asked after the list, so it knows of all that is listed."""
        revision = await self._database.pool.fetchval(_REVISION, plan_id)
        if revision is None:
            return None
        return (await self._marks.of(plan_id, revision)).withheld_from(sees)


def _code_in(by: bytes) -> str | None:
    """The code of the organisation that recorded something, where one did."""
    organisation = orjson.loads(by).get("organisation") or {}
    code: str | None = organisation.get("ods") or organisation.get("local_id")
    return code


def _page(
    items: Sequence[bytes],
    versions: Sequence[int],
    withheld: Mapping[tuple[str, UUID], Withheld],
    limit: int,
) -> Page:
    """Of what was found, a version more than the limit where there are more."""
    return Page(
        items,
        tuple(one for key, what in withheld.items() for one in left_out(*key, what)),
        versions[limit - 1] if len(versions) > limit else None,
    )
