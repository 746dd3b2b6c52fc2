"""Who said it, who recorded it, for which organisation, on whose behalf, when and why."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal
from uuid import UUID

from shared.ledger.elements import Carries
from shared.ledger.text import CAN_BE_SEEN
from shared.ledger.values.dates import Instant
from shared.ledger.values.links import CareTeamRef, StewardshipRef
from shared.ledger.values.parties import Identifier, Location, Organisation
from shared.ledger.values.shape import Handler, Misshapen, Name, Shape, Text, value
from shared.ledger.words import titled, values_titled

PERSON = "person"
PROXY = "proxy"
RELATED_PERSON = "related-person"
PROFESSIONAL = "professional"
SYSTEM = "system"

Kind = Literal["person", "related-person", "professional", "system"]
StatedKind = Annotated[
    Literal["person", "related-person", "professional", "system", "device"],
    values_titled(
        {
            "person": titled("Person", "The person whose plan it is."),
            "related-person": titled("Related person", "Somebody close to the person."),
            "professional": titled("Professional", "Somebody who works in health or care."),
            "system": titled("System", "A program, for the organisation that runs it."),
            "device": titled("Device", "A machine that measured it."),
        }
    ),
]
"""Who may be said to have stated something; a device records nothing by itself."""


@value
class Authentication:
    """How somebody was authenticated, as far as the token says; for the audit alone.

    ``signature`` is the detached JWS by which an organisation signed what it sent to its inbox.
    """

    jti: str | None = None
    client_id: str | None = None
    idp: str | None = None
    acr: str | None = None
    auth_time: Instant | None = None
    signature: str | None = None


@dataclass(frozen=True)
class ServiceRole:
    """A right that a deployment gives to roles: a token or an inbox has one, a content never.

    ``roles`` are those that have it where no setting says otherwise.
    """

    name: str
    roles: tuple[str, ...]


@value
class Contributor:
    """The authenticated person or system that contributes, as the token or the topic proved it.

    ``service_roles`` are those that the deployment grants to an organisation's inbox.
    """

    kind: Kind
    sub: str
    name: str | None = None
    role: str | None = None
    organisation: Organisation | None = None
    plan_id: UUID | None = None
    nhs_number_verified: bool = False
    authentication: Authentication = Authentication()
    service_roles: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Whose contribution it is: the organisation's, or the person's own."""
        code = self.organisation.code if self.organisation else None
        return f"org:{code}" if code else f"sub:{self.sub}"

    @cached_property
    def agent(self) -> "Agent":
        """Them as a party of what they contribute."""
        return Agent(
            kind=self.kind,
            name=self.name,
            role=self.role,
            organisation=self.organisation,
            identifier=Identifier("sub", self.sub),
        )


@value
class Agent:
    """One party of a provenance: who recorded it, or who said it."""

    kind: Annotated[
        StatedKind,
        titled(
            "Kind",
            "Whether it is the person, somebody close, a professional, a system or a device.",
        ),
    ]
    name: Annotated[Name | None, Carries("Name"), titled("Name", "What they are called.")] = None
    role: Annotated[
        Name | None,
        Carries("Role"),
        titled("Role", "What they do, towards the person or in their organisation."),
    ] = None
    organisation: Annotated[
        Organisation | None, Carries("Organisation"), titled("Organisation", "For whom they work.")
    ] = None
    identifier: Annotated[
        Identifier | None,
        Carries("Professional identifier"),
        titled("Number", "The number by which they are known, and its kind."),
    ] = None
    relationship: Annotated[Name | None, titled("Relationship", "What they are to the person.")] = (
        None
    )
    team: Annotated[Name | None, titled("Team", "The team that they work in.")] = None
    contact: Annotated[
        Name | None, Carries("Contact details"), titled("Contact details", "How to reach them.")
    ] = None
    grade: Annotated[
        Name | None, Carries("Grade"), titled("Grade", "Their grade in their organisation.")
    ] = None
    speciality: Annotated[
        Name | None,
        Carries("Speciality", "Specialty"),
        titled("Speciality", "The speciality that they work in."),
    ] = None


@value
class OnBehalfOf:
    """For whom a proxy or a delegate acts, and under which Proxy entry."""

    kind: Annotated[Literal["person"], titled("Kind", "For the person whose plan it is.")] = (
        "person"
    )
    name: Annotated[Name | None, titled("Name", "What the person is called.")] = None
    proxy: Annotated[
        CareTeamRef | None, titled("Proxy", "The entry that lets them act for the person.")
    ] = None


@value
class Supporter:
    """Who supported the person to say it, and how."""

    name: Annotated[Name | None, titled("Name", "Who helped the person to say it.")] = None
    relationship: Annotated[Name | None, titled("Relationship", "What they are to the person.")] = (
        None
    )
    contact: Annotated[Name | None, titled("Contact details", "How to reach them.")] = None
    how: Annotated[
        Text | None,
        titled("How", "How they helped, and how it was said where the person lacks capacity."),
    ] = None


@value
class SourceSystem:
    """The system that a contribution comes from (PRSB Provenance 1.2, Device)."""

    name: Annotated[Name, titled("System", "What the system is called.")]
    maker: Annotated[Name | None, titled("Maker", "Who makes it.")] = None
    version: Annotated[Name | None, titled("Version", "Which version of it this is.")] = None


@value
class SourceRef:
    """What the system that a contribution comes from calls the entry, and in which version."""

    id: Annotated[Name, titled("Id there", "What the system calls the entry.")]
    version: Annotated[
        Annotated[str, Shape(pattern=CAN_BE_SEEN, max_length=64)] | None,
        titled("Version there", "Which version of it that is."),
    ] = None


StatedAt = Annotated[
    Instant, titled("Stated", "When it was said, assessed or done, a day and a time.")
]
StatedBy = Annotated[
    Agent, titled("Stated by", "Who said it, or did it; left out, the one who recorded it.")
]
ForWhom = Annotated[OnBehalfOf, titled("On behalf of", "For whom they act, and under which proxy.")]
SupportedBy = Annotated[
    Supporter, titled("Supported by", "Who helped the person to say it, and how.")
]
Where = Annotated[Location, titled("Location", "Where it was said or done.")]
Why = Annotated[Text, titled("Reason", "Why it was changed.")]
FromSystem = Annotated[SourceSystem, titled("System", "The system that it comes from.")]
CalledThere = Annotated[
    SourceRef, titled("Source reference", "What that system calls the entry, and in which version.")
]
Answers = Annotated[StewardshipRef, titled("Answers", "The comment that the change answers.")]


@value
class Claim:
    """The provenance that a contributor states; what is proven is added to it, never taken from it.

    ``stated_by`` left out means the one who recorded it; ``stated_at`` left out means
    ``recorded_at``. ``answers`` is the comment that the change answers.
    """

    stated_at: StatedAt | None = None
    stated_by: StatedBy | None = None
    on_behalf_of: ForWhom | None = None
    supported_by: SupportedBy | None = None
    location: Where | None = None
    reason: Why | None = None
    system: FromSystem | None = None
    source_ref: CalledThere | None = None
    answers: Answers | None = None

    def __post_init__(self) -> None:
        if self.source_ref is not None and self.system is None:
            raise Misshapen("A `source_ref` needs the `system` that it comes from")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Handler) -> dict[str, Any]:
        named = handler(schema)
        without = {"properties": {"source_ref": {"type": "null"}}}
        system = {"required": ["system"], "properties": {"system": {"not": {"type": "null"}}}}
        handler.resolve_ref_schema(named)["allOf"] = [{"anyOf": [without, system]}]
        return named


@value
class Provenance:
    """What every command is given and every event keeps: the claim, completed by what is proven."""

    plan_id: UUID
    entry_id: UUID
    contribution_id: UUID
    recorded_by: Agent
    stated_by: Agent
    stated_at: StatedAt | None = None
    on_behalf_of: ForWhom | None = None
    supported_by: SupportedBy | None = None
    location: Where | None = None
    reason: Why | None = None
    system: FromSystem | None = None
    source_ref: CalledThere | None = None
    answers: Answers | None = None

    @property
    def voice(self) -> str:
        """Whose voice it is: the kind of who stated it; ``proxy`` where they act for the person."""
        if self.stated_by.kind == RELATED_PERSON and self.on_behalf_of is not None:
            return PROXY
        return self.stated_by.kind

    @property
    def is_the_persons(self) -> bool:
        """True where the person said it, or somebody who acts for them."""
        return self.voice in (PERSON, PROXY)

    @property
    def organisation_code(self) -> str | None:
        """The code of the organisation that recorded it."""
        organisation = self.recorded_by.organisation
        return organisation.code if organisation else None

    @property
    def origin(self) -> str | None:
        """Where it comes from: that organisation, or the person's side, ``person``.

        It is the person's side where they, or somebody who acts for them, recorded it.
        """
        return PERSON if self.is_from_the_persons_side else self.organisation_code

    @property
    def is_from_the_persons_side(self) -> bool:
        """True where the person recorded it, or somebody who acts for them."""
        kind = self.recorded_by.kind
        return kind == PERSON or (kind == RELATED_PERSON and self.on_behalf_of is not None)


__all__ = [
    "PERSON",
    "PROFESSIONAL",
    "PROXY",
    "RELATED_PERSON",
    "SYSTEM",
    "Agent",
    "Authentication",
    "Claim",
    "Contributor",
    "Kind",
    "OnBehalfOf",
    "Provenance",
    "ServiceRole",
    "SourceRef",
    "SourceSystem",
    "Supporter",
]
