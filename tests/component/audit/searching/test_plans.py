"""A search of many records reads what it shows, also of a day long ago."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest

from services.audit.queries.search.finding import Sought, page_of
from services.audit.queries.search.language import terms_in
from tests.component.audit.bench import Bench

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

COUNT = 30_000
LIMIT = 20
_MANY = """
INSERT INTO audit_record (idx, id, kind, operation, type, recorded_at, logged_at, plan_id, section,
       sections, entry_id, contribution_id, code, actor_id, organisation, role, purpose, what, via,
       relationship, plan_version, source_topic, source_partition, source_offset, commitment, leaf)
SELECT n, n::text, 1, CASE n % 10 WHEN 7 THEN 'refusal' WHEN 6 THEN 'change' ELSE 'read' END,
       CASE n % 10 WHEN 6 THEN 'careplan.goals.agreed.v1' ELSE 't' END,
       '2020-01-01Z'::timestamptz + n * interval '1 minute',
       '2020-01-01Z'::timestamptz + n * interval '1 minute',
       lpad(to_hex(n % 100 + 1), 32, '0')::uuid, 'goals', ARRAY['goals'],
       lpad(to_hex(n % 1000 + 1), 32, '0')::uuid, lpad(to_hex(n + 1), 32, '0')::uuid,
       CASE n % 10 WHEN 7 THEN 'base-version-stale' END, 'sub-' || n % 100, 'ZZG0' || n % 10,
       CASE n % 50 WHEN 0 THEN 'gp' ELSE 'nurse' END,
       CASE n % 40 WHEN 0 THEN 'emergency' ELSE 'direct-care' END,
       CASE WHEN n % 10 < 6 THEN CASE n % 30 WHEN 0 THEN 'diff' ELSE 'plan' END END, 'api',
       CASE n % 60 WHEN 0 THEN NULL ELSE 'registered' END, n % 40 + 1, 't', 0, n,
       sha256('c'), sha256('l') || '123456789012'
  FROM generate_series(0, $1::integer - 1) AS n
"""
LONG_AGO = "created:2020-01-01"
SEARCHES = [
    f"person:{'0' * 8}-0000-0000-0000-{8:012x}",
    f"person:{'0' * 8}-0000-0000-0000-{8:012x},{'0' * 8}-0000-0000-0000-{9:012x}",
    "actor:sub-7",
    "actor.org:ZZG07",
    "role:gp",
    "operation:refusal",
    "operation:refusal,change",
    "what:diff",
    "code:base-version-stale",
    "event:careplan.goals.agreed.v1",
    "purpose:emergency",
    "relationship:none",
    "override:none",
    "override:none operation:refusal",
    f"entry:{'0' * 8}-0000-0000-0000-{8:012x}",
    "",
]


@pytest.mark.parametrize("when", ["", LONG_AGO], ids=["now", "long ago"])
async def test_a_search_reads_what_it_shows(bench: Bench, when: str) -> None:
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute(_MANY, COUNT)
        await owner.execute("ANALYZE audit_record")
        for text in SEARCHES:
            sought = Sought(tuple(terms_in(f"{text} {when}")))
            query, values = page_of(sought, "Europe/London", LIMIT)
            (told,) = await owner.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
            nodes = [
                node
                for node in _nodes(orjson.loads(told[0])[0]["Plan"])
                if node.get("Relation Name") == "audit_record"
            ]
            ranges = [node for node in nodes if node["Node Type"] in _SCANS]
            assert ranges, text
            for node in ranges:
                read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                assert read * node["Actual Loops"] <= LIMIT * 3, (text, node)
            assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], text
    finally:
        await owner.close()


_SCANS = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
