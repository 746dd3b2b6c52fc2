"""The form of what the audit answers, with the words for each member: its contract says them."""

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from services.audit.queries.overrides import State
from services.audit.record.model import Operation
from shared.ledger import titled
from shared.ledger.values.parties import Organisation
from shared.ledger.values.shape import Shape

Next = Annotated[
    str | None, titled("Next page", "Send it as `cursor` for the next page; null on the last.")
]


class Actor(TypedDict):
    """Who did it, as they were authenticated."""

    kind: Annotated[str, titled("Kind", "What kind of contributor or reader it was.")]
    id: Annotated[str | None, titled("Id", "The `sub` of their token, or the user on Kafka.")]
    name: Annotated[str | None, titled("Name", "What they were called then.")]
    role: Annotated[str | None, titled("Role", "In which role they did it.")]
    organisation: Annotated[Organisation | None, titled("Organisation", "For which organisation.")]


class Authn(TypedDict):
    """How they were authenticated, for those who may see it."""

    jti: Annotated[str | None, titled("Token", "The id of the token.")]
    client_id: Annotated[str | None, titled("Client", "The program that the token was given to.")]
    idp: Annotated[str | None, titled("Identity provider", "Who vouched for them.")]
    acr: Annotated[str | None, titled("Assurance", "How strongly they were authenticated.")]
    auth_time: Annotated[Any, titled("Authenticated", "When they were.")]


class Redaction(TypedDict):
    """Something that was withheld from the reader, and by which rule."""

    section: NotRequired[Annotated[str | None, titled("Section", "Where it stands.")]]
    entry_id: NotRequired[Annotated[str | None, titled("Entry", "The entry.")]]
    field: NotRequired[Annotated[str | None, titled("Field", "The field; null for all of it.")]]
    rule: NotRequired[Annotated[str | None, titled("Rule", "Why it was withheld.")]]


class AuditRecordListed(TypedDict):
    """One thing that happened. A member is null where there is nothing to say."""

    record_id: Annotated[
        str, titled("Record", "What it is known by; the same when it comes again.")
    ]
    idx: Annotated[int, titled("Place", "Its place in the log, from 0.")]
    at: Annotated[datetime, titled("At", "When it happened, as its source says, in UTC.")]
    logged_at: Annotated[datetime, titled("Logged", "When it was added to the log, in UTC.")]
    operation: Annotated[Operation, titled("Operation", "What was done.")]
    type: Annotated[str, titled("Type", "The same, more finely.")]
    what: Annotated[str | None, titled("What", "The kind of answer that was given.")]
    status: Annotated[int | None, titled("Status", "The HTTP status of the answer.")]
    code: Annotated[str | None, titled("Code", "Why it was refused or denied.")]
    event_type: Annotated[str | None, titled("Event", "The type of the event that was recorded.")]
    via: Annotated[str | None, titled("Via", "Through which door.")]
    trace_id: Annotated[str | None, titled("Trace", "The trace of the request (W3C).")]
    actor: Annotated[Actor | None, titled("Actor", "Who did it.")]
    on_behalf_of: Annotated[
        dict[str, Any] | None, titled("On behalf of", "For whom they acted, and by which proxy.")
    ]
    authn: Annotated[Authn | None, titled("Authenticated", "How they were authenticated.")]
    purpose: Annotated[str | None, titled("Purpose", "Why they read, as they said.")]
    policy_version: Annotated[str | None, titled("Rules", "The version of the rules then.")]
    plan_id: Annotated[UUID | None, titled("Plan", "The plan that it is about.")]
    section: Annotated[str | None, titled("Section", "The section that did it.")]
    entry_id: Annotated[UUID | None, titled("Entry", "The entry that it is about.")]
    entry_version: Annotated[int | None, titled("Entry version", "The version that it made.")]
    contribution_id: Annotated[UUID | None, titled("Contribution", "What it comes from.")]
    purpose_of_use: Annotated[str | None, titled("Purpose of use", "The code of HL7 for it.")]
    case: Annotated[str | None, titled("Case", "The case that a look into the audit belongs to.")]
    relationship: Annotated[
        dict[str, Any] | None, titled("Relationship", "What it rested on, as it was then.")
    ]
    override: Annotated[
        dict[str, Any] | None, titled("Override", "What was set aside, and for which reason.")
    ]
    decision: Annotated[str | None, titled("Decision", "`permit` or `deny`.")]
    inputs_sha256: Annotated[str | None, titled("Inputs", "SHA-256 of what was decided on.")]
    plan_version: Annotated[int | None, titled("Plan version", "Which version was shown.")]
    as_at: Annotated[Any, titled("As at", "Which past plan was asked for.")]
    sections: Annotated[list[str] | None, titled("Sections", "Whose entries were shown.")]
    result_count: Annotated[int | None, titled("Results", "How many a search found.")]
    redactions: Annotated[
        list[Redaction] | None, titled("Withheld", "What was not shown, and why.")
    ]
    body_sha256: Annotated[str | None, titled("Digest", "SHA-256 of the bytes that were shown.")]
    body_length: Annotated[int | None, titled("Length", "How many bytes were shown.")]
    media_type: Annotated[str | None, titled("Media type", "Of which type they were.")]
    build: Annotated[str | None, titled("Build", "The program that showed them.")]


class AuditRecords(TypedDict):
    """A page of audit records, newest first."""

    items: Annotated[list[AuditRecordListed], titled("Items", "Those of this page.")]
    next: Next


class LogOfAnswer(TypedDict):
    """What an answer was made of: the records of the log from `first_idx` to below `size`."""

    first_idx: Annotated[int, titled("First place", "The first place that was looked at.")]
    size: Annotated[int, titled("Size", "How many records the log had.")]
    root: Annotated[str | None, titled("Root", "Its root; null where it was not signed.")]
    checkpoint: Annotated[str | None, titled("Checkpoint", "The signed note of that size.")]
    rows: Annotated[int, titled("Rows", "How many were found.")]
    rows_sha256: NotRequired[
        Annotated[str, titled("Digest", "SHA-256 of the lines before, with their ends.")]
    ]
    within: Annotated[
        str | None,
        titled("Within", "The organisation of whose doings alone it tells; null for all."),
    ]


class Completeness(TypedDict):
    """How complete an answer is."""

    kind: Annotated[
        Literal["proved", "full-scan", "best-effort"],
        titled(
            "Kind",
            "`proved` with evidence that nothing was left out; `full-scan` where every record of "
            "the log of that size was looked at, and nobody but the audit vouches for it; "
            "`best-effort` where that log was not signed.",
        ),
    ]
    evidence: Annotated[LogOfAnswer, titled("Evidence", "What it was made of.")]


class LastLine(TypedDict):
    """The last line of an answer in lines; one without it was cut off."""

    completeness: Annotated[Completeness, titled("Completeness", "How complete it is.")]


RecordLine = AuditRecordListed | LastLine
"""A line of an answer in lines: a record, or the last one."""


class Seer(TypedDict):
    """Who looked: their role and organisation, and a name only where it was decided to show it."""

    role: Annotated[str | None, titled("Role", "In which role they looked.")]
    organisation: Annotated[Organisation | None, titled("Organisation", "For which organisation.")]
    name: Annotated[str | None, titled("Name", "Their name; null unless it may be told.")]


class Seen(TypedDict):
    """What they were shown."""

    view: Annotated[str | None, titled("View", "The kind of answer that they were given.")]
    sections: Annotated[list[str], titled("Sections", "Whose entries were shown.")]
    words: Annotated[str, titled("Words", "The same in words.")]


class Reason(TypedDict):
    """Why they looked."""

    purpose: Annotated[str | None, titled("Purpose", "Their purpose.")]
    words: Annotated[str, titled("Words", "The same in words.")]


class OwnReview(TypedDict):
    """What somebody found who checked it."""

    at: Annotated[datetime, titled("At", "When they checked it, in UTC.")]
    outcome: Annotated[str, titled("Outcome", "What they found.")]
    words: Annotated[str, titled("Words", "The same in words.")]


class OwnAccess(TypedDict):
    """One access to the person's plan, in words that everybody knows."""

    access_id: Annotated[str, titled("Access", "What it is known by.")]
    at: Annotated[datetime, titled("At", "When it was, in UTC.")]
    who: Annotated[Seer, titled("Who", "Who looked.")]
    what: Annotated[Seen, titled("What", "What they were shown.")]
    why: Annotated[Reason, titled("Why", "Why they looked.")]
    how: Annotated[str, titled("How", "Whether they looked, took a copy or were sent it.")]
    was_emergency: Annotated[
        bool, titled("Emergency", "They had no relationship, or went against an objection.")
    ]
    review: Annotated[
        OwnReview | None,
        titled("Review", "What was found when it was checked; null where nobody has, or need not."),
    ]


class OwnAccesses(TypedDict):
    """A page of accesses to the person's plan, newest first."""

    items: Annotated[list[OwnAccess], titled("Items", "Those of this page.")]
    next: Next


class Justification(TypedDict):
    """Why they used it, as they said afterwards."""

    at: Annotated[datetime, titled("At", "When they said so, in UTC.")]
    basis: Annotated[str | None, titled("Basis", "On what it rests.")]
    text: Annotated[str | None, titled("Text", "What they said.")]


class OverrideReview(TypedDict):
    """What the last review found."""

    at: Annotated[datetime, titled("At", "When it was reviewed, in UTC.")]
    outcome: Annotated[str, titled("Outcome", "What was found.")]
    organisation: Annotated[
        str | None, titled("Organisation", "The reviewer's organisation, by its code.")
    ]


class OverrideListed(TypedDict):
    """One override: who read in an emergency, and what became of it."""

    override_id: Annotated[UUID, titled("Override", "What it is known by.")]
    idx: Annotated[int, titled("Place", "The place in the log of the first read under it.")]
    at: Annotated[datetime, titled("At", "When that was, in UTC.")]
    plan_id: Annotated[UUID, titled("Plan", "The plan that was read.")]
    actor: Annotated[Actor | None, titled("Actor", "Who read it; null where that was erased.")]
    kind: Annotated[
        str | None, titled("Kind", "`break-glass`, or `objection` where they read against one.")
    ]
    reason: Annotated[str | None, titled("Reason", "Why it was an emergency, as they said then.")]
    ends_at: Annotated[Any, titled("Ends", "Until when it let them in.")]
    sections: Annotated[list[str], titled("Sections", "Whose entries they were shown first.")]
    reads: Annotated[int, titled("Reads", "How often they read under it, at most 1,000.")]
    justification: Annotated[
        Justification | None, titled("Justification", "Null where they have not said why.")
    ]
    state: Annotated[State, titled("State", "How far it is.")]
    due_at: Annotated[datetime, titled("Due", "Until when it is to be reviewed, in UTC.")]
    escalated_at: Annotated[
        datetime | None, titled("Escalated", "When the alert was raised that it is overdue.")
    ]
    review: Annotated[OverrideReview | None, titled("Review", "Null where there is none yet.")]


class OverridesListed(TypedDict):
    """A page of overrides, oldest first."""

    items: Annotated[list[OverrideListed], titled("Items", "Those of this page.")]
    next: Next


class OverrideReviewed(TypedDict):
    """A review that was kept."""

    override_id: Annotated[UUID, titled("Override", "What was reviewed.")]
    outcome: Annotated[str, titled("Outcome", "What was found.")]


_Base64 = Annotated[str, Shape(pattern="^[A-Za-z0-9+/]*={0,2}$")]
_Size = Annotated[int, Shape(ge=1), titled("Size", "How many records the log has.")]
_Root = Annotated[_Base64, titled("Root", "The root of the tree at that size, in base64.")]
_Hashes = Annotated[list[_Base64], titled("Hashes", "The hashes of the proof (RFC 9162).")]
_Checkpoint = Annotated[
    str | None,
    titled("Checkpoint", "The signed note of that size; null where none was signed."),
]


class GroupShown(TypedDict):
    """One group of a record: what it says with its salt, or its hash and why it is withheld."""

    name: Annotated[str, titled("Group", "Which group it is.")]
    salt: NotRequired[Annotated[_Base64, titled("Salt", "What its hash was salted with.")]]
    value: NotRequired[Annotated[Any, titled("Value", "What it says; null for nothing.")]]
    hash: NotRequired[Annotated[_Base64, titled("Hash", "Its hash, in base64.")]]
    withheld: NotRequired[Annotated[str, titled("Withheld", "Why only its hash is shown.")]]


class ProofOfRecord(TypedDict):
    """What proves that the record is at its place."""

    size: _Size
    root: _Root
    hashes: _Hashes
    checkpoint: _Checkpoint


class RecordEvidence(TypedDict):
    """One record with what it is committed to by."""

    idx: Annotated[int, titled("Place", "Its place in the log, from 0.")]
    record: Annotated[
        AuditRecordListed | None,
        titled("Record", "As lists give it; null where only some groups were asked for."),
    ]
    leaf: Annotated[_Base64, titled("Leaf", "Its leaf in the log, in base64.")]
    commitment: Annotated[_Base64, titled("Commitment", "What the leaf commits to, in base64.")]
    groups: Annotated[list[GroupShown], titled("Groups", "In the order in which they are hashed.")]
    proof: NotRequired[
        Annotated[
            ProofOfRecord,
            titled("Proof", "With `proof=1`, once a checkpoint reaches it."),
        ]
    ]


class InclusionProof(TypedDict):
    """Proves that a record is at its place in the log."""

    idx: Annotated[int, titled("Place", "The place of the record, from 0.")]
    size: _Size
    leaf_hash: Annotated[_Base64, titled("Leaf hash", "The hash of its leaf, in base64.")]
    root: _Root
    hashes: _Hashes
    checkpoint: _Checkpoint


ConsistencyProof = TypedDict(
    "ConsistencyProof",
    {
        "from": Annotated[int, titled("From", "The size of the earlier log.")],
        "to": Annotated[int, titled("To", "The size of the later one.")],
        "from_root": Annotated[_Base64, titled("Earlier root", "Its root, in base64.")],
        "to_root": Annotated[_Base64, titled("Later root", "The root of the later one.")],
        "hashes": _Hashes,
        "checkpoint": _Checkpoint,
    },
)


class Witnessed(TypedDict):
    """Who witnessed a checkpoint, and when."""

    name: Annotated[str, titled("Witness", "The name of its key.")]
    at: Annotated[datetime, titled("At", "When it signed, in UTC.")]


class CheckpointListed(TypedDict):
    """One checkpoint: a signed statement of what the log was."""

    size: _Size
    root: _Root
    at: Annotated[datetime, titled("At", "When it was signed, in UTC.")]
    witnesses: Annotated[list[Witnessed], titled("Witnesses", "Who signed it as well.")]
    note: Annotated[str, titled("Note", "The signed note itself (C2SP signed-note).")]


class Checkpoints(TypedDict):
    """A page of checkpoints, newest first."""

    items: Annotated[list[CheckpointListed], titled("Items", "Those of this page.")]
    next: Next
