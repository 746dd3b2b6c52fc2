"""An entry: one item of a section, the unit of consistency and of attribution."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import Aggregate

from shared.ledger.elements import InProvenance
from shared.ledger.entry.change import Change
from shared.ledger.entry.checks import must_be_own_organisation
from shared.ledger.entry.declared import common
from shared.ledger.entry.emergency import InAnEmergency
from shared.ledger.entry.fields import ChangeReason
from shared.ledger.entry.origins import NOT_THE_ORIGIN
from shared.ledger.entry.restrictions import (
    LIFTING,
    NOT_RESTRICTED,
    judge_visibility,
    must_be_theirs_to_lift,
)
from shared.ledger.entry.rights import Who
from shared.ledger.errors import Refusal, Refused, need_reason
from shared.ledger.provenance import PERSON, PROFESSIONAL, PROXY, Provenance
from shared.ledger.values.parties import Organisation
from shared.ledger.values.shape import Name
from shared.ledger.values.visibility import Visibility
from shared.ledger.words import titled

_ANYBODY: Who = (PERSON, PROXY, PROFESSIONAL)

ALREADY_EXISTS = Refusal(
    "entry-already-exists", "There is such an entry already", "There is an entry with this id."
)
KEY_TAKEN = Refusal(
    "key-taken", "Another entry has what only one may have", "Another entry has the same key."
)


class Entry(Aggregate):
    """The base of every entry: what all of them remember and what can be done to each.

    What may happen to it are the event classes inside it; each command names the event that it
    leads to, see ``declared.py``. Methods that decide may refuse; methods that apply may not.
    """

    may_contribute: ClassVar[Who] = _ANYBODY
    """Who may use its commands where a command does not say: kinds of voices, and service roles.
    A system's organisation answers for the voice."""

    persons: ClassVar[Refusal | None] = None
    """What all but the person, and whoever acts for them, are refused with: it is their own."""

    owners: ClassVar[Refusal | None] = None
    """What all but the organisation in its ``owner`` are refused with, where it has one."""

    already_out: ClassVar[Refusal]
    """What any change is refused with while the entry is out of the plan; its title says why."""
    not_out: ClassVar[Refusal]
    """What putting back an entry that is in the plan is refused with."""

    already_exists: ClassVar[Refusal] = ALREADY_EXISTS
    """What a second entry of its id is refused with."""
    key_taken: ClassVar[Refusal] = KEY_TAKEN
    """What an entry is refused with that needs a key which another one has."""
    key_holder: ClassVar[str] = "existing_entry_id"
    """The member of a refusal that names the entry which has it."""
    in_an_emergency: ClassVar[InAnEmergency | None] = None
    """What of it is shown in an emergency; nothing, where nothing is said."""
    opens_plan: ClassVar[str | None] = None
    """The command that opens the plan, on the one entry that decides about plans."""
    gives_access: ClassVar[tuple[str, ...]] = ()
    """The commands by which an organisation begins to see the plan, goes on or ends it: they need
    no access that is live, or what has run out could never be extended."""
    proxies_agree: ClassVar[bool] = False
    """True where to contribute for the person is to agree for them, which few Proxies may."""
    carries: ClassVar[tuple[str, ...]] = ()
    """The groups of the standard that it stands for; its fields carry what is in them."""
    provenance_carries: ClassVar[InProvenance] = MappingProxyType({})
    """The elements of those groups that members of its provenance carry, by the member's name."""

    class Event(Aggregate.Event):
        """What every event of an entry carries: its provenance, and its change to the plan."""

        change: ClassVar[Change]
        wire_name: ClassVar[str | None] = None
        """What it is called on the wire, where another major version has its class's name."""

        major: ClassVar[int] = 1
        followed_by: ClassVar[str | None] = None
        """The class of the next major version, into whose state ``upcast`` turns the stored one."""

        not_fields: ClassVar[frozenset[str]] = frozenset()
        """What belongs to the change and not to the entry; the section finds it in the marks."""
        only_where: ClassVar[Mapping[str, tuple[str, str]]] = MappingProxyType({})
        """Fields that a command gives only where another field has this value; else it is
        unreadable."""
        beside: ClassVar[tuple[type["Entry.Event"], ...]] = ()
        """All events of its entry; the section says which."""

        provenance: Provenance

        @property
        def alert(self) -> str | None:
            """The code of the alert that it raises, where somebody has to look at it."""
            return None

        def having(self, **fields: Any) -> Self:
            """The same event with these fields: for rules that set what a command does not."""
            return replace(self, **fields)

        @staticmethod
        def upcast(state: dict[str, Any]) -> dict[str, Any]:
            """The stored state as the next major version has it."""
            return state

    @titled("Marked in error")
    class EnteredInError(Event):
        """It was never right, and is out of the plan for good."""

        change = Change.WITHDRAWN
        reason: ChangeReason

        def apply(self, aggregate: Any) -> None:
            """It takes no further change."""
            aggregate.is_in_error = True
            super().apply(aggregate)

    @titled("Restricted")
    class Restricted(Event):
        """Not everybody who sees the plan sees this."""

        change = Change.AMENDED
        visibility: Visibility

        def apply(self, aggregate: Any) -> None:
            """Remembered, for lifting it; whoever adds to a restriction does not take it over."""
            standing, by = aggregate.visibility, self.provenance.origin
            if standing is not None and self.visibility.takes_nothing_from(standing):
                by = aggregate.restricted_by
            aggregate.remember_visibility(self.visibility, by)
            super().apply(aggregate)

    @titled("Restriction lifted")
    class RestrictionLifted(Event):
        """Everybody who sees the plan sees this again."""

        change = Change.AMENDED
        visibility: None
        reason: ChangeReason

        def apply(self, aggregate: Any) -> None:
            """Visible again."""
            aggregate.remember_visibility(None, None)
            super().apply(aggregate)

    if TYPE_CHECKING:  # the library makes arguments of ``__init__`` of what is annotated here
        plan_id: UUID
        origin: str | None
        owner: Organisation
        is_the_persons: bool
        restricted_by: str | None
        visibility: Visibility | None
        is_in_error: bool
        is_out: bool
    else:
        visibility = restricted_by = None
        is_in_error = is_out = False

    @staticmethod
    def create_id(provenance: Provenance) -> UUID:
        """The id that the contribution names, or was given at the door."""
        return provenance.entry_id

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID | None:  # noqa: ARG003 - for those that have one
        """The entry's id where a plan has only one of its kind; else ``None``."""
        return None

    @classmethod
    def id_following_from(
        cls,
        plan_id: UUID,
        said: Mapping[str, Any],  # noqa: ARG003 - for those of which a plan has one of each subject
    ) -> UUID | None:
        """The entry's id where it follows from the plan and what a command says; else ``None``."""
        return cls.fixed_id(plan_id)

    @property
    def is_shared_with_person(self) -> bool:
        """True unless its own rules keep it from the person for the time being."""
        return True

    def judge_every_change(self, provenance: Provenance) -> None:
        """What each of its own commands asks before its rules; those of every entry do not."""

    def judge_again(self, before: "Entry") -> None:
        """Refuse that this takes the place of the one marked in error, where that may not be."""

    def unique_keys(self) -> frozenset[str]:
        """What no other entry of this section may hold at the same time, as the entry stands."""
        return frozenset()

    @common("Mark in error", by=_ANYBODY)
    def mark_in_error(self, provenance: Provenance, reason: str | None = None) -> None:
        """Take out for good what was never right.

        Its origin may do so, or the person who said it. Where it has an owner, only the owner may.
        """
        reason = need_reason(reason)
        if self.owners is not None:
            must_be_own_organisation(provenance, self.owner, self.owners, None)
        elif not (self.is_the_persons and provenance.is_from_the_persons_side):
            self.must_be_origin(provenance)
        self.trigger_event(self.EnteredInError, reason=reason, provenance=provenance)

    @common("Restrict", by=(*_ANYBODY, LIFTING))
    def restrict(
        self,
        provenance: Provenance,
        fields: tuple[str, ...] = (),
        labels: tuple[Name, ...] = (),
        withheld_from_person: bool = False,
        third_party: bool = False,
        reason: str | None = None,
        approved_by: str | None = None,
        review_on: date | None = None,
        granted: frozenset[str] = frozenset(),
    ) -> None:
        """Let not everybody see this, for a reason; from the person only with an approver."""
        visibility = Visibility(
            fields, labels, withheld_from_person, third_party, reason, approved_by, review_on
        )
        judge_visibility(visibility, provenance)
        if self.visibility is not None and not visibility.takes_nothing_from(self.visibility):
            must_be_theirs_to_lift(self.visibility, self.restricted_by, provenance, granted)
        self.trigger_event(self.Restricted, visibility=visibility, provenance=provenance)

    @common("Lift the restriction", by=(*_ANYBODY, LIFTING))
    def lift_restriction(
        self,
        provenance: Provenance,
        reason: str | None = None,
        granted: frozenset[str] = frozenset(),
    ) -> None:
        """Let everybody who may see the plan see this again."""
        if self.visibility is None:
            raise Refused(NOT_RESTRICTED)
        must_be_theirs_to_lift(self.visibility, self.restricted_by, provenance, granted)
        self.trigger_event(
            self.RestrictionLifted,
            visibility=None,
            reason=need_reason(reason),
            provenance=provenance,
        )

    def remember_visibility(self, visibility: Visibility | None, by: str | None) -> None:
        """Keep what is withheld, and the origin that first did; events call this, nobody else."""
        self.visibility = visibility
        self.restricted_by = by if visibility is not None else None

    def must_be_origin(self, provenance: Provenance) -> None:
        """Refuse whoever is not where this entry came from."""
        if self.origin is None or provenance.origin != self.origin:
            raise Refused(NOT_THE_ORIGIN)
