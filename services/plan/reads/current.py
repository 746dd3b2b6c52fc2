"""The current plan: one row ready to send, kept beside its revision while it is asked for."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.reads.redaction import Left, WhoSaid, marks_of_plan, seen
from services.plan.reads.view import EVERYTHING, PlanView, Wanted
from services.plan.store.answered import Answer, answers_in, answers_to_comments, with_answers
from services.plan.store.document import document_with, entries_as_they_came, entries_of
from shared.chassis.accesses.record import TOLD_BYTES, TOLD_OF_EACH
from shared.chassis.database.database import Database
from shared.chassis.database.together import Together
from shared.chassis.policy.redaction.of_a_plan import PlanMarks
from shared.chassis.policy.sees import Sees
from shared.chassis.wire.position import Position

_KEPT_BYTES: Final = 32_000_000
_MARKS_BYTES: Final = 500  # of an entry that not everybody is shown alike
_PLACE_BYTES: Final = 8  # of each entry, for its place
_FORMS_OF_A_PLAN: Final = 8

# Who was merged into a plan stands in the rows of the others, and moves no revision of this one.
_MERGED_FROM: Final = """(SELECT array_agg(other.plan_id) FROM plan other
                           WHERE other.merged_into = plan.plan_id) AS merged_from"""
_ANSWERED: Final = answers_to_comments("plan", "a.plan_version <= plan.version")
_ANSWER_BYTES: Final = 700  # of each


@dataclass
class _Kept:
    """A plan as it was last stored, and the forms in which it was given: one for readers alike."""

    revision: int
    version: int
    merged_from: frozenset[UUID]
    position: Position
    document: bytes
    marks: PlanMarks
    came: tuple[str, ...]
    """The section of each entry of the document, in the order in which the entries came."""
    answers: tuple[Answer, ...] = ()
    forms: OrderedDict[Hashable, PlanView] = field(default_factory=OrderedDict)
    counted: int = 0

    @property
    def size(self) -> int:
        """Bytes that it holds, by and large; mostly the document is one of the forms."""
        forms = (view.body for view in self.forms.values() if view.body is not self.document)
        told = TOLD_OF_EACH * TOLD_BYTES * len(self.forms)
        beside = _MARKS_BYTES * len(self.marks) + _PLACE_BYTES * len(self.came) + told
        beside += _ANSWER_BYTES * len(self.answers)
        return len(self.document) + sum(map(len, forms)) + beside


class CurrentPlans:
    """Reads plans as they stand. The bytes that are kept are bounded by their size."""

    def __init__(self, database: Database, kept_bytes: int = _KEPT_BYTES) -> None:
        self._database = database
        self._who = WhoSaid(database)
        self._ask = Together(self._rows_of)
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._limit = kept_bytes
        self.kept_bytes = 0

    def remembered(self, plan_id: UUID, sees: Sees) -> PlanView | None:
        """The plan as it was when it was last asked for: whether it stands has to be seen yet."""
        kept = self._kept.get(plan_id)
        view = None if kept is None else kept.forms.get(kept.marks.alike(sees))
        if view is not None:
            self._kept.move_to_end(plan_id)
        return view

    async def current(self, plan_id: UUID, sees: Sees) -> PlanView | None:
        """The plan as it stands, as such a reader is shown it; ``None`` where there is none."""
        row, known = await self._ask(plan_id)
        if row is None or row["revision"] == 0:
            return None
        kept = _as_stored(row, known)
        if kept is None:
            return None
        alike = kept.marks.alike(sees)
        view = kept.forms.get(alike)
        if view is None:
            view = kept.forms[alike] = await self._form(kept, sees)
            while len(kept.forms) > _FORMS_OF_A_PLAN:
                kept.forms.popitem(last=False)
            self._keep(plan_id, kept)
        elif plan_id in self._kept:
            self._kept.move_to_end(plan_id)
        return view

    async def shown(self, plan_id: UUID, sees: Sees, wanted: Wanted) -> PlanView | None:
        """The plan as it stands, with what is wanted of it."""
        if wanted is EVERYTHING:
            return await self.current(plan_id, sees)
        return await self.in_detail(plan_id, sees, wanted)

    async def in_detail(self, plan_id: UUID, sees: Sees, wanted: Wanted) -> PlanView | None:
        """The plan with what is wanted of it: sections, entries withdrawn, who said what."""
        row = await self._database.pool.fetchrow(
            f"""SELECT version, positions, document, rest, {_MERGED_FROM},
                       {_ANSWERED} AS answered
                  FROM plan WHERE plan_id = $1""",  # noqa: S608 - our own words
            plan_id,
        )
        if row is None or row["document"] is None:
            return None
        entries = entries_of(row["document"], row["rest"])
        redaction = marks_of_plan(entries).withheld_from(sees)
        with_authorship = "authorship" in wanted.include
        listed = [
            (*entry.key, entry.body, entry.leaves if with_authorship else {})
            for entry in entries
            if wanted.shows(entry)
        ]
        answers = answers_in(row["answered"])
        shown = await seen(self._who, redaction, with_answers(listed, answers, redaction))
        body = document_with(
            row["document"],
            bodies=await shown.bodies(self._database, with_authorship=with_authorship),
            merged_from=frozenset(row["merged_from"] or ()),
            parked=redaction.shows,
            **shown.more,
        )
        position = Position(plan_id, orjson.loads(row["positions"]))
        return PlanView(plan_id, row["version"], body, position, redaction, shown.left_out)

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

    async def _form(self, kept: _Kept, sees: Sees) -> PlanView:
        redaction = kept.marks.withheld_from(sees)
        body = kept.document
        left_out: tuple[Left, ...] = ()
        sections = frozenset(kept.came)
        if redaction or kept.answers:
            listed = entries_as_they_came(kept.document, kept.came)
            shown = await seen(self._who, redaction, with_answers(listed, kept.answers, redaction))
            left_out = shown.left_out
            bodies = await shown.bodies(self._database, with_authorship=False)
            sections = frozenset(section for section, _ in bodies)
            body = document_with(
                body,
                bodies=bodies,
                merged_from=kept.merged_from,
                parked=redaction.shows,
                **shown.more,
            )
        else:
            body = document_with(body, merged_from=kept.merged_from)
        return PlanView(
            kept.position.plan_id,
            kept.version,
            body,
            kept.position,
            redaction,
            left_out,
            of_sections=tuple(sorted(sections)),
            revision=None if kept.merged_from else kept.revision,
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
                       AS document,
                       CASE WHEN plan.revision = asked.revision THEN NULL ELSE rest END AS rest,
                       {_MERGED_FROM},
                       CASE WHEN plan.revision = asked.revision THEN NULL ELSE {_ANSWERED} END
                       AS answered
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
            self.kept_bytes -= before.counted
            kept = before if before.revision > kept.revision else kept
        self._kept[plan_id] = kept
        kept.counted = kept.size
        self.kept_bytes += kept.counted
        while self.kept_bytes > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self.kept_bytes -= oldest.counted


def _as_stored(row: Mapping[str, Any], known: _Kept | None) -> _Kept | None:
    """What is known of a plan where it is still so, else what its row says."""
    merged_from = frozenset(row["merged_from"] or ())
    if row["document"] is None:
        if known is None or known.revision != row["revision"]:
            return None
        if known.merged_from == merged_from:
            return known
        return replace(known, merged_from=merged_from, forms=OrderedDict(), counted=0)
    entries = entries_of(row["document"], row["rest"])
    names = {entry.section: entry.section for entry in entries}  # one text for all of a section
    return _Kept(
        row["revision"],
        row["version"],
        merged_from,
        Position(row["plan_id"], orjson.loads(row["positions"])),
        row["document"],
        marks_of_plan(entries),
        tuple(names[entry.section] for entry in entries if entry.current),
        answers_in(row["answered"]),
    )
