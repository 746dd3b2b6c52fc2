"""The person whose plan it is: who they are, and whether their plan is open."""

from services.person.domain.demographics import (
    Address,
    Contact,
    Email,
    GpPractice,
    NhsNumber,
    OtherIdentifier,
    PersonName,
    Phone,
    PlanState,
    Source,
    is_nhs_number,
)
from services.person.domain.person import Person

__all__ = [
    "Address",
    "Contact",
    "Email",
    "GpPractice",
    "NhsNumber",
    "OtherIdentifier",
    "Person",
    "PersonName",
    "Phone",
    "PlanState",
    "Source",
    "is_nhs_number",
]
