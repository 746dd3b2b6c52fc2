"""Who does something or answers for it, for which body, and where."""

from typing import Annotated, Literal
from uuid import UUID

from shared.ledger.elements import Carries
from shared.ledger.names import LOCAL_ID, ODS
from shared.ledger.values.coded import CodedText
from shared.ledger.values.links import CareTeamRef
from shared.ledger.values.shape import (
    Misshapen,
    Name,
    Shape,
    SomethingGiven,
    Text,
    is_blank,
    value,
)

OdsCode = Annotated[str, Shape(pattern=f"^{ODS}$")]
LocalId = Annotated[str, Shape(pattern=f"^{LOCAL_ID}$")]


@value
class Organisation(SomethingGiven):
    """A body, by ODS code, or by a local code ``x-…`` where it has none, or by name alone."""

    ods: Annotated[OdsCode | None, Carries("Coded value")] = None
    name: Annotated[Name | None, Carries("Free text")] = None
    local_id: LocalId | None = None

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

    ods: Annotated[OdsCode | None, Carries("Coded value")] = None
    text: Annotated[Text | None, Carries("Free text")] = None

    def __post_init__(self) -> None:
        if self.ods is None and is_blank(self.text):
            raise Misshapen("Give an `ods`, a `text`, or both")


@value
class Identifier:
    """An identifier of somebody, with the kind of it (``sds-user-id``, ``gmc``, ``sub``)."""

    kind: Name
    value: Annotated[Name, Carries("Professional identifier")]
    item_id: UUID | None = None


@value
class Party:
    """Somebody who does or answers for something: a person, a team, a device."""

    kind: Literal["person", "related-person", "professional", "team", "device"] | None = None
    name: Annotated[Name | None, Carries("Name")] = None
    relationship: Name | None = None
    role: Annotated[CodedText | None, Carries("Role")] = None
    grade: Name | None = None
    speciality: Name | None = None
    identifiers: tuple[Identifier, ...] = ()
    organisation: Organisation | None = None
    team: Annotated[Name | None, Carries("Team")] = None
    contact: Annotated[Text | None, Carries("Contact details")] = None
    contact_ref: CareTeamRef | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could be found by it."""
        return is_blank(self.team) and self.kind != "person" and _names_nobody(self)


@value
class Responsible:
    """Who has to see to it that something is reviewed."""

    name: Annotated[Name | None, Carries("Name")] = None
    role: Annotated[CodedText | None, Carries("Role")] = None
    organisation: Organisation | None = None
    contact: Annotated[Text | None, Carries("Contact details")] = None
    contact_ref: CareTeamRef | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could be found by it."""
        return _names_nobody(self)


def _names_nobody(said: Party | Responsible) -> bool:
    role_says_nothing = said.role is None or said.role.is_empty
    has_link = said.organisation is not None or said.contact_ref is not None
    return is_blank(said.name) and role_says_nothing and not has_link
