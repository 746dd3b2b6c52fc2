"""The person whose plan it is: who they are, and whether their plan is open."""

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
from services.person.domain.person import Person

__all__ = [
    "Address",
    "Contact",
    "GpPractice",
    "NhsNumber",
    "OtherIdentifier",
    "Person",
    "PersonName",
    "PlanState",
    "Source",
]
