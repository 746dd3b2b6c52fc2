"""What the events of a person say: demographics, each as it is afterwards."""

from dataclasses import KW_ONLY
from datetime import date
from typing import Any

from services.person.domain.demographics import (
    Address,
    Contact,
    GpPractice,
    NhsNumber,
    OneLetter,
    OtherIdentifier,
    PersonName,
    ThreeLetters,
    TwoLetters,
)
from shared.ledger import KEEP, CodedText, Entry, Keep

DEMOGRAPHICS = (
    "name",
    "date_of_birth",
    "gender",
    "sex",
    "aliases",
    "ethnicity",
    "religion",
    "nhs_number",
    "other_identifiers",
    "addresses",
    "contact",
    "country_of_birth",
    "marital_status",
    "gp_practices",
)

ITEMISED = frozenset({"other_identifiers", "addresses", "gp_practices"})
"""Lists whose items may come from several organisations, each with its own origin."""


class PracticesSaid(Entry.Event):
    """A practice has come or gone; each of the others keeps its origin."""

    gp_practices: tuple[GpPractice, ...]

    def apply(self, aggregate: Any) -> None:
        """The item that is new comes from whoever says so."""
        super().apply(aggregate)
        aggregate.remember({"gp_practices": self.gp_practices}, self.provenance.origin)


class DemographicsEvent(Entry.Event):
    """An event that may set any of them; the person remembers where each came from."""

    def apply(self, aggregate: Any) -> None:
        """After what the aggregate does by itself: at its first event there is nothing before."""
        super().apply(aggregate)
        given = {name: getattr(self, name) for name in DEMOGRAPHICS}
        said = {name: value for name, value in given.items() if value is not KEEP}
        aggregate.remember(said, self.provenance.origin)


class DemographicsGiven(DemographicsEvent):
    """What is not named is not known."""

    _: KW_ONLY
    name: PersonName
    date_of_birth: date
    gender: OneLetter | None = None
    sex: OneLetter | None = None
    aliases: tuple[str, ...] = ()
    ethnicity: TwoLetters | None = None
    religion: CodedText | None = None
    nhs_number: NhsNumber | None = None
    other_identifiers: tuple[OtherIdentifier, ...] = ()
    addresses: tuple[Address, ...] = ()
    contact: Contact | None = None
    country_of_birth: ThreeLetters | None = None
    marital_status: OneLetter | None = None
    gp_practices: tuple[GpPractice, ...] = ()


class DemographicsChanged(DemographicsEvent):
    """What is not named stays as it is."""

    _: KW_ONLY
    name: PersonName | Keep = KEEP
    date_of_birth: date | Keep = KEEP
    gender: OneLetter | Keep | None = KEEP
    sex: OneLetter | Keep | None = KEEP
    aliases: tuple[str, ...] | Keep | None = KEEP
    ethnicity: TwoLetters | Keep | None = KEEP
    religion: CodedText | Keep | None = KEEP
    nhs_number: NhsNumber | Keep | None = KEEP
    other_identifiers: tuple[OtherIdentifier, ...] | Keep | None = KEEP
    addresses: tuple[Address, ...] | Keep | None = KEEP
    contact: Contact | Keep | None = KEEP
    country_of_birth: ThreeLetters | Keep | None = KEEP
    marital_status: OneLetter | Keep | None = KEEP
    gp_practices: tuple[GpPractice, ...] | Keep | None = KEEP
