"""Additional support plans: what one service does in detail, owned by it and read by all others."""

from typing import Annotated, Any, Final
from uuid import UUID

from eventsourcing.domain import event

from shared.ledger import (
    DERIVED,
    DOCUMENT_IDENTIFIERS_NOT_CHECKED,
    KEEP,
    NEEDS_CODE_OR_TEXT,
    PROFESSIONAL,
    Amendment,
    CanBeConfirmed,
    CanEnd,
    Carries,
    ChangeReason,
    Choice,
    CodedText,
    Creation,
    Document,
    Instant,
    Keep,
    Media,
    Organisation,
    Refusal,
    Refused,
    Text,
    changes,
    creates,
    is_blank,
    must_be_own_organisation,
    must_be_stored,
    must_have_a_copy_or_a_place,
    must_have_compared_two,
    must_say_something,
    titled,
    value,
    who_and_where,
)
from shared.ledger.codes.care import CARE_PLAN_TYPES


class BodyFormat(Choice):
    """In which form the plan is mostly written."""

    STRUCTURED = "structured", "Structured", "In parts, each with a title."
    FREE_TEXT = "free-text", "Free text", "In running text."
    TABLE = "table", "Table", "As a table, such as the week's timetable."
    DIAGRAM = "diagram", "Diagram", "As a diagram."
    IMAGE = "image", "Image", "As a picture."
    DOCUMENT = "document", "Document", "As a document beside it."


@value
class Part:
    """One part of a plan, under its own title."""

    text: Annotated[str, titled("Text", "What the part says.")]
    title: Annotated[Text, titled("Title", "What the part is about.")] | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to read."""
        return is_blank(self.text)


@value
class Table:
    """A table: the names of its columns, and its rows."""

    rows: Annotated[tuple[tuple[str, ...], ...], titled("Rows", "Its rows, cell by cell.")]
    columns: Annotated[tuple[str, ...], titled("Columns", "The names of its columns.")] = ()
    title: Annotated[Text, titled("Title", "What the table shows.")] | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where no cell can be read."""
        return all(is_blank(cell) for row in self.rows for cell in row)


@value
class Body:
    """What a plan says, in one form or several."""

    format: Annotated[BodyFormat, titled("Form", "In which form it is mostly written.")]
    parts: Annotated[tuple[Part, ...], titled("Parts", "Its parts, in order.")] = ()
    text: Annotated[Text, titled("Text", "What it says in running text.")] | None = None
    tables: Annotated[tuple[Table, ...], titled("Tables", "Its tables.")] = ()
    media: Annotated[tuple[Media, ...], titled("Pictures, sound and films", "What it shows.")] = ()

    @property
    def is_empty(self) -> bool:
        """True where it holds nothing in any form."""
        return is_blank(self.text) and not (self.parts or self.tables or self.media)


@value
class Newer:
    """A newer version that the owner has, and that is not here yet."""

    announced_at: Annotated[
        Instant, titled("Announced at", "When the owner said so, a day and a time.")
    ]
    label: Annotated[Text, titled("Label", "What the owner calls that version.")]


PlanName = Annotated[
    CodedText,
    titled("Name", "What kind of plan it is, by code, in words, or both."),
    CARE_PLAN_TYPES,
    Carries("Additional support plan name"),
]
Content = Annotated[
    Body, titled("Body", "What the plan says."), Carries("Additional support plan content")
]
Documents = Annotated[
    tuple[Document, ...],
    titled("Documents", "The plan as documents: stored copies, or where they are held."),
    Carries("Additional support plan content"),
]
Label = Annotated[Text, titled("Label", "What the owner calls this version.")]
Owner = Annotated[Organisation, titled("Owner", "The organisation whose plan it is.")]

NEEDS_A_NAME = Refusal(
    "support-plan-needs-a-name", "The plan has no name", "Say in `name` what kind of plan it is."
)
NEEDS_CONTENT = Refusal(
    "support-plan-needs-content",
    "The plan says nothing",
    "Give a `body` that says something, or a document.",
)
ONLY_THE_OWNER = Refusal(
    "only-the-owner-changes-a-support-plan",
    "It is another organisation's plan",
    "Only the organisation whose plan this is changes it. Propose the change in a Comment.",
)
UNKNOWN_VERSION = Refusal(
    "supersedes-unknown-version",
    "There was no such version",
    "Name in `supersedes` the label of a version that this plan has had.",
)
TO_ITSELF = Refusal(
    "hand-over-to-itself", "It is theirs already", "The plan belongs to this organisation."
)


@titled("Support plan")
class SupportPlan(CanEnd, CanBeConfirmed):
    """One service's plan, from when it is shared until it ends; only its owner changes it."""

    may_contribute = (PROFESSIONAL,)
    owners = ONLY_THE_OWNER
    carries = ("Additional support plans",)
    provenance_carries = who_and_where()
    already_out = Refusal(
        "support-plan-ended",
        "The support plan has ended",
        "This support plan has ended; reinstate it first.",
    )
    not_out = Refusal(
        "support-plan-not-ended",
        "The support plan has not ended",
        "This support plan is part of the current plan.",
    )

    @titled("Support plan shared")
    class Shared(Creation):
        """A service lets everybody who sees the plan see its own."""

        name: PlanName
        owner: Annotated[Owner, DERIVED]
        body: Content | None = None
        documents: Documents = ()
        label: Label | None = None

    @titled("Support plan revised")
    class Revised(Amendment):
        """A new version is shared; what is not named stays."""

        name: PlanName | Keep = KEEP
        body: Content | Keep | None = KEEP
        documents: Documents | Keep | None = KEEP
        label: Label | Keep | None = KEEP
        supersedes: (
            Annotated[Text, titled("Supersedes", "The label of the version that it replaces.")]
            | Keep
            | None
        ) = KEEP
        newer: Annotated[
            Newer | Keep | None, DERIVED, titled("Newer version", "None is known any more.")
        ] = KEEP

    @titled("Newer version announced")
    class NewerVersionAnnounced(Amendment):
        """The owner has a newer version, which is not here yet."""

        newer: Annotated[Newer, DERIVED, titled("Newer version", "What the owner has by now.")]

    @titled("Support plan handed over")
    class HandedOver(Amendment):
        """It is another organisation's from now on."""

        owner: Annotated[Owner, DERIVED]
        reason: ChangeReason

    @creates(Shared, "Share a support plan")
    @staticmethod
    def share(said: Shared) -> Shared:
        """Let others see this service's plan; it belongs to the organisation that shares it."""
        must_say_something(said.name, NEEDS_A_NAME, "name")
        _must_hold_something(said.body, said.documents)
        _must_be_sound(said.body, said.documents)
        owner = said.provenance.recorded_by.organisation
        must_be_own_organisation(said.provenance, owner, ONLY_THE_OWNER, None)
        return said.having(owner=owner)

    @changes(Revised, "Revise the support plan")
    def revise(self, said: Revised) -> Revised:
        """Share a new version; what was announced is here with it."""
        must_say_something(said.name, NEEDS_A_NAME, "name")
        body = self.body if said.body is KEEP else said.body
        documents = self.documents if said.documents is KEEP else said.documents
        _must_hold_something(body, documents)
        _must_be_sound(said.body, said.documents)
        if isinstance(said.supersedes, str) and said.supersedes not in self.labels:
            raise Refused(UNKNOWN_VERSION, field="supersedes")
        return said.having(newer=None) if self.newer is not None else said

    @changes(NewerVersionAnnounced, "Announce a newer version")
    def announce_newer_version(
        self, said: NewerVersionAnnounced, label: Label
    ) -> NewerVersionAnnounced:
        """Say that there is a newer version, so that readers know this one is out of date."""
        return said.having(newer=Newer(said.provenance.stated_at or said.timestamp, label))

    @changes(HandedOver, "Hand the support plan over")
    def hand_over(
        self,
        said: HandedOver,
        to: Annotated[Organisation, titled("To", "The organisation whose plan it will be.")],
    ) -> HandedOver:
        """Let another organisation answer for it from now on."""
        if to.code is None:
            raise Refused(
                NEEDS_CODE_OR_TEXT, "Name the organisation by its `ods` or `local_id`.", field="to"
            )
        if to.code == self.owner.code:
            raise Refused(TO_ITSELF, field="to")
        return said.having(owner=to)

    owner: Organisation
    body: Body | None
    documents: tuple[Document, ...]
    newer: Newer | None
    labels: frozenset[str]
    """What the versions of it that were here have been called."""

    @event(Shared)
    def __init__(
        self,
        owner: Organisation,
        body: Body | None = None,
        documents: tuple[Document, ...] = (),
        label: str | None = None,
    ) -> None:
        self.owner, self.newer = owner, None
        self.body, self.documents = body, documents
        self.labels = frozenset({label} if label is not None else ())

    @event(Revised)
    def _apply_revised(
        self,
        body: Body | Keep | None,
        documents: tuple[Document, ...] | Keep | None,
        label: str | Keep | None,
        newer: Newer | Keep | None,
    ) -> None:
        self.body = self.body if body is KEEP else body
        self.documents = self.documents if documents is KEEP else documents or ()
        if isinstance(label, str):
            self.labels |= {label}
        self.newer = self.newer if newer is KEEP else newer

    @event(NewerVersionAnnounced)
    def _apply_announced(self, newer: Newer) -> None:
        self.newer = newer

    @event(HandedOver)
    def _apply_handed_over(self, owner: Organisation) -> None:
        self.owner = owner


def _must_hold_something(body: Body | None, documents: tuple[Document, ...] | None) -> None:
    if not documents and (body is None or body.is_empty):
        raise Refused(NEEDS_CONTENT, field="body")


def _must_be_sound(body: Any, documents: Any) -> None:
    """What is asked of a body and of documents wherever they are said; ``KEEP`` passes."""
    if isinstance(body, Body):
        must_say_something(body.parts, NEEDS_CODE_OR_TEXT, "body.parts")
        must_say_something(body.tables, NEEDS_CODE_OR_TEXT, "body.tables")
        for index, media in enumerate(body.media):
            must_be_stored(media, f"body.media.{index}")
            _must_be_no_document(body.format, media, f"body.media.{index}")
    for index, document in enumerate(documents if isinstance(documents, tuple) else ()):
        must_have_a_copy_or_a_place(document, f"documents.{index}")
        field = f"documents.{index}.identifiers_checked"
        must_have_compared_two(document.identifiers_checked, field)


def _must_be_no_document(form: BodyFormat, media: Media, field: str) -> None:
    """A document stands under ``documents``, which say by what it was compared with the person."""
    type_ = (media.mime or "").partition(";")[0].strip().lower()
    if form is BodyFormat.DOCUMENT or type_ in _DOCUMENTS:
        raise Refused(DOCUMENT_IDENTIFIERS_NOT_CHECKED, _AMONG_DOCUMENTS, field=field)


_DOCUMENTS: Final = frozenset({"application/pdf", "application/x-pdf"})
_AMONG_DOCUMENTS: Final = (
    "`body.media` is for pictures, sound and films. Name a document in `documents`, by the same "
    "`sha256`, with the identifiers that you have compared in `identifiers_checked`."
)
