"""The clocks by which a past plan is asked for, and the statements that join it from the ledger.

Whatever the clock, each entry is found by one seek, however many versions the plan has.
"""

from enum import StrEnum
from typing import Final

from services.plan.store.answered import answers_to_comments


class Clock(StrEnum):
    """What makes an event count by an instant."""

    RECORDED = "recorded"
    VISIBLE = "visible"
    EFFECTIVE = "effective"


COLUMN: Final = {Clock.RECORDED: "recorded_at", Clock.EFFECTIVE: "effective_latest"}
"""Of an entry all rows up to one count, by each of these columns: none of them ever falls."""

# What `latest` finds of each entry of the plan, aggregated in the order in which they came.
_JOINED: Final = """
     CROSS JOIN LATERAL (
           SELECT array_agg(section) AS sections, array_agg(entry_id) AS entry_ids,
                  array_agg(current) AS current, array_agg(entry) AS bodies, {aggregated}
             FROM (SELECT began.section, began.entry_id, latest.*
                     FROM ledger.plan_ledger began
                    CROSS JOIN LATERAL ({latest}) latest
                    WHERE began.plan_id = asked.plan_id AND began.entry_version = 1{begun}
                    ORDER BY began.plan_version) in_order) entries
"""
_LEAVES: Final = "array_agg(leaves) FILTER (WHERE asked.with_leaves) AS leaves"

_OF_A_VERSION: Final = _JOINED.format(
    aggregated=_LEAVES,
    latest="""
                          SELECT e.current, e.entry, e.leaves FROM ledger.plan_ledger e
                           WHERE e.section = began.section AND e.entry_id = began.entry_id
                             AND e.plan_version <= l.plan_version
                           ORDER BY e.plan_version DESC LIMIT 1""",
    begun=" AND began.plan_version <= l.plan_version",
)
_BY_VERSION: Final = answers_to_comments("asked", "a.plan_version <= l.plan_version")
_VERSION: Final = """
    SELECT asked.plan_id, asked.{asked} AS asked_for, asked.with_leaves, p.version AS newest,
           p.revision,
           l.plan_version AS version, l.head, l.positions, l.projected_at, l.policy_version,
           {answered} AS answered, entries.*
      FROM unnest($1::uuid[], $2::{type}[], $3::boolean[])
           AS asked (plan_id, {asked}, with_leaves)
     CROSS JOIN LATERAL (
           SELECT * FROM ledger.plan_ledger v
            WHERE v.plan_id = asked.plan_id AND {resolved}) l
      JOIN plan p ON p.plan_id = asked.plan_id
{entries}
"""
BY_VERSION: Final = _VERSION.format(
    asked="version",
    type="bigint",
    resolved="v.plan_version = asked.version",
    entries=_OF_A_VERSION,
    answered=_BY_VERSION,
)
# Versions that came in one batch could be seen from the same instant: the last of them counts.
VISIBLE: Final = _VERSION.format(
    asked="at",
    type="timestamptz",
    resolved="""v.projected_at <= asked.at
            ORDER BY v.projected_at DESC, v.plan_version DESC LIMIT 1""",
    entries=_OF_A_VERSION,
    answered=_BY_VERSION,
)

# What the plan says of itself is what its Person had said by then, whatever others had said.
_RECORDED: Final = """
    SELECT asked.plan_id, asked.at AS asked_for, asked.with_leaves, p.version AS newest,
           p.revision,
           CASE WHEN NOT p.complete THEN p.document END AS incomplete,
           {answered} AS answered, entries.*
      FROM unnest($1::uuid[], $2::timestamptz[], $3::boolean[]) AS asked (plan_id, at, with_leaves)
      JOIN plan p ON p.plan_id = asked.plan_id
{entries}
"""
RECORDED: Final = _RECORDED.format(
    answered=answers_to_comments("asked", "a.recorded_at <= asked.at"),
    entries=_JOINED.format(
        aggregated=_LEAVES
        + """, array_agg(position) AS positions,
                  max(plan_version) AS version, sum(entry_version)::bigint AS counted,
                  max(recorded_at) AS resolved_at, max(updated_at) AS last_updated,
                  (array_agg(head) FILTER (
                      WHERE section = 'person' AND entry_id = asked.plan_id))[1] AS head""",
        latest="""
                          SELECT e.current, e.entry, e.leaves, e.entry_version, e.plan_version,
                                 e.position, e.recorded_at, e.updated_at, e.head
                            FROM ledger.plan_ledger e
                           WHERE e.section = began.section AND e.entry_id = began.entry_id
                             AND e.recorded_at <= asked.at
                           ORDER BY e.recorded_at DESC, e.entry_version DESC LIMIT 1""",
        begun="",
    ),
)

# `late` is true where a later event of the entry took effect before an earlier one, and counts.
_EFFECTIVE: Final = """
    SELECT asked.plan_id, asked.at AS asked_for, asked.with_leaves, p.version AS newest,
           p.revision, p.state,
           p.opened_at, p.last_updated, p.merged_into, p.complete, p.positions,
           CASE WHEN NOT p.complete THEN p.document END AS incomplete,
           {answered} AS answered, entries.*
      FROM unnest($1::uuid[], $2::timestamptz[], $3::boolean[]) AS asked (plan_id, at, with_leaves)
      JOIN plan p ON p.plan_id = asked.plan_id
{entries}
"""
EFFECTIVE: Final = _EFFECTIVE.format(
    answered=answers_to_comments("asked", "a.effective_from <= asked.at"),
    entries=_JOINED.format(
        aggregated="""array_agg(effective_to) AS ends, array_agg(late) AS late,
                  array_agg(CASE WHEN asked.with_leaves OR late THEN leaves END) AS leaves,
                  array_agg(entry_version) AS entry_versions,
                  max(plan_version) AS version, sum(entry_version)::bigint AS counted""",
        latest="""
                          SELECT seen.*, EXISTS (
                                 SELECT FROM ledger.plan_ledger x
                                  WHERE x.section = began.section AND x.entry_id = began.entry_id
                                    AND x.entry_version > seen.entry_version AND NOT x.in_order
                                    AND x.effective_from <= asked.at) AS late
                            FROM (SELECT e.current, e.entry, e.leaves, e.entry_version,
                                         e.plan_version, e.effective_to
                                    FROM ledger.plan_ledger e
                                   WHERE e.section = began.section AND e.entry_id = began.entry_id
                                     AND e.effective_latest <= asked.at
                                   ORDER BY e.effective_latest DESC, e.entry_version DESC LIMIT 1
                                 ) seen""",
        begun="",
    ),
)
