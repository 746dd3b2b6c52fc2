"""The forms of what the plan answers, with the words for each member: its contract says them."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from services.plan.fold.findings.rules import RULES_BEHIND
from shared.ledger import EntryRef, Location, Responsible, StewardshipRef, titled
from shared.ledger.provenance import OnBehalfOf, StatedKind, Supporter
from shared.ledger.values.parties import Identifier, Organisation, Party
from shared.ledger.values.shape import Shape

FromZero = Annotated[int, Shape(ge=0)]
_Version = Annotated[int, Shape(ge=1)]
PlanId = Annotated[UUID, titled("Plan", "The id of the plan.")]
PlanVersion = Annotated[
    _Version,
    titled("Plan version", "Counts the events of the plan from 1, without a gap."),
]
SectionName = Annotated[str, titled("Section", "The section that owns it, as `care-team`.")]
EntryId = Annotated[UUID, titled("Entry", "Its id, which is unique within its section.")]
EntryType = Annotated[str, titled("Type of entry", "What kind of entry it is, as `stage-goal`.")]
EntryVersion = Annotated[
    _Version, titled("Entry version", "Counts the events of the entry from 1: base a change on it.")
]
ContributionId = Annotated[UUID, titled("Contribution", "The contribution that it comes from.")]
RecordedAt = Annotated[datetime, titled("Recorded", "When its section stored it, in UTC.")]
StatedAt = Annotated[datetime, titled("Stated", "When it was said, assessed or done, in UTC.")]
EventType = Annotated[str, titled("Event", "The type of the event, as `careplan.goals.agreed.v1`.")]
Change = Annotated[
    Literal["created", "amended", "withdrawn", "restored"],
    titled("Change", "What it did to the plan."),
]
Next = Annotated[
    str | None,
    titled("Next page", "Send it as `cursor` for the next page; null on the last one."),
]


class By(TypedDict):
    """Who recorded something: proven by their token, or by the topic of their organisation."""

    kind: Annotated[StatedKind, titled("Kind", "What kind of contributor it is.")]
    name: NotRequired[Annotated[str, titled("Name", "What they are called.")]]
    role: NotRequired[Annotated[str, titled("Role", "In which role they recorded it.")]]
    organisation: NotRequired[
        Annotated[Organisation, titled("Organisation", "For which organisation.")]
    ]


class StatedBy(By):
    """Who said it, as the contributor names them."""

    relationship: NotRequired[
        Annotated[str, titled("Relationship", "What somebody close is to the person.")]
    ]


class OfAProfessional(TypedDict):
    """What the standard asks of a professional beyond name, role and organisation."""

    team: NotRequired[Annotated[str, titled("Team", "The team that they work in.")]]
    contact: NotRequired[Annotated[str, titled("Contact details", "How to reach them.")]]
    grade: NotRequired[Annotated[str, titled("Grade", "Their grade in their organisation.")]]
    speciality: NotRequired[
        Annotated[str, titled("Speciality", "The speciality that they work in.")]
    ]
    identifier: NotRequired[
        Annotated[Identifier, titled("Number", "The number by which their profession knows them.")]
    ]


class Professional(StatedBy, OfAProfessional):
    """Who said it, with all that was said of them as a professional."""


RecordedBy = Annotated[By, titled("By", "Who recorded it, and for whom.")]
Said = Annotated[StatedBy, titled("Stated by", "Who said it.")]


class Authored(TypedDict):
    """Who said one field or item of an entry, and with which contribution."""

    entry_version: EntryVersion
    contribution_id: ContributionId
    stated_by: Annotated[Professional, titled("Stated by", "Who said it.")]
    recorded_by: RecordedBy
    stated_at: StatedAt
    recorded_at: RecordedAt
    plan_version: PlanVersion
    on_behalf_of: NotRequired[Annotated[OnBehalfOf, titled("On behalf of", "For whom they acted.")]]
    supported_by: NotRequired[
        Annotated[Supporter, titled("Supported by", "Who helped the person to say it.")]
    ]
    location: NotRequired[Annotated[Location, titled("Location", "Where it was said or done.")]]
    answers: NotRequired[
        Annotated[StewardshipRef, titled("Answers", "The comment that the change answers.")]
    ]


class ExternalRef(TypedDict):
    """What another system calls the entry."""

    system: Annotated[str, titled("System", "What the system is called.")]
    id: NotRequired[Annotated[str, titled("Id there", "What it calls the entry.")]]
    version: NotRequired[Annotated[str, titled("Version there", "Which version of it that is.")]]


class AnsweredWith(TypedDict):
    """A change that answers a comment."""

    section: SectionName
    entry_id: EntryId
    entry_version: EntryVersion
    contribution_id: ContributionId
    plan_version: PlanVersion


class AgreementStands(TypedDict):
    """The latest agreement to it."""

    entry_id: Annotated[UUID, titled("Agreement", "The entry of the agreement.")]
    outcome: Annotated[Any, titled("Outcome", "Whether it was agreed to.")]
    plan_version: Annotated[
        int | None, titled("Plan version", "The version of the plan that was agreed to.")
    ]
    changed_since: NotRequired[
        Annotated[
            bool,
            titled(
                "Changed since",
                "Whether it is no longer, or never was, what was agreed to: it has changed since, "
                "or the plan had no such version then. Left out where that is withheld.",
            ),
        ]
    ]


ReviewState = Annotated[
    Literal["overdue", "without-date", "due", "later"],
    titled("State", "`due` is within the next 30 days, and `later` after them."),
]
DueOn = Annotated[date | None, titled("Due", "The day of the next review; null without one.")]


class ReviewStands(TypedDict):
    """Its next review."""

    entry_id: Annotated[UUID, titled("Review", "The entry of the review.")]
    due_on: DueOn
    state: ReviewState


class DerivedOfEntry(TypedDict):
    """What follows from an entry and those around it."""

    changed_at: Annotated[
        datetime | None, titled("Changed", "When it was last changed, but for confirmations.")
    ]
    closed: NotRequired[
        Annotated[bool, titled("Closed", "Whether it is achieved, completed or does not apply.")]
    ]
    below: NotRequired[
        Annotated[
            list[EntryRef],
            titled("Below", "What stands under it in the tree of needs, goals and actions."),
        ]
    ]
    agreement: NotRequired[Annotated[AgreementStands, titled("Agreement", "The latest one.")]]
    review: NotRequired[Annotated[ReviewStands, titled("Review", "The next one.")]]
    not_to_be_called: NotRequired[
        Annotated[
            list[UUID],
            titled(
                "Not to be called",
                "Of a contingency plan: the items of its contacts who must not be contacted, since "
                "a personal contact of that name is excluded, on the plan or set aside.",
            ),
        ]
    ]
    stale_after: NotRequired[
        Annotated[
            datetime, titled("Stale after", "From then on nobody should take it for up to date.")
        ]
    ]


class ShownEntry(TypedDict):
    """One entry of a plan, as it stands in the version that is shown."""

    entry_id: EntryId
    entry_type: EntryType
    entry_version: EntryVersion
    current: Annotated[bool, titled("Current", "Whether it is part of the plan.")]
    state: Annotated[
        Literal["current", "withdrawn", "entered-in-error"],
        titled("State", "Why it is part of the plan, or not."),
    ]
    recorded_at: RecordedAt
    stated_at: StatedAt
    by: RecordedBy
    stated_by: Said
    confirmed_at: NotRequired[
        Annotated[datetime, titled("Confirmed", "When it was last confirmed unchanged.")]
    ]
    external_refs: NotRequired[
        Annotated[list[ExternalRef], titled("External references", "Its names in other systems.")]
    ]
    content: Annotated[
        dict[str, Any],
        titled("Content", "Its fields, as the contracts of its section's events describe them."),
    ]
    answered_with: NotRequired[
        Annotated[
            list[AnsweredWith],
            titled(
                "Answered with",
                "Of a comment: the changes that name it as what they answer, in their order.",
            ),
        ]
    ]
    authorship: NotRequired[
        Annotated[
            dict[str, Authored],
            titled("Authorship", "Who said each field and item, by its path; with `authorship`."),
        ]
    ]
    derived: NotRequired[
        Annotated[DerivedOfEntry, titled("Derived", "What follows from it; with `derived`.")]
    ]
    withheld: NotRequired[
        Annotated[list[str], titled("Withheld", "The fields that you are not shown, by path.")]
    ]


class TakenOut(TypedDict):
    """When and why an entry was taken out of the plan."""

    recorded_at: Annotated[datetime, titled("Recorded", "When that was recorded, in UTC.")]
    reason: Annotated[str | None, titled("Reason", "Why; null where that is withheld from you.")]


class ShownBefore(ShownEntry):
    """An entry that was taken out of the plan, and tells of a danger all the same."""

    taken_out: Annotated[TakenOut, titled("Taken out", "When, and why.")]


class Parked(TypedDict):
    """An entry that waits for an event that has not arrived yet."""

    section: SectionName
    entry_id: EntryId
    waiting_from_version: Annotated[
        _Version, titled("Waiting from", "The first version of the entry that is missing.")
    ]
    since: Annotated[datetime, titled("Since", "Since when something waits, in UTC.")]


class AsAt(TypedDict):
    """Which past plan is shown."""

    requested: Annotated[
        datetime | _Version, titled("Requested", "The instant or the version that was asked for.")
    ]
    basis: Annotated[
        Literal["version", "recorded", "visible", "effective"],
        titled("Basis", "By which clock events count, or that a version was asked for."),
    ]
    resolved_version: Annotated[
        _Version, titled("Resolved version", "The highest version of the plan that counts.")
    ]
    resolved_at: Annotated[
        datetime,
        titled(
            "Resolved at",
            "When the newest of what counts was recorded; for a version and `visible` when readers "
            "could first see it, for `effective` the instant itself.",
        ),
    ]
    without: Annotated[
        list[Annotated[list[_Version], Shape(min_length=2, max_length=2)]],
        titled("Without", "Versions up to it that do not count: the first and the last of each."),
    ]
    policy_version: NotRequired[
        Annotated[str, titled("Rules", "The version of the rules then; of what could be seen.")]
    ]
    is_current: Annotated[
        Literal[False], titled("Is current", "False: nothing past is taken for the current plan.")
    ]


class Recording(By, OfAProfessional):
    """Somebody who recorded some of the care and support plan, and when they last did."""

    recorded_at: RecordedAt


class DerivedOfPlan(TypedDict):
    """What follows from the whole plan by the standard."""

    changed_at: Annotated[datetime | None, titled("Changed", "When the plan was last updated.")]
    last_stated_at: Annotated[
        datetime | None, titled("Last stated", "When the newest of it was said.")
    ]
    sendable: NotRequired[
        Annotated[
            bool,
            titled(
                "Sendable",
                "Whether every element is there that the standard demands; left out where one of "
                "them is withheld.",
            ),
        ]
    ]
    missing: Annotated[list[str], titled("Missing", "The mandatory elements that are missing.")]
    not_recorded: Annotated[
        list[str],
        titled("Not recorded", "Sections and fields without a value; this does not mean `none`."),
    ]
    contributors: Annotated[
        list[Recording], titled("Contributors", "Who recorded it, the latest first.")
    ]
    agreement: NotRequired[Annotated[AgreementStands, titled("Agreement", "The latest one.")]]
    review: NotRequired[Annotated[ReviewStands, titled("Review", "The next one of the plan.")]]
    lead: NotRequired[
        Annotated[Party | Professional, titled("Lead", "The professional who leads it.")]
    ]
    location: NotRequired[
        Annotated[Location, titled("Location", "Where it was last reviewed, or else opened.")]
    ]


class ReviewDue(TypedDict):
    """A review of the plan or of an entry."""

    entry_id: Annotated[UUID, titled("Review", "The entry of the review.")]
    subject: Annotated[
        EntryRef | Literal["plan"] | None, titled("Subject", "The entry to review, or the plan.")
    ]
    subject_type: Annotated[str | None, titled("Type of subject", "What kind of entry it is.")]
    due_on: DueOn
    state: ReviewState
    days: Annotated[int | None, titled("Days", "Days until it is due; below 0 it is overdue.")]
    responsible: Annotated[
        Responsible | None, titled("Responsible", "Who sees to it that it is held.")
    ]


class Concerned(TypedDict):
    """An entry that a finding is about."""

    section: SectionName
    entry_id: EntryId
    field: NotRequired[Annotated[str, titled("Field", "The field that it is about.")]]


_ONE_OF_THE_RULES: Final = Field(json_schema_extra={"enum": [*sorted(RULES_BEHIND)]})


class Finding(TypedDict):
    """Something that the plan says about itself."""

    finding_id: Annotated[UUID, titled("Finding", "The same in every version that has it.")]
    code: Annotated[str, titled("Code", "What was found."), _ONE_OF_THE_RULES]
    rule: Annotated[str, titled("Rule", "The rule of the standard, or the hazard, behind it.")]
    since: Annotated[datetime, titled("Since", "Since when it holds, in UTC.")]
    plan_version: PlanVersion
    entries: Annotated[list[Concerned], titled("Entries", "Which entries it is about.")]
    words: Annotated[str, titled("Words", "What it means, for a clinician to read.")]


class EntriesWithheld(TypedDict):
    """How many entries of a section you are not shown; nothing else is said of them."""

    section: SectionName
    entries: Annotated[_Version, titled("Entries", "How many.")]


Withheld = Annotated[Literal[True], titled("Withheld", "You are not shown what this is about.")]


class Plan(TypedDict):
    """A plan, as it stands or as it was."""

    plan_id: PlanId
    plan_version: Annotated[
        FromZero,
        titled(
            "Plan version",
            "Counts the events of the plan from 1, without a gap; 0 while each event that has "
            "arrived waits for another (`parked`).",
        ),
    ]
    state: Annotated[
        Literal["open", "ended", "merged", "unknown"],
        titled("State", "`unknown` until the event that opened it has arrived."),
    ]
    opened_at: Annotated[datetime | None, titled("Opened", "When it was opened, in UTC.")]
    last_updated: Annotated[
        datetime | None, titled("Last updated", "When the newest of it was recorded, in UTC.")
    ]
    complete: Annotated[
        bool, titled("Complete", "False while something that was recorded has not arrived.")
    ]
    sections: Annotated[
        dict[str, list[ShownEntry]],
        titled("Sections", "The entries of each section, in the order in which they came."),
    ]
    parked: Annotated[list[Parked], titled("Parked", "The entries that wait for an event.")]
    merged_into: NotRequired[
        Annotated[UUID, titled("Merged into", "The plan that goes on in place of this one.")]
    ]
    merged_from: NotRequired[
        Annotated[list[UUID], titled("Merged from", "The plans that were merged into it.")]
    ]
    as_at: NotRequired[Annotated[AsAt, titled("As at", "Which past plan this is.")]]
    derived: NotRequired[
        Annotated[DerivedOfPlan, titled("Derived", "What follows from it; with `derived`.")]
    ]
    findings: NotRequired[
        Annotated[list[Finding], titled("Findings", "What it lacks; with `findings`.")]
    ]
    reviews: NotRequired[
        Annotated[list[ReviewDue], titled("Reviews", "The overdue first; with `reviews`.")]
    ]
    view: NotRequired[
        Annotated[
            Literal["emergency"], titled("View", "That it shows what an emergency needs alone.")
        ]
    ]
    history: NotRequired[
        Annotated[
            dict[str, list[ShownBefore]],
            titled(
                "History",
                "In an emergency: risks that were set aside and contingency plans that have ended, "
                "by section. None of it is part of the plan.",
            ),
        ]
    ]
    withheld: NotRequired[
        Annotated[
            list[EntriesWithheld],
            titled("Withheld", "The entries that you are not shown, where there are any."),
        ]
    ]


class VersionListed(TypedDict):
    """One version of a plan: the event that made it."""

    plan_version: PlanVersion
    section: SectionName
    entry_id: EntryId
    entry_type: EntryType
    entry_version: EntryVersion
    change: Change
    type: EventType
    contribution_id: ContributionId
    recorded_at: RecordedAt
    projected_at: Annotated[
        datetime, titled("Projected", "When readers could first see this version, in UTC.")
    ]
    stated_at: StatedAt
    by: RecordedBy


class VersionWithheld(TypedDict):
    """A version that you are not shown."""

    plan_version: PlanVersion
    withheld: Withheld


class EventListed(TypedDict):
    """One event of a contribution."""

    plan_version: PlanVersion
    entry_version: EntryVersion
    type: EventType
    change: Change
    fields: Annotated[list[str], titled("Fields", "The paths of what it set or removed.")]
    content: Annotated[dict[str, Any], titled("Content", "As the contract of the event has it.")]
    withheld: NotRequired[
        Annotated[list[str], titled("Withheld", "The fields that you are not shown, by path.")]
    ]


class ContributionListed(TypedDict):
    """One contribution to a plan, and what came of it."""

    contribution_id: ContributionId
    plan_versions: Annotated[list[_Version], titled("Plan versions", "The versions it made.")]
    section: SectionName
    entry_id: EntryId
    entry_type: EntryType
    recorded_at: RecordedAt
    stated_at: StatedAt
    by: RecordedBy
    stated_by: Said
    reason: Annotated[Any, titled("Reason", "Why it was done, where anybody said so.")]
    events: Annotated[
        list[EventListed | VersionWithheld], titled("Events", "What was recorded, oldest first.")
    ]


class ContributionWithheld(TypedDict):
    """A contribution that you are not shown."""

    plan_versions: Annotated[list[_Version], titled("Plan versions", "The versions it made.")]
    withheld: Withheld


class Versions(TypedDict):
    """A page of the versions of a plan, newest first."""

    items: Annotated[list[VersionListed | VersionWithheld], titled("Items", "Those of this page.")]
    next: Next


class History(TypedDict):
    """A page of the contributions to a plan, newest first."""

    items: Annotated[
        list[ContributionListed | ContributionWithheld], titled("Items", "Those of this page.")
    ]
    next: Next


class FindingsListed(TypedDict):
    """What a plan says about itself, oldest first."""

    items: Annotated[list[Finding], titled("Items", "All of them.")]
    next: Next
    withheld: NotRequired[
        Annotated[
            _Version,
            titled("Withheld", "How many more there are, which rest on what you are not shown."),
        ]
    ]


class PersonFound(TypedDict):
    """A plan that was searched for."""

    plan_id: Annotated[UUID, titled("Plan", "The id of the plan.")]
    state: Annotated[
        Literal["open", "ended", "merged"],
        titled("State", "Whether it is open, has ended, or goes on in another plan."),
    ]
    merged_into: NotRequired[
        Annotated[UUID, titled("Merged into", "The plan that goes on in place of this one.")]
    ]
    relationship: Annotated[
        Literal["live", "ended", "none"],
        titled("Relationship", "That of the organisation which asks, with the person of the plan."),
    ]


class PeopleFound(TypedDict):
    """The plans of whoever has what was searched by: mostly one, or none."""

    items: Annotated[list[PersonFound], titled("Items", "Open plans first; ten at most.")]
