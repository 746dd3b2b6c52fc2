"""What demographics must be, whoever says them and however they come."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from services.person.domain.demographics import NhsNumber, OtherIdentifier
from shared.ledger import SYSTEM, Provenance, Refused, is_blank


def judge(given: Mapping[str, Any], provenance: Provenance) -> None:
    """Refuse demographics that cannot be: ``given`` has the fields that were said."""
    name, born = given.get("name"), given.get("date_of_birth")
    if name is not None and not name.is_complete:
        raise Refused("person-needs-a-name", "A first and a family name are needed.", field="name")
    if born is not None and born > _day_of(provenance):
        raise Refused(
            "date-of-birth-in-the-future", "Nobody is born after today.", field="date_of_birth"
        )
    nhs_number = given.get("nhs_number")
    if nhs_number is not None and not nhs_number.is_valid:
        raise Refused(
            "nhs-number-invalid", "This cannot be an NHS number.", field="nhs_number.value"
        )
    for field in ("religion", "aliases", "addresses", "contact", "gp_practices"):
        if _has_blanks(given.get(field)):
            raise Refused("needs-code-or-text", "One of these says nothing.", field=field)


def judge_identifiers(
    nhs_number: NhsNumber | None, others: tuple[OtherIdentifier, ...] | None
) -> None:
    """Refuse a person whom nobody could tell from another, and no reason for that."""
    has_number = nhs_number is not None and nhs_number.value is not None
    says_why_none = nhs_number is not None and nhs_number.says_why_none
    has_other = any(not is_blank(other.value) for other in others or ())
    if not (has_number or has_other or says_why_none):
        raise Refused(
            "person-needs-an-identifier",
            "Give an NHS number, another identifier, or the reason why there is none.",
            field="nhs_number",
        )


def must_be_the_practice(ods: str, provenance: Provenance) -> None:
    """Refuse whoever is neither that practice nor the national service."""
    # A system that speaks for nobody was let in for its role: the national service.
    if provenance.voice != SYSTEM and provenance.organisation_code != ods:
        raise Refused(
            "role-may-not-contribute",
            "Registration is said by the practice itself, or by the national service.",
        )


def _day_of(provenance: Provenance) -> date:
    return (provenance.stated_at or datetime.now(UTC)).astimezone(UTC).date()


def _has_blanks(given: Any) -> bool:
    if given is None:
        return False
    if isinstance(given, tuple):
        return any(_has_blanks(item) for item in given)
    if isinstance(given, str):
        return is_blank(given)
    return bool(given.is_empty)
