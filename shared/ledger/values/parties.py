"""Who does something or answers for it, for which body, and where."""

from typing import Annotated, Literal

from shared.ledger.elements import Carries
from shared.ledger.names import LOCAL_ID, ODS
from shared.ledger.values.coded import CodedText
from shared.ledger.values.links import CareTeamRef
from shared.ledger.values.shape import (
    ItemId,
    Misshapen,
    Name,
    Shape,
    SomethingGiven,
    Text,
    is_blank,
    value,
)
from shared.ledger.words import titled, values_titled

OdsCode = Annotated[str, Shape(pattern=f"^{ODS}$")]
LocalId = Annotated[str, Shape(pattern=f"^{LOCAL_ID}$")]


@value
class Organisation(SomethingGiven):
    """A body, by ODS code, or by a local code ``x-…`` where it has none, or by name alone."""

    ods: Annotated[
        OdsCode | None,
        Carries("Coded value"),
        titled("ODS code", "The code of the organisation, 3 to 12 characters."),
    ] = None
    name: Annotated[
        Name | None, Carries("Free text"), titled("Name", "What the organisation is called.")
    ] = None
    local_id: Annotated[
        LocalId | None,
        titled("Local code", "Our own code of an organisation that has no ODS code."),
    ] = None

    def __post_init__(self) -> None:
        if self.ods is None and self.local_id is None and is_blank(self.name):
            raise Misshapen("Give at least one of `ods`, `local_id` and `name`")

    @classmethod
    def of(cls, code: str, name: str | None = None) -> "Organisation":
        """The one with this ODS code, which may be in lower case, or with this local code."""
        is_local = code.startswith("x-")
        return cls(None if is_local else code.upper(), name, code if is_local else None)

    @property
    def code(self) -> str | None:
        """Its ODS code, or its local code."""
        return self.ods or self.local_id


@value
class Location(SomethingGiven):
    """A place: an ODS site code, words, or both."""

    ods: Annotated[
        OdsCode | None, Carries("Coded value"), titled("ODS code", "The code of the site.")
    ] = None
    text: Annotated[
        Text | None, Carries("Free text"), titled("Place", "Where it is, in words.")
    ] = None

    def __post_init__(self) -> None:
        if self.ods is None and is_blank(self.text):
            raise Misshapen("Give an `ods`, a `text`, or both")


@value
class Identifier:
    """An identifier of somebody, with the kind of it (``sds-user-id``, ``gmc``, ``sub``)."""

    kind: Annotated[
        Name, titled("Kind of number", "Who gives the number out, such as gmc, nmc or hcpc.")
    ]
    value: Annotated[
        Name, Carries("Professional identifier"), titled("Number", "The number as it was given.")
    ]
    item_id: ItemId | None = None


PartyKind = Annotated[
    Literal["person", "related-person", "professional", "team", "device"],
    values_titled(
        {
            "person": titled("Person", "The person whose plan it is."),
            "related-person": titled("Related person", "Somebody close to the person."),
            "professional": titled("Professional", "Somebody who works in health or care."),
            "team": titled("Team", "Several people who work together and answer as one."),
            "device": titled("Device", "A machine or a program."),
        }
    ),
]


@value
class Party:
    """Somebody who does or answers for something: a person, a team, a device."""

    kind: Annotated[
        PartyKind | None,
        titled(
            "Kind", "Whether it is the person, somebody close, a professional, a team or a device."
        ),
    ] = None
    name: Annotated[Name | None, Carries("Name"), titled("Name", "What they are called.")] = None
    relationship: Annotated[Name | None, titled("Relationship", "What they are to the person.")] = (
        None
    )
    role: Annotated[
        CodedText | None, Carries("Role"), titled("Role", "What they do for the person.")
    ] = None
    grade: Annotated[Name | None, titled("Grade", "Their grade in their organisation.")] = None
    speciality: Annotated[
        Name | None, titled("Speciality", "The speciality that they work in.")
    ] = None
    identifiers: Annotated[
        tuple[Identifier, ...],
        titled("Professional numbers", "The numbers by which their profession knows them."),
    ] = ()
    organisation: Annotated[Organisation | None, titled("Organisation", "For whom they work.")] = (
        None
    )
    team: Annotated[
        Name | None, Carries("Team"), titled("Team", "The team that they work in, or that it is.")
    ] = None
    contact: Annotated[
        Text | None, Carries("Contact details"), titled("Contact details", "How to reach them.")
    ] = None
    contact_ref: Annotated[
        CareTeamRef | None, titled("Contact", "Their entry in the care team.")
    ] = None
    item_id: ItemId | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could be found by it."""
        return is_blank(self.team) and self.kind != "person" and _names_nobody(self)


@value
class Responsible:
    """Who has to see to it that something is reviewed."""

    name: Annotated[Name | None, Carries("Name"), titled("Name", "Who has to arrange it.")] = None
    role: Annotated[
        CodedText | None, Carries("Role"), titled("Role", "What they do for the person.")
    ] = None
    organisation: Annotated[Organisation | None, titled("Organisation", "For whom they work.")] = (
        None
    )
    contact: Annotated[
        Text | None,
        Carries("Contact details"),
        titled("Contact details", "How to reach them: telephone or e-mail."),
    ] = None
    contact_ref: Annotated[
        CareTeamRef | None, titled("Contact", "Their entry in the care team.")
    ] = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could be found by it."""
        return _names_nobody(self)


def _names_nobody(said: Party | Responsible) -> bool:
    role_says_nothing = said.role is None or said.role.is_empty
    has_link = said.organisation is not None or said.contact_ref is not None
    return is_blank(said.name) and role_says_nothing and not has_link
