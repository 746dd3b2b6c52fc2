"""A plan as it was, in pieces, before it is given to anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import orjson

from services.plan.reads.redaction import Seen, WhoSaid, seen
from services.plan.reads.view import EVERYTHING, PlanView, Wanted
from services.plan.store.answered import Answer, with_answers
from services.plan.store.document import document_of
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.wire.position import Position


@dataclass(frozen=True, slots=True)
class EntryThen:
    """An entry as it was: its JSON, and the version that set each leaf where that was asked for."""

    section: str
    entry_id: UUID
    current: bool
    body: bytes
    leaves: bytes | None = None


@dataclass(frozen=True)
class PlanThen:
    """A plan as it was: what it said of itself, its entries in the order in which they came.

    ``as_at`` says how it was asked for and which version it is; ``newest`` and ``revision`` are the
    plan's version and revision today, ``at`` the instant that the answer is of. ``answers`` has
    what had answered its comments.
    """

    plan_id: UUID
    version: int
    newest: int
    revision: int
    at: datetime
    head: Mapping[str, Any]
    entries: Sequence[EntryThen]
    positions: Mapping[str, int]
    as_at: Mapping[str, Any]
    parked: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    answers: Sequence[Answer] = ()

    def only(self, entry_id: UUID) -> "PlanThen":
        """The same plan with no other entries than those of this id."""
        return replace(self, entries=[one for one in self.entries if one.entry_id == entry_id])

    async def redacted(self, who: WhoSaid, redaction: Redaction) -> tuple["PlanThen", Seen]:
        """The same plan without what is withheld, and what that was."""
        given = [
            (one.section, one.entry_id, one.body, orjson.loads(one.leaves or b"{}"))
            for one in self.entries
        ]
        shown = await seen(who, redaction, given)
        current = {(one.section, one.entry_id): one.current for one in self.entries}
        entries = [
            EntryThen(section, entry_id, current[section, entry_id], body, orjson.dumps(leaves))
            for section, entry_id, body, leaves in shown.entries
        ]
        return replace(self, entries=entries), shown

    async def view(
        self, who: WhoSaid, redaction: Redaction, wanted: Wanted = EVERYTHING
    ) -> PlanView:
        """The plan as it is given, with what is wanted of it and without what is withheld."""
        entries = [
            (one.section, one.entry_id, one.body, orjson.loads(one.leaves or b"{}"))
            for one in self.entries
            if wanted.shows(one)
        ]
        shown = await seen(who, redaction, with_answers(entries, self.answers, redaction))
        bodies = await shown.bodies(who.database, with_authorship="authorship" in wanted.include)
        parked = [one for one in self.parked if redaction.shows(one["section"], one["entry_id"])]
        document = document_of(
            self.plan_id,
            self.version,
            self.head,
            bodies,
            parked,
            as_at=self.as_at,
            **shown.more,
        )
        return PlanView(
            self.plan_id,
            self.version,
            document,
            Position(self.plan_id, self.positions),
            redaction,
            shown.left_out,
            self.headers(wanted),
            of_sections=tuple(sorted({section for section, _ in bodies})),
        )

    def headers(self, wanted: Wanted = EVERYTHING) -> dict[str, str]:
        """What a past answer says of itself (RFC 7089).

        Whoever follows ``prev`` or ``next`` is shown as much as before.
        """
        plan = f"/v1/plans/{self.plan_id}"
        links = [f'<{plan}>; rel="original"', f'<{plan}/versions>; rel="timemap"']
        if self.version > 1:
            links.append(f'<{plan}/versions/{self.version - 1}{wanted.query}>; rel="prev"')
        if self.version < self.newest:
            links.append(f'<{plan}/versions/{self.version + 1}{wanted.query}>; rel="next"')
        return {
            "Memento-Datetime": format_datetime(self.at, usegmt=True),
            "Link": ", ".join(links),
            "Ledger-Current-Version": str(self.newest),
        }
