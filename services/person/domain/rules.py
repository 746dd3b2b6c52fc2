"""What demographics must be, whoever says them and however they come."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from services.person.domain.demographics import NhsNumber, OtherIdentifier
from shared.ledger import Provenance, Refused, ServiceRole, is_blank, need_identifier_that_holds

DEMOGRAPHICS_SERVICE: Final = ServiceRole("demographics", ("pds-connection",))
"""The national service, which alone traces people and verifies their numbers."""

PLAN_ENDING: Final = ServiceRole("plan_ending", ("gp", "practice-manager", "lead-professional"))


A_MINUTE: Final = timedelta(minutes=1)
"""How far clocks may differ: what is said to be later than that lies in the future."""


def as_far_as_is_known(number: NhsNumber, granted: frozenset[str]) -> NhsNumber:
    """The number as whoever gives it may claim it: only the national service verifies one."""
    if number.is_verified and DEMOGRAPHICS_SERVICE.name not in granted:
        return replace(number, verification="present-not-verified")
    return number


def judge_traced(traced_at: datetime | None, field: str) -> None:
    """Refuse a time of tracing ahead of the clock, which would shut out all that is traced next."""
    if traced_at is not None and traced_at > datetime.now(UTC) + A_MINUTE:
        raise Refused("traced-in-the-future", "`traced_at` lies ahead of the clock.", field=field)


def judge_ended(ended_at: datetime | None) -> None:
    """Refuse an end that is still to come: the plan takes nothing from now on."""
    if ended_at is not None and ended_at > datetime.now(UTC) + A_MINUTE:
        raise Refused(
            "ended-in-the-future", "`ended_at` must not be later than now.", field="ended_at"
        )


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
    if nhs_number is not None and nhs_number.lacks_its_reason:
        raise Refused(
            "reason-missing", "Say why there is no NHS number.", field="nhs_number.reason"
        )
    if nhs_number is not None and not nhs_number.is_valid:
        raise Refused(
            "nhs-number-invalid", "This cannot be an NHS number.", field="nhs_number.value"
        )
    for index, other in enumerate(given.get("other_identifiers") or ()):
        need_identifier_that_holds(other.kind, other.value, f"other_identifiers.{index}.value")
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


def must_be_the_practice(ods: str, provenance: Provenance, granted: frozenset[str]) -> None:
    """Refuse whoever is neither that practice nor the national service."""
    if DEMOGRAPHICS_SERVICE.name not in granted and provenance.organisation_code != ods:
        raise Refused(
            "role-may-not-contribute",
            "Registration is said by the practice itself, or by the national service.",
        )


def day_in_london(at: datetime) -> date:
    """The day that it was there: from the last Sunday of March to that of October an hour on."""
    begins, ends = (_last_sunday(at.year, month) for month in (3, 10))
    is_summer = begins <= at < ends
    return (at + timedelta(hours=1) if is_summer else at).date()


def _last_sunday(year: int, month: int) -> datetime:
    """One in the morning in Greenwich, when the clocks change; both months have 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=last.isoweekday() % 7)


def _day_of(provenance: Provenance) -> date:
    return day_in_london((provenance.stated_at or datetime.now(UTC)).astimezone(UTC))


def _has_blanks(given: Any) -> bool:
    if given is None:
        return False
    if isinstance(given, tuple):
        return any(_has_blanks(item) for item in given)
    if isinstance(given, str):
        return is_blank(given)
    return bool(given.is_empty)
