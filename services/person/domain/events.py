"""What the events of a person say: demographics, each as it is afterwards."""

from dataclasses import KW_ONLY
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from services.person.domain.demographics import (
    Address,
    Contact,
    GpPractice,
    NhsNumber,
    OtherIdentifier,
    PersonName,
    PlanState,
    Source,
)
from shared.ledger import (
    DERIVED,
    KEEP,
    OF_THE_CHANGE,
    Amendment,
    Carries,
    CodedText,
    Creation,
    Entry,
    Instant,
    Keep,
    Text,
    titled,
)
from shared.ledger.codes.countries import COUNTRY_OF_BIRTH
from shared.ledger.codes.demographics import (
    ETHNIC_CATEGORY,
    GENDER,
    MARITAL_STATUS,
    RELIGION,
    SEX,
)

Name = Annotated[
    PersonName,
    titled("Name", "The person's name, in its parts."),
    Carries("Person name"),
]
DateOfBirth = Annotated[
    date,
    titled("Date of birth", "The day on which the person was born."),
    Carries("Date of birth"),
]
Gender = Annotated[
    CodedText,
    titled("Gender", "The gender that the person states."),
    Carries("Gender"),
    GENDER,
]
Sex = Annotated[
    CodedText,
    titled("Sex", "The person's phenotypic sex, which bears on clinical treatment."),
    Carries("Sex"),
    SEX,
]
Aliases = Annotated[
    tuple[str, ...],
    titled("Aliases", "Other names the person is known by."),
    Carries("Person alias"),
]
Ethnicity = Annotated[
    CodedText,
    titled("Ethnicity", "The ethnic category the person states."),
    Carries("Ethnicity"),
    ETHNIC_CATEGORY,
]
Belief = Annotated[
    CodedText,
    titled("Religion", "The person's religion or belief."),
    Carries("Religion"),
    RELIGION,
]
NhsNo = Annotated[
    NhsNumber,
    titled("NHS number", "The NHS number and how sure it is, or why there is none."),
    Carries("NHS number"),
]
Identifiers = Annotated[
    tuple[OtherIdentifier, ...],
    titled("Other identifiers", "Identifiers of other schemes, each with who gives it out."),
    Carries("Other identifier"),
]
Addresses = Annotated[
    tuple[Address, ...],
    titled("Addresses", "Where the person lives, or is written to."),
    Carries("Person's address"),
]
Reached = Annotated[
    Contact,
    titled("Contact details", "How to reach the person."),
    Carries("Person's contact details"),
]
BirthCountry = Annotated[
    CodedText,
    titled("Country of birth", "The country in which the person was born."),
    Carries("Place of birth"),
    COUNTRY_OF_BIRTH,
]
MaritalStatus = Annotated[
    CodedText,
    titled("Marital status", "Whether the person is married or in a civil partnership."),
    Carries("Marital status"),
    MARITAL_STATUS,
]
Practices = Annotated[
    tuple[GpPractice, ...],
    titled("GP practices", "The practices that the person is registered with."),
    Carries("GP practice record entry"),
]

CameFrom = Annotated[Source, titled("Source", "Where the demographics come from, traced when.")]
State = Annotated[
    PlanState, DERIVED, titled("State of the plan", "Whether the plan is open, ended or merged.")
]
EndedAt = Annotated[
    Instant,
    OF_THE_CHANGE,
    titled("Ended at", "When the plan ended, if before now, a day and a time."),
]
MergedInto = Annotated[
    UUID | None, DERIVED, titled("Merged into", "The plan in which this one goes on.")
]
Compared = Annotated[
    tuple[Text, ...],
    OF_THE_CHANGE,
    titled("Identifiers checked", "Which identifiers of the two persons were compared."),
]

ITEMISED = frozenset({"other_identifiers", "addresses", "gp_practices"})
"""Lists whose items may come from several organisations, each with its own origin."""


class PlanStateSaid(Amendment):
    """The plan opens or closes."""

    plan_state: State

    def apply(self, aggregate: Any) -> None:
        """The person remembers it: whoever holds a number holds it while the plan is open."""
        super().apply(aggregate)
        aggregate.plan_state = self.plan_state


class PracticesSaid(Amendment):
    """A practice has come or gone; each of the others keeps its origin."""

    gp_practices: Annotated[Practices, DERIVED]

    def apply(self, aggregate: Any) -> None:
        """The item that is new comes from whoever says so."""
        super().apply(aggregate)
        aggregate.remember({"gp_practices": self.gp_practices}, self.provenance.origin)


class DemographicsSaid(Entry.Event):
    """An event that may set any of them; the person remembers where each came from."""

    def apply(self, aggregate: Any) -> None:
        """After what the aggregate does by itself: at its first event there is nothing before."""
        super().apply(aggregate)
        aggregate.remember(self.said(), self.provenance.origin)

    def said(self) -> dict[str, Any]:
        """The demographics that it sets, by their names."""
        given = {name: getattr(self, name) for name in DEMOGRAPHICS}
        return {name: value for name, value in given.items() if value is not KEEP}


class DemographicsGiven(DemographicsSaid, Creation):
    """What is not named is not known."""

    _: KW_ONLY
    name: Name
    date_of_birth: DateOfBirth
    gender: Gender | None = None
    sex: Sex | None = None
    aliases: Aliases = ()
    ethnicity: Ethnicity | None = None
    religion: Belief | None = None
    nhs_number: NhsNo | None = None
    other_identifiers: Identifiers = ()
    addresses: Addresses = ()
    contact: Reached | None = None
    country_of_birth: BirthCountry | None = None
    marital_status: MaritalStatus | None = None
    gp_practices: Practices = ()


class DemographicsChanged(DemographicsSaid, Amendment):
    """What is not named stays as it is."""

    _: KW_ONLY
    name: Name | Keep = KEEP
    date_of_birth: DateOfBirth | Keep = KEEP
    gender: Gender | Keep | None = KEEP
    sex: Sex | Keep | None = KEEP
    aliases: Aliases | Keep | None = KEEP
    ethnicity: Ethnicity | Keep | None = KEEP
    religion: Belief | Keep | None = KEEP
    nhs_number: NhsNo | Keep | None = KEEP
    other_identifiers: Identifiers | Keep | None = KEEP
    addresses: Addresses | Keep | None = KEEP
    contact: Reached | Keep | None = KEEP
    country_of_birth: BirthCountry | Keep | None = KEEP
    marital_status: MaritalStatus | Keep | None = KEEP
    gp_practices: Practices | Keep | None = KEEP


DEMOGRAPHICS = tuple(name for name in DemographicsChanged.__annotations__ if name != "_")
