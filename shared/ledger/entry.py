"""An entry: one item of a section, the unit of consistency and of attribution."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from shared.ledger.errors import Refused, need_reason
from shared.ledger.provenance import PERSON, PROFESSIONAL, PROXY, Provenance
from shared.ledger.values import Visibility, is_blank


class Change(StrEnum):
    """What an event does to the plan."""

    CREATED = "created"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"


class Entry(Aggregate):
    """The base of every entry: what all of them remember and what can be done to each.

    A public method with a ``provenance`` argument is a command: a class method creates an entry,
    an instance method changes one, and its signature is the request. Methods that decide may
    refuse; methods that apply may not.
    """

    may_contribute: ClassVar[Mapping[str, tuple[str, ...]]] = {"*": (PERSON, PROXY, PROFESSIONAL)}
    """Who may use each command, by its method's name; ``*`` for all others. A value is a kind of
    contributor, or ``role:<name of the setting>`` for roles that a deployment names."""

    already_exists: ClassVar[str] = "entry-already-exists"
    key_taken: ClassVar[str] = "entry-already-exists"
    opens_plan: ClassVar[str | None] = None
    """The command that opens the plan, on the one entry that decides about plans."""

    class Event(Aggregate.Event):
        """What every event of an entry carries: its provenance, and its change to the plan."""

        change: ClassVar[Change]
        not_fields: ClassVar[frozenset[str]] = frozenset({"reason"})
        provenance: Provenance

        def apply(self, aggregate: Any) -> None:
            """Remember what every decision about an entry may need."""
            if self.originator_version == 1:
                aggregate.plan_id = self.provenance.plan_id
                aggregate.origin = self.provenance.origin
            super().apply(aggregate)

    class EnteredInError(Event):
        change = Change.WITHDRAWN
        reason: str

        def apply(self, aggregate: Any) -> None:
            """Nothing may follow."""
            aggregate.is_in_error = True
            super().apply(aggregate)

    class Restricted(Event):
        change = Change.AMENDED
        visibility: Visibility
        reason: str

        def apply(self, aggregate: Any) -> None:
            """Remembered, for lifting it."""
            aggregate.is_restricted = True
            super().apply(aggregate)

    class RestrictionLifted(Event):
        change = Change.AMENDED
        visibility: None
        reason: str

        def apply(self, aggregate: Any) -> None:
            """Visible again."""
            aggregate.is_restricted = False
            super().apply(aggregate)

    plan_id: UUID
    origin: str | None
    is_in_error: bool = False
    is_restricted: bool = False

    @staticmethod
    def create_id(provenance: Provenance) -> UUID:
        """The id that the contribution names, or was given at the door."""
        return provenance.entry_id

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID | None:  # noqa: ARG003 - for those that have one
        """The entry's id where a plan has only one of its kind; else ``None``."""
        return None

    def unique_keys(self) -> frozenset[str]:
        """What no other entry of this section may hold at the same time, as the entry stands."""
        return frozenset()

    def mark_in_error(self, provenance: Provenance, reason: str | None = None) -> None:
        """This was never right: taken out of the plan for good, by its origin or the person."""
        reason = need_reason(reason)
        self._must_be_origin_or_person(provenance)
        self.trigger_event(self.EnteredInError, reason=reason, provenance=provenance)

    def restrict(
        self,
        provenance: Provenance,
        labels: tuple[str, ...] = (),
        withheld_from_person: bool = False,
        reason: str | None = None,
        approved_by: str | None = None,
    ) -> None:
        """Not everybody may see this, for a reason; from the person only with an approver."""
        reason = need_reason(reason)
        if withheld_from_person and is_blank(approved_by):
            raise Refused(
                "withholding-needs-an-approver",
                "Withholding something from the person needs somebody who approved it.",
                field="approved_by",
            )
        visibility = Visibility(tuple(labels), withheld_from_person, reason, approved_by)
        self.trigger_event(
            self.Restricted, visibility=visibility, reason=reason, provenance=provenance
        )

    def lift_restriction(self, provenance: Provenance, reason: str | None = None) -> None:
        """Everybody who may see the plan may see this again."""
        if not self.is_restricted:
            raise Refused("entry-not-restricted")
        self.trigger_event(
            self.RestrictionLifted,
            visibility=None,
            reason=need_reason(reason),
            provenance=provenance,
        )

    def _must_be_origin(self, provenance: Provenance) -> None:
        if self.origin is None or provenance.origin != self.origin:
            raise Refused(
                "correction-belongs-to-the-origin",
                "Only where this came from is it corrected.",
            )

    def _must_be_origin_or_person(self, provenance: Provenance) -> None:
        if provenance.recorded_by.kind != PERSON:
            self._must_be_origin(provenance)
