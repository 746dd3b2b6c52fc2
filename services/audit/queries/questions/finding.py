"""Answers of named questions that are more than a search: each is a statement, or a proof."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from services.audit.log.rehash import Damaged, hash_again
from services.audit.queries.evidence import AsOf, LogReads, SizeUnknown, as_base64
from services.audit.queries.questions.question import Given
from services.audit.queries.records import begin, end
from services.audit.queries.search.finding import USUAL_DAYS
from services.audit.queries.search.moments import moment_of
from services.audit.record.commitment import GROUPS, leaf_hash
from services.audit.record.model import members_of
from services.audit.store.log import (
    Asked,
    count_of_records,
    shown_checkpoints,
    stored_records,
)
from services.audit.store.positions import gaps
from shared.ledger import instant

MOST_ROWS: Final = 1_000
"""How many rows an answer has that is no search."""

_ACTOR: Final = GROUPS.index("actor")

_WITHDRAWN: Final = """
SELECT r.idx, r.plan_id, r.section, r.entry_id, r.entry_version, r.recorded_at AS at, r.actor_id,
       w.idx AS withdrawn_idx, w.recorded_at AS withdrawn_at, w.actor_id AS withdrawn_by,
       w.organisation AS withdrawn_org,
       extract(epoch FROM w.recorded_at - r.recorded_at)::float8 AS seconds_live,
       (SELECT count(DISTINCT a.actor_id) FROM audit_record a
         WHERE a.plan_id = r.plan_id AND a.operation IN ('read', 'export', 'delivery')
           AND a.sections && ARRAY[r.section] AND a.idx < $2
           AND a.recorded_at >= r.recorded_at AND a.recorded_at < w.recorded_at) AS readers_between
  FROM audit_record w
  JOIN audit_record r ON r.entry_id = w.entry_id AND r.section = w.section
   AND r.operation = 'change' AND r.entry_version < w.entry_version AND r.change <> 'withdrawn'
   AND NOT EXISTS (SELECT FROM audit_record b
        WHERE b.entry_id = w.entry_id AND b.section = w.section AND b.change = 'withdrawn'
          AND b.entry_version > r.entry_version AND b.entry_version < w.entry_version)
 WHERE w.change = 'withdrawn' AND w.operation = 'change' AND r.organisation = $1
   AND w.idx < $2 {bounds}
 ORDER BY w.recorded_at DESC, w.idx DESC, r.idx DESC LIMIT 1001
"""

# One that was put back was there to be read again: what counts is the withdrawal that lasts.
_LIVES: Final = """
SELECT created_at, CASE last WHEN 'withdrawn' THEN withdrawn_at END AS withdrawn_at
  FROM (SELECT min(recorded_at) AS created_at,
               max(recorded_at) FILTER (WHERE change = 'withdrawn') AS withdrawn_at,
               (array_agg(change ORDER BY entry_version DESC)
                FILTER (WHERE change IN ('withdrawn', 'restored')))[1] AS last
          FROM audit_record
         WHERE entry_id = $1 AND section = $2 AND plan_id = $3 AND operation = 'change'
           AND idx < $4) AS changes
"""
_READERS: Final = """
SELECT seen.*, p.groups FROM (
SELECT r.actor_id, r.organisation AS org, min(r.idx) AS first_idx,
       min(r.recorded_at) AS first_at, max(r.recorded_at) AS last_at, count(*) AS reads
  FROM audit_record r
 WHERE r.plan_id = $1 AND r.sections && ARRAY[$2::text] AND r.idx < $3
   AND r.operation IN ('read', 'export', 'delivery')
   AND r.recorded_at >= $4 AND ($5::timestamptz IS NULL OR r.recorded_at < $5)
   AND ($6::text IS NULL OR r.organisation = $6)
 GROUP BY r.actor_id, r.organisation
 ORDER BY first_at LIMIT 1001) AS seen
  JOIN audit_payload p ON p.idx = seen.first_idx ORDER BY seen.first_at
"""

_THEN: Final = """
SELECT section, entry_id, version_then, version_now, changes_since, last.type AS last_change,
       last.idx AS last_idx
  FROM (SELECT r.section, r.entry_id,
               max(r.entry_version) FILTER (WHERE r.recorded_at {until}) AS version_then,
               max(r.entry_version) AS version_now,
               count(*) FILTER (WHERE NOT r.recorded_at {until}) AS changes_since,
               (array_agg(r.idx ORDER BY r.entry_version DESC))[1] AS idx
          FROM audit_record r
         WHERE r.plan_id = $1 AND r.operation = 'change' AND r.idx < $2
           AND ($4::text IS NULL OR r.organisation = $4)
         GROUP BY r.section, r.entry_id) AS entries
  JOIN audit_record last USING (idx, section, entry_id)
 ORDER BY section, entry_id LIMIT 1001
"""

_SIGNED: Final = """
SELECT (SELECT max(size) FROM log_checkpoint WHERE size <= $1) AS before,
       (SELECT min(size) FROM log_checkpoint WHERE size > $1) AS after
"""
_PLACES: Final = """
SELECT idx, recorded_at, stated_at, logged_at FROM audit_record WHERE idx = ANY ($1)
"""
_UNSIGNED: Final = "SELECT logged_at FROM audit_record WHERE idx = $1"


class NotThere(LookupError):
    """There is no such record or log; which one is the text."""


@dataclass(frozen=True)
class Bounds:
    """What an answer is made of: the log of a size, and of one organisation's doings, or of all."""

    as_of: AsOf
    within: str | None = None


Rows = list[dict[str, Any]]
_Finder = Callable[[Given, Bounds], Awaitable[Rows]]


class Findings:
    """Finds the rows of these questions; a day begins at midnight in the zone of that name."""

    def __init__(self, database: Asked, log: LogReads, zone: str) -> None:
        self._database = database
        self._log = log
        self._zone = zone
        self.answers: Mapping[str, _Finder] = {
            "Q4": self._withdrawn,
            "Q5": self._recall,
            "Q6": self._nothing_removed,
            "Q7": self._is_genuine,
            "Q17": self._then_and_now,
            "Q31": self._which_first,
            "Q32": self._health,
        }

    async def rows(self, question: str, given: Given, bounds: Bounds) -> Rows:
        """The rows of the question of this id, at most one more than ``MOST_ROWS``.

        Raises ``NotThere``, and ``Damaged`` rather than prove a lie.
        """
        return await self.answers[question](given, bounds)

    async def _withdrawn(self, given: Given, bounds: Bounds) -> Rows:
        values: list[Any] = [given["organisation"], bounds.as_of.size]
        asked = []
        since: date | datetime | None = None
        if "from" in given:
            since = moment_of(given["from"])
        elif "to" not in given:
            since = datetime.now(UTC) - timedelta(days=USUAL_DAYS)
        if since is not None:
            values.append(since)
            bound = begin(since, self._zone).format(f"${len(values)}")
            asked.append(f"AND w.recorded_at >= {bound}")
        if "to" in given:
            until = moment_of(given["to"])
            values.append(until)
            asked.append(f"AND w.recorded_at {end(until, self._zone).format(f'${len(values)}')}")
        query = _WITHDRAWN.format(bounds=" ".join(asked))
        rows = [_plain(row) for row in await self._database.fetch(query, *values)]
        for row in rows:
            if bounds.within not in (None, row["withdrawn_org"]):
                row["withdrawn_by"] = None
        return rows

    async def _recall(self, given: Given, bounds: Bounds) -> Rows:
        size, plan_id = bounds.as_of.size, UUID(given["plan_id"])
        section, entry_id = given["section"], UUID(given["entry_id"])
        [lives] = await self._database.fetch(_LIVES, entry_id, section, plan_id, size)
        if lives["created_at"] is None:
            if bounds.within is not None:
                return []
            raise NotThere("The audit has no such entry of this plan.")
        values = (plan_id, section, size, *tuple(lives), bounds.within)
        rows = await self._database.fetch(_READERS, *values)
        # When others made or withdrew an entry is not told to whom only their own is told.
        told = _plain(lives) if bounds.within is None else dict.fromkeys(lives.keys())
        return [
            {
                **{name: told for name, told in _plain(row).items() if name != "groups"},
                **_named(row["groups"]),
                **told,
            }
            for row in rows
        ]

    async def _nothing_removed(self, given: Given, bounds: Bounds) -> Rows:
        size, now = given["size"], bounds.as_of
        if now.root is None or size > now.size:
            raise NotThere("The log has not been signed at this size; its newest says how far.")
        proof = await self._log.consistency(size, now.size)
        root = as_base64(proof.first_root)
        noted = given.get("root")
        return [
            {
                "old": {"size": size, "root": root, "noted_root": noted},
                "new": {"size": now.size, "root": now.root, "checkpoint": now.checkpoint},
                "consistency": [as_base64(one) for one in proof.hashes],
                "result": "nothing-removed" if noted in (None, root) else "another-history",
            }
        ]

    async def _is_genuine(self, given: Given, bounds: Bounds) -> Rows:
        idx, now = given["idx"], bounds.as_of
        rows = await stored_records(self._database, idx, idx + 1)
        if not rows:
            raise NotThere("The audit has no record at this place.")
        hashed = hash_again(rows[0], idx)
        told: dict[str, Any] = {"idx": idx, "commitment_ok": True, "inclusion_ok": False}
        told["leaf_hash"] = as_base64(hashed)
        if now.root is None or idx >= now.size:
            return [told]
        try:
            proof = await self._log.inclusion(idx, now.size)
        except SizeUnknown:
            return [told]
        if leaf_hash(proof.leaf) != hashed:
            raise Damaged(f"record {idx} is not the one that is proved")
        hashes = [as_base64(one) for one in proof.hashes]
        told |= {"inclusion_ok": True, "size": now.size, "root": now.root, "hashes": hashes}
        return [{**told, "checkpoint": now.checkpoint}]

    async def _then_and_now(self, given: Given, bounds: Bounds) -> Rows:
        at = moment_of(given["at"])
        until = end(at, self._zone).format("$3")
        values = (UUID(given["plan_id"]), bounds.as_of.size, at, bounds.within)
        rows = await self._database.fetch(_THEN.format(until=until), *values)
        return [_plain(row) for row in rows]

    async def _which_first(self, given: Given, _: Bounds) -> Rows:
        a, b = given["a"], given["b"]
        found = {row["idx"]: row for row in await self._database.fetch(_PLACES, [a, b])}
        if len(found) < len({a, b}):
            raise NotThere("The audit has no record at one of these places.")
        by_claim = min((a, b), key=lambda idx: (found[idx]["recorded_at"], idx))
        signed = {idx: (await self._database.fetch(_SIGNED, idx))[0] for idx in {a, b}}
        return [
            {
                "a_idx": a,
                "b_idx": b,
                "first_by_log": min(a, b),
                "first_by_claim": by_claim,
                "claimed": [_plain(found[idx]) for idx in (a, b)],
                "signed": [{"idx": idx, **_plain(signed[idx])} for idx in (a, b)],
            }
        ]

    async def _health(self, _: Given, __: Bounds) -> Rows:
        records = await count_of_records(self._database)
        newest = await shown_checkpoints(self._database)
        signed = newest[0].size if newest else 0
        oldest = None
        if signed < records:
            [row] = await self._database.fetch(_UNSIGNED, signed)
            oldest = row["logged_at"]
        missing = await gaps(self._database)
        return [
            {
                "records": records,
                "signed_size": signed,
                "signed_at": instant(newest[0].at) if newest else None,
                "unsigned": records - signed,
                "oldest_unsigned_at": None if oldest is None else instant(oldest),
                "missing_from_sources": [
                    {"source": one.source, "missing": one.missing, "seconds": one.seconds}
                    for one in missing
                ],
            }
        ]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _told(value) for name, value in dict(row).items()}


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    return str(value) if isinstance(value, UUID) else value


def _named(groups: bytes) -> dict[str, Any]:
    """What somebody was called, and their role, as they were when they first read."""
    told = members_of(groups)[_ACTOR]
    actor = {} if told is None else orjson.loads(told) or {}
    return {"name_at_time": actor.get("name_at_time"), "role": actor.get("role")}
