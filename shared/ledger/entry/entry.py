"""An entry: one item of a section, the unit of consistency and of attribution."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import Aggregate

from shared.ledger.errors import Refused, need_reason
from shared.ledger.provenance import PERSON, PROFESSIONAL, PROXY, Provenance, ServiceRole
from shared.ledger.values.shape import Name, is_blank
from shared.ledger.values.visibility import Visibility

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def major(number: int, of: str) -> Callable[[MethodT], MethodT]:
    """Declares a command's method as the major version of a command; ``of`` is its name."""

    def declared(method: MethodT) -> MethodT:
        method.wire_name, method.major = of, number  # type: ignore[attr-defined]
        return method

    return declared


MayContribute = Mapping[str, tuple[str | ServiceRole, ...]]


class Change(StrEnum):
    """What an event does to the plan."""

    CREATED = "created"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"


LIFTING: Final = ServiceRole("restriction_lifting", ("privacy-officer", "caldicott-guardian"))
"""May take from any restriction, whoever made it."""


class Entry(Aggregate):
    """The base of every entry: what all of them remember and what can be done to each.

    A public method with a ``provenance`` argument is a command: a class method creates an entry,
    an instance method changes one, and its signature is the request. Methods that decide may
    refuse; methods that apply may not.
    """

    may_contribute: ClassVar[MayContribute] = {"*": (PERSON, PROXY, PROFESSIONAL)}
    """Who may use each command, by its method's name; ``*`` for all others: kinds of voices, and
    service roles. A system's organisation answers for the voice."""

    already_exists: ClassVar[str] = "entry-already-exists"
    key_taken: ClassVar[str] = "entry-already-exists"
    key_taken_detail: ClassVar[str] = "Another entry has the same key."
    key_holder: ClassVar[str] = "existing_entry_id"
    """The member of a refusal that names the entry which has it."""
    opens_plan: ClassVar[str | None] = None
    """The command that opens the plan, on the one entry that decides about plans."""
    carries: ClassVar[tuple[str, ...]] = ()
    """The groups of the standard that it stands for; its fields carry what is in them."""
    provenance_carries: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The elements of those groups that members of its provenance carry, by the member's name."""

    class Event(Aggregate.Event):
        """What every event of an entry carries: its provenance, and its change to the plan."""

        change: ClassVar[Change]
        not_fields: ClassVar[frozenset[str]] = frozenset({"reason"})
        wire_name: ClassVar[str | None] = None
        """What it is called on the wire, where another major version has its class's name."""

        major: ClassVar[int] = 1
        followed_by: ClassVar[str | None] = None
        """The class of the next major version, into whose state ``upcast`` turns the stored one."""

        beside: ClassVar[tuple[type["Entry.Event"], ...]] = ()
        """All events of its entry; the section says which."""

        provenance: Provenance

        @staticmethod
        def upcast(state: dict[str, Any]) -> dict[str, Any]:
            """The stored state as the next major version has it."""
            return state

    class Creation(Event, Aggregate.Created):
        """The first event of an entry, which may say from the start who does not see it."""

        _: KW_ONLY
        visibility: Visibility | None = None

        def apply(self, aggregate: Any) -> None:
            """Remember where the entry comes from, and what is withheld of it."""
            aggregate.plan_id = self.provenance.plan_id
            aggregate.origin = self.provenance.origin
            aggregate.is_the_persons = self.provenance.stated_by.kind == PERSON
            aggregate.remember_visibility(self.visibility, self.provenance.origin)
            super().apply(aggregate)

        def mutate(self, aggregate: Any) -> Any:
            """The entry; where it was marked in error, begun again under the same restriction."""
            begun: Any = super().mutate(None)
            if aggregate is not None and aggregate.visibility is not None:
                standing = self.visibility or aggregate.visibility
                begun.remember_visibility(standing, aggregate.restricted_by)
            return begun

    class EnteredInError(Event):
        change = Change.WITHDRAWN
        reason: str

        def apply(self, aggregate: Any) -> None:
            """It takes no further change."""
            aggregate.is_in_error = True
            super().apply(aggregate)

    class Restricted(Event):
        change = Change.AMENDED
        visibility: Visibility

        def apply(self, aggregate: Any) -> None:
            """Remembered, for lifting it; whoever adds to a restriction does not take it over."""
            standing, by = aggregate.visibility, self.provenance.origin
            if standing is not None and self.visibility.takes_nothing_from(standing):
                by = aggregate.restricted_by
            aggregate.remember_visibility(self.visibility, by)
            super().apply(aggregate)

    class RestrictionLifted(Event):
        change = Change.AMENDED
        visibility: None
        reason: str

        def apply(self, aggregate: Any) -> None:
            """Visible again."""
            aggregate.remember_visibility(None, None)
            super().apply(aggregate)

    plan_id: UUID
    origin: str | None
    is_the_persons: bool
    is_in_error: bool = False
    visibility: Visibility | None = None
    restricted_by: str | None = None
    """The origin that first made the restriction that stands; who lifts it is judged by that."""

    @staticmethod
    def create_id(provenance: Provenance) -> UUID:
        """The id that the contribution names, or was given at the door."""
        return provenance.entry_id

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID | None:  # noqa: ARG003 - for those that have one
        """The entry's id where a plan has only one of its kind; else ``None``."""
        return None

    def judge_again(self, before: "Entry") -> None:
        """Refuse that this takes the place of the one marked in error, where that may not be."""

    def unique_keys(self) -> frozenset[str]:
        """What no other entry of this section may hold at the same time, as the entry stands."""
        return frozenset()

    def mark_in_error(self, provenance: Provenance, reason: str | None = None) -> None:
        """Take out for good what was never right: its origin does, or the person who said it."""
        reason = need_reason(reason)
        self._must_be_origin_or_person(provenance)
        self.trigger_event(self.EnteredInError, reason=reason, provenance=provenance)

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
            self._must_be_theirs_to_lift(self.visibility, provenance, granted)
        self.trigger_event(self.Restricted, visibility=visibility, provenance=provenance)

    def lift_restriction(
        self,
        provenance: Provenance,
        reason: str | None = None,
        granted: frozenset[str] = frozenset(),
    ) -> None:
        """Let everybody who may see the plan see this again."""
        if self.visibility is None:
            raise Refused("entry-not-restricted", "Nothing of this entry is restricted.")
        self._must_be_theirs_to_lift(self.visibility, provenance, granted)
        self.trigger_event(
            self.RestrictionLifted,
            visibility=None,
            reason=need_reason(reason),
            provenance=provenance,
        )

    def remember_visibility(self, visibility: Visibility | None, origin: str | None) -> None:
        """Keep what is withheld, and who said so; events call this, nobody else."""
        self.visibility = visibility
        self.restricted_by = origin if visibility is not None else None

    def _must_be_theirs_to_lift(
        self, standing: Visibility, provenance: Provenance, granted: frozenset[str]
    ) -> None:
        is_hidden_from_them = standing.withheld_from_person and provenance.is_from_the_persons_side
        is_theirs = provenance.origin is not None and provenance.origin == self.restricted_by
        if is_hidden_from_them or not (is_theirs or LIFTING.name in granted):
            raise _not_theirs_to_lift()

    def _must_be_origin(self, provenance: Provenance) -> None:
        if self.origin is None or provenance.origin != self.origin:
            raise Refused(
                "correction-belongs-to-the-origin",
                "Only whoever recorded this corrects it: that organisation, or the person.",
            )

    def _must_be_origin_or_person(self, provenance: Provenance) -> None:
        if not (self.is_the_persons and provenance.is_from_the_persons_side):
            self._must_be_origin(provenance)


def begun(
    entry: Entry, visibility: Visibility | None, provenance: Provenance, before: Entry | None
) -> Entry:
    """The new entry, restricted from the start; ``before`` is the one in error that it follows."""
    standing = before.visibility if before is not None else None
    if visibility is not None:
        judge_visibility(visibility, provenance, beside="visibility.")
        if standing is not None and not visibility.takes_nothing_from(standing):
            raise _not_theirs_to_lift()
    (created,) = entry.collect_events()
    version = created.originator_version if before is None else before.version + 1
    first = replace(cast("Any", created), visibility=visibility, originator_version=version)
    made: Entry = first.mutate(before)
    if before is not None:
        made.judge_again(before)
    made.pending_events.append(first)
    return made


def change_of(event: type[Entry.Event], entry_version: int) -> Change:
    """What such an event does to the plan: one that creates restores what is begun again."""
    is_again = entry_version > 1 and issubclass(event, Entry.Creation)
    return Change.RESTORED if is_again else event.change


def _not_theirs_to_lift() -> Refused:
    return Refused(
        "restriction-is-not-yours-to-lift",
        "Whoever restricted this takes from the restriction, or a privacy officer or "
        "Caldicott guardian; the person does not where it is withheld from them.",
    )


def judge_visibility(visibility: Visibility, provenance: Provenance, *, beside: str = "") -> None:
    """Refuse a restriction without its reason, or one that only others may make.

    It is the content of ``restrict``, or stands ``beside`` the content of what creates.
    """
    need_reason(visibility.reason, f"{beside}reason")
    if not visibility.withheld_from_person:
        if visibility.approved_by is not None and is_blank(visibility.approved_by):
            raise Refused("needs-code-or-text", "The approver has no name.", field="approved_by")
        return
    if provenance.voice != PROFESSIONAL:
        raise Refused(
            "role-may-not-contribute", "Only a professional withholds something from the person."
        )
    if is_blank(visibility.approved_by):
        raise Refused(
            "withholding-needs-an-approver",
            "Say in `approved_by` who approved that this is withheld from the person.",
            field=f"{beside}approved_by",
        )
