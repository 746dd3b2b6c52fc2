"""A professional contact: somebody of a service who looks after the person, and from when."""

from typing import Annotated

from eventsourcing.domain import event

from services.care_team.domain.rules import KEY_WORKER_NAMING
from shared.ledger import (
    DERIVED,
    KEEP,
    NOT_YOUR_ORGANISATION,
    Amendment,
    Carries,
    ChangeReason,
    CodedText,
    Creation,
    Entry,
    InAnEmergency,
    Instant,
    Keep,
    Name,
    Organisation,
    Provenance,
    Refusal,
    Refused,
    Restoration,
    Withdrawal,
    changes,
    creates,
    is_blank,
    must_be_own_organisation,
    must_end_after_it_starts,
    must_say_something,
    restores,
    titled,
    withdraws,
)
from shared.ledger import NEEDS_CODE_OR_TEXT as SAYS_NOTHING
from shared.ledger.codes.specialities import SPECIALITY

FullName = Annotated[Name, titled("Name", "What they are called."), Carries("Name")]
Role = Annotated[CodedText, titled("Role", "What they are to the person."), Carries("Role")]
KeyWorker = Annotated[
    bool, titled("Key worker", "Whether the person turns to them first."), Carries("Key worker")
]
Speciality = Annotated[
    CodedText,
    titled("Speciality", "What they are qualified in."),
    SPECIALITY,
    Carries("Speciality"),
]
Team = Annotated[Name, titled("Team", "The team that they belong to."), Carries("Team")]
WorksFor = Annotated[
    Organisation,
    titled("Organisation", "The organisation that they work for."),
    Carries("Organisation"),
]
Details = Annotated[
    tuple[str, ...],
    titled("Contact details", "How to reach them, the best way first."),
    Carries("Contact details"),
]
StartsAt = Annotated[
    Instant,
    titled("Start", "From when they look after the person, a day and a time."),
    Carries("Start date"),
]
EndsAt = Annotated[
    Instant,
    titled("End", "Until when they looked after the person, a day and a time."),
    Carries("End date"),
]

NEEDS_NAME_ROLE_OR_TEAM = Refusal(
    "contact-needs-name-role-or-team",
    "Nobody could be found by it",
    "Give a name, a role or a team.",
)
ALREADY_KEY_WORKER = Refusal(
    "already-key-worker", "They are the key worker", "This contact is a key worker already."
)
NOT_KEY_WORKER = Refusal(
    "not-key-worker", "They are not the key worker", "This contact is not a key worker."
)


@titled("Professional contact")
class ProfessionalContact(Entry):
    """Somebody of a service who looks after the person, until they leave."""

    carries = ("Professional contacts > Professional contacts record entry",)
    in_an_emergency = InAnEmergency(where={"key_worker": (True,)})
    already_out = Refusal(
        "contact-has-left", "The contact has left", "This contact has left; let them rejoin first."
    )
    not_out = Refusal(
        "contact-has-not-left", "The contact has not left", "This contact is in the care team."
    )

    @titled("Professional contact joined")
    class Joined(Creation):
        """Somebody looks after the person from now on."""

        organisation: WorksFor
        name: FullName | None = None
        role: Role | None = None
        speciality: Speciality | None = None
        team: Team | None = None
        contact_details: Details = ()
        starts_at: StartsAt | None = None
        ends_at: EndsAt | None = None

    @titled("Details changed")
    class DetailsChanged(Amendment):
        """What is said of them was said better."""

        organisation: WorksFor | Keep = KEEP
        name: FullName | Keep | None = KEEP
        role: Role | Keep | None = KEEP
        speciality: Speciality | Keep | None = KEEP
        team: Team | Keep | None = KEEP
        contact_details: Details | Keep | None = KEEP
        starts_at: StartsAt | Keep | None = KEEP
        ends_at: EndsAt | Keep | None = KEEP

    @titled("Named key worker")
    class NamedKeyWorker(Amendment):
        """The person turns to them first."""

        key_worker: Annotated[KeyWorker, DERIVED]

    @titled("Stood down as key worker")
    class StoodDownAsKeyWorker(Amendment):
        """The person no longer turns to them first."""

        key_worker: Annotated[KeyWorker, DERIVED]

    @titled("Left")
    class Left(Withdrawal):
        """They no longer look after the person."""

        reason: ChangeReason
        ends_at: EndsAt | Keep | None = KEEP

    @titled("Rejoined")
    class Rejoined(Restoration):
        """They look after the person again."""

        starts_at: StartsAt | Keep | None = KEEP
        ends_at: Annotated[EndsAt | None, DERIVED] = None

    @creates(Joined, "Join the care team")
    @staticmethod
    def join(said: Joined) -> None:
        """Put somebody of one's own organisation into the care team; the person names anybody."""
        _must_be_theirs(said.provenance, said.organisation)
        _must_be_found(said.name, said.role, said.team)
        _must_say_something(said)
        must_end_after_it_starts(said.starts_at, said.ends_at)

    @changes(DetailsChanged, "Change the details")
    def change_details(self, said: DetailsChanged) -> None:
        """Say better who they are and how to reach them."""
        _must_be_theirs(said.provenance, self.organisation)
        if said.organisation is not KEEP:
            _must_be_theirs(said.provenance, said.organisation)
        _must_be_found(
            self.name if said.name is KEEP else said.name,
            self.role if said.role is KEEP else said.role,
            self.team if said.team is KEEP else said.team,
        )
        _must_say_something(said)
        starts = self.starts_at if said.starts_at is KEEP else said.starts_at
        ends = self.ends_at if said.ends_at is KEEP else said.ends_at
        must_end_after_it_starts(starts, ends)

    @changes(NamedKeyWorker, "Name the key worker", by=(KEY_WORKER_NAMING,))
    def name_key_worker(self, said: NamedKeyWorker) -> NamedKeyWorker:
        """Let the person turn to them first."""
        if self.is_key_worker:
            raise Refused(ALREADY_KEY_WORKER)
        return said.having(key_worker=True)

    @changes(StoodDownAsKeyWorker, "Stand down as key worker", by=(KEY_WORKER_NAMING,))
    def stand_down_key_worker(self, said: StoodDownAsKeyWorker) -> StoodDownAsKeyWorker:
        """Let somebody else be the one whom the person turns to first."""
        if not self.is_key_worker:
            raise Refused(NOT_KEY_WORKER)
        return said.having(key_worker=False)

    @withdraws(Left, "Leave")
    def leave(self, said: Left) -> None:
        """Take them out of the care team; ``rejoin`` undoes it."""
        _must_be_theirs(said.provenance, self.organisation)
        must_end_after_it_starts(self.starts_at, said.ends_at)

    @restores(Rejoined, "Rejoin")
    def rejoin(self, said: Rejoined) -> None:
        """Put them back into the care team; the end that they had is gone."""
        _must_be_theirs(said.provenance, self.organisation)

    organisation: Organisation
    name: str | None
    role: CodedText | None
    team: str | None
    starts_at: Instant | None
    ends_at: Instant | None
    is_key_worker: bool = False

    @event(Joined)
    def __init__(
        self,
        organisation: Organisation,
        name: str | None = None,
        role: CodedText | None = None,
        team: str | None = None,
        starts_at: Instant | None = None,
        ends_at: Instant | None = None,
    ) -> None:
        self.organisation = organisation
        self.name, self.role, self.team = name, role, team
        self.starts_at, self.ends_at = starts_at, ends_at

    @event(DetailsChanged)
    def _apply_changed(
        self,
        organisation: Organisation | Keep,
        name: str | Keep | None,
        role: CodedText | Keep | None,
        team: str | Keep | None,
        starts_at: Instant | Keep | None,
        ends_at: Instant | Keep | None,
    ) -> None:
        self.organisation = self.organisation if organisation is KEEP else organisation
        self.name = self.name if name is KEEP else name
        self.role = self.role if role is KEEP else role
        self.team = self.team if team is KEEP else team
        self.starts_at = self.starts_at if starts_at is KEEP else starts_at
        self.ends_at = self.ends_at if ends_at is KEEP else ends_at

    @event(NamedKeyWorker)
    def _apply_named(self, key_worker: bool) -> None:
        self.is_key_worker = key_worker

    @event(StoodDownAsKeyWorker)
    def _apply_stood_down(self, key_worker: bool) -> None:
        self.is_key_worker = key_worker

    @event(Left)
    def _apply_left(self, ends_at: Instant | Keep | None) -> None:
        self.ends_at = self.ends_at if ends_at is KEEP else ends_at

    @event(Rejoined)
    def _apply_rejoined(self, starts_at: Instant | Keep | None, ends_at: Instant | None) -> None:
        self.starts_at = self.starts_at if starts_at is KEEP else starts_at
        self.ends_at = ends_at


def _must_be_theirs(provenance: Provenance, organisation: Organisation) -> None:
    """Only the person names somebody of another organisation than the one that contributes."""
    if not provenance.is_the_persons:
        must_be_own_organisation(provenance, organisation, NOT_YOUR_ORGANISATION)


def _must_be_found(name: str | None, role: CodedText | None, team: str | None) -> None:
    if is_blank(name) and is_blank(team) and (role is None or role.is_empty):
        raise Refused(NEEDS_NAME_ROLE_OR_TEAM, field="name")


def _must_say_something(
    said: ProfessionalContact.Joined | ProfessionalContact.DetailsChanged,
) -> None:
    for field in ("role", "speciality", "contact_details"):
        must_say_something(getattr(said, field), SAYS_NOTHING, field)
