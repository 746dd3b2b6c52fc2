"""The current plan: one row ready to send, kept beside its revision while it is asked for."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.reads.authorship import authorship_of
from services.plan.reads.view import EVERYTHING, PlanView, Wanted
from services.plan.store.document import Shown, document_with, entries_of
from shared.chassis.database.database import Database
from shared.chassis.database.together import Together
from shared.chassis.wire.position import Position

_KEPT_BYTES: Final = 32_000_000

# Who was merged into a plan stands in the rows of the others, and moves no revision of this one.
_MERGED_FROM: Final = """(SELECT array_agg(other.plan_id) FROM plan other
                           WHERE other.merged_into = plan.plan_id) AS merged_from"""


@dataclass(frozen=True)
class _Kept:
    """A plan as it was last given, and what it was made from."""

    revision: int
    merged_from: frozenset[UUID]
    document: bytes
    view: PlanView

    @property
    def size(self) -> int:
        """Bytes that it holds; mostly the document is what is given."""
        is_the_same = self.view.body is self.document
        return len(self.document) + (0 if is_the_same else len(self.view.body))


class CurrentPlans:
    """Reads plans as they stand. The bytes that are kept are bounded by their size."""

    def __init__(self, database: Database, kept_bytes: int = _KEPT_BYTES) -> None:
        self._database = database
        self._ask = Together(self._rows_of)
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._limit = kept_bytes
        self.kept_bytes = 0

    async def current(self, plan_id: UUID) -> PlanView | None:
        """The plan as it stands; ``None`` where there is none."""
        row, known = await self._ask(plan_id)
        if row is None or row["revision"] == 0:
            return None
        merged_from = frozenset(row["merged_from"] or ())
        if row["document"] is None and known is not None and known.revision == row["revision"]:
            if known.merged_from == merged_from:
                if plan_id in self._kept:
                    self._kept.move_to_end(plan_id)
                return known.view
            document = known.document
        else:
            document = row["document"]
        if document is None:
            return None
        position = Position(plan_id, orjson.loads(row["positions"]))
        body = document_with(document, merged_from=merged_from)
        view = PlanView(plan_id, row["version"], body, position)
        self._keep(plan_id, _Kept(row["revision"], merged_from, document, view))
        return view

    async def shown(self, plan_id: UUID, wanted: Wanted) -> PlanView | None:
        """The plan as it stands, with what is wanted of it."""
        if wanted is EVERYTHING:
            return await self.current(plan_id)
        return await self.in_detail(plan_id, wanted)

    async def in_detail(self, plan_id: UUID, wanted: Wanted) -> PlanView | None:
        """The plan with what is wanted of it: sections, entries withdrawn, who said what."""
        row = await self._database.pool.fetchrow(
            f"""SELECT version, positions, document, rest, {_MERGED_FROM}
                  FROM plan WHERE plan_id = $1""",  # noqa: S608 - our own words
            plan_id,
        )
        if row is None or row["document"] is None:
            return None
        entries = [
            entry for entry in entries_of(row["document"], row["rest"]) if wanted.shows(entry)
        ]
        bodies = await self._bodies(entries, with_authorship="authorship" in wanted.include)
        merged_from = frozenset(row["merged_from"] or ())
        body = document_with(row["document"], bodies=bodies, merged_from=merged_from)
        position = Position(plan_id, orjson.loads(row["positions"]))
        return PlanView(plan_id, row["version"], body, position)

    async def has_reached(self, position: Position) -> bool:
        """True where the plan shows at least what the position speaks of."""
        reached = (await self.position(position.plan_id)).sections
        return all(reached.get(name, 0) >= at for name, at in position.sections.items())

    async def position(self, plan_id: UUID) -> Position:
        """How far the plan has got; nowhere for one not heard of."""
        stored = await self._database.pool.fetchval(
            "SELECT positions FROM plan WHERE plan_id = $1", plan_id
        )
        return Position(plan_id, orjson.loads(stored) if stored else {})

    async def newest_version(self, plan_id: UUID) -> int | None:
        """The plan's version; ``None`` where there is no such plan."""
        found: int | None = await self._database.pool.fetchval(
            "SELECT version FROM plan WHERE plan_id = $1 AND document IS NOT NULL", plan_id
        )
        return found

    async def _bodies(
        self, entries: Sequence[Shown], *, with_authorship: bool
    ) -> Iterable[tuple[str, bytes]]:
        if not with_authorship:
            return [(entry.section, entry.body) for entry in entries]
        return await authorship_of(
            self._database, [(*entry.key, entry.body, entry.leaves) for entry in entries]
        )

    async def _rows_of(
        self, plan_ids: Sequence[UUID]
    ) -> Sequence[tuple[Mapping[str, Any] | None, _Kept | None]]:
        """The rows of these plans, without the bytes of those that are kept as they are.

        The access record of each reader joins this statement.
        """
        known = {plan_id: self._kept.get(plan_id) for plan_id in plan_ids}
        rows = await self._database.pool.fetch(
            f"""SELECT plan_id, version, plan.revision, positions,
                       CASE WHEN plan.revision = asked.revision THEN NULL ELSE document END
                       AS document, {_MERGED_FROM}
                  FROM unnest($1::uuid[], $2::bigint[]) AS asked (plan_id, revision)
                  JOIN plan USING (plan_id)""",  # noqa: S608 - our own words
            list(known),
            [kept.revision if kept else -1 for kept in known.values()],
        )
        found = {row["plan_id"]: row for row in rows}
        return [(found.get(plan_id), known[plan_id]) for plan_id in plan_ids]

    def _keep(self, plan_id: UUID, kept: _Kept) -> None:
        before = self._kept.pop(plan_id, None)
        if before is not None:
            self.kept_bytes -= before.size
        self._kept[plan_id] = kept
        self.kept_bytes += kept.size
        while self.kept_bytes > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self.kept_bytes -= oldest.size
