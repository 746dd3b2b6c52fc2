"""What demographics must be, whoever says them and however they come."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from services.person.domain.demographics import NhsNumber, OtherIdentifier
from shared.ledger import (
    CHI_NUMBER,
    HC_NUMBER,
    NEEDS_CODE_OR_TEXT,
    NHS_NUMBER,
    REASON_MISSING,
    ROLE_MAY_NOT,
    Provenance,
    Refusal,
    Refused,
    ServiceRole,
    day_in_london,
    is_blank,
    must_be_a_number_of_its_kind,
    must_say_something,
)

DEMOGRAPHICS_SERVICE: Final = ServiceRole("demographics", ("pds-connection",))
"""The national service, which alone traces people and verifies their NHS numbers."""

HC_CONNECTION: Final = ServiceRole("hc_demographics", ("hc-connection",))
CHI_CONNECTION: Final = ServiceRole("chi_demographics", ("chi-connection",))
CONNECTIONS: Final = (DEMOGRAPHICS_SERVICE, HC_CONNECTION, CHI_CONNECTION)
TRACED_BY: Final[Mapping[str, ServiceRole]] = {
    NHS_NUMBER: DEMOGRAPHICS_SERVICE,
    HC_NUMBER: HC_CONNECTION,
    CHI_NUMBER: CHI_CONNECTION,
}
"""Who alone verifies the numbers of a kind. Of all other kinds nobody does."""

PLAN_ENDING: Final = ServiceRole("plan_ending", ("gp", "practice-manager", "lead-professional"))
PLAN_MERGING: Final = ServiceRole("plan_merging", ("data-quality",))


NumberT = TypeVar("NumberT", NhsNumber, OtherIdentifier)

SAYS_SOMETHING: Final = (
    *("gender", "sex", "ethnicity", "religion", "country_of_birth", "marital_status"),
    *("aliases", "addresses", "contact", "gp_practices"),
)
"""What has a code or a text, and each item of it, where it is given at all."""

FOR_SOMEBODY_ELSE = Refusal(
    "opened-for-somebody-else",
    "The plan was about somebody else",
    "This plan was about somebody else: the date of birth and one identifier must be "
    "those it had. Open a plan with another plan_id.",
)
NEEDS_A_NAME = Refusal(
    "person-needs-a-name", "The name is not complete", "A first and a family name are needed."
)
BORN_IN_THE_FUTURE = Refusal(
    "date-of-birth-in-the-future",
    "The person is not born yet",
    "`date_of_birth` must not be later than today.",
)
NHS_NUMBER_INVALID = Refusal(
    "nhs-number-invalid",
    "This is no NHS number",
    "This cannot be an NHS number: a digit is wrong or missing.",
)
NEEDS_AN_IDENTIFIER = Refusal(
    "person-needs-an-identifier",
    "The person has no identifier",
    "Give an NHS number, another identifier, or the reason why there is none.",
)
TRACED_IN_THE_FUTURE = Refusal(
    "traced-in-the-future", "It has not been traced yet", "`traced_at` must not be later than now."
)
OLDER_THAN_HELD = Refusal(
    "demographics-older-than-held",
    "Something newer is held",
    "The ledger already holds demographics that were traced later.",
)
PRACTICE_NEEDS_A_CODE = Refusal(
    "practice-needs-a-code", "The practice has no code", "Give the practice's code."
)
ALREADY_REGISTERED = Refusal(
    "already-registered-there",
    "The person is registered there already",
    "The person is registered with this practice already.",
)
NOT_REGISTERED = Refusal(
    "not-registered-there",
    "The person is not registered there",
    "The person is not registered with this practice.",
)
PLAN_ALREADY_OPEN = Refusal(
    "plan-already-open",
    "The person has an open plan already",
    "Another open plan has the same identifier. Contribute to that one.",
)
PLAN_ALREADY_ENDED = Refusal("plan-already-ended", "The plan has ended", "This plan has ended.")
PLAN_NOT_ENDED = Refusal(
    "plan-not-ended", "The plan has not ended", "Only a plan that has ended is reopened."
)
PLAN_ALREADY_MERGED = Refusal(
    "plan-already-merged", "The plan was merged", "This plan was merged into another already."
)
CANNOT_MERGE_INTO_ITSELF = Refusal(
    "plan-cannot-merge-into-itself",
    "A plan is not merged into itself",
    "Name the other plan, in which this one goes on.",
)
MERGE_NEEDS_TWO = Refusal(
    "merge-needs-two-identifiers",
    "Too little was compared",
    "Say which identifiers of the two were compared: at least two, as the NHS number and the name.",
)
MERGE_TARGET_NOT_OPEN = Refusal(
    "merge-target-not-open",
    "The other plan is not open",
    "A plan is merged only into one that is open.",
)
PLAN_NOT_MERGED = Refusal(
    "plan-not-merged", "The plan was not merged", "Only a plan that was merged is unmerged."
)
ENDED_IN_THE_FUTURE = Refusal(
    "ended-in-the-future", "It has not ended yet", "`ended_at` must not be later than now."
)


def as_far_as_is_known(
    given: Mapping[str, Any],
    granted: frozenset[str],
    verified: frozenset[tuple[str, str]] = frozenset(),
) -> dict[str, Any]:
    """The numbers as whoever gives them may claim them: only who traces a number verifies it.

    ``verified`` are those that were before, and stay so whoever says them again.
    """

    def known(kind: str, number: NumberT) -> NumberT:
        traced_by = TRACED_BY.get(kind)
        may_verify = traced_by is not None and traced_by.name in granted
        if not number.is_verified or may_verify or (kind, number.value) in verified:
            return number
        return replace(number, verification="present-not-verified")

    numbers: dict[str, Any] = {}
    if isinstance(given.get("nhs_number"), NhsNumber):
        numbers["nhs_number"] = known(NHS_NUMBER, given["nhs_number"])
    if given.get("other_identifiers"):
        others = given["other_identifiers"]
        numbers["other_identifiers"] = tuple(known(one.kind, one) for one in others)
    return numbers


def judge(given: Mapping[str, Any], provenance: Provenance) -> None:
    """Refuse demographics that cannot be: ``given`` has the fields that were said."""
    name, born = given.get("name"), given.get("date_of_birth")
    if name is not None and not name.is_complete:
        raise Refused(NEEDS_A_NAME, field="name")
    if born is not None and born > day_in_london(provenance.stated_at or datetime.now(UTC)):
        raise Refused(BORN_IN_THE_FUTURE, field="date_of_birth")
    nhs_number = given.get("nhs_number")
    if nhs_number is not None and nhs_number.lacks_its_reason:
        raise Refused(REASON_MISSING, "Say why there is no NHS number.", field="nhs_number.reason")
    if nhs_number is not None and not nhs_number.is_valid:
        raise Refused(NHS_NUMBER_INVALID, _what_is_wrong(nhs_number), field="nhs_number.value")
    for index, other in enumerate(given.get("other_identifiers") or ()):
        must_be_a_number_of_its_kind(other.kind, other.value, f"other_identifiers.{index}.value")
    for field in SAYS_SOMETHING:
        must_say_something(given.get(field), NEEDS_CODE_OR_TEXT, field)


def _what_is_wrong(number: NhsNumber) -> str:
    """What would be right; of a number that cannot be, what the refusal says anyway."""
    if number.value is None:
        return "Give the number in `value`; where there is none, say `none-with-reason` and why."
    if number.verification == "none-with-reason":
        return (
            "A number is given, and `none-with-reason` says that there is none. Leave `value` out, "
            "or let `verification` be `present-not-verified`."
        )
    return ""


def judge_identifiers(
    nhs_number: NhsNumber | None, others: tuple[OtherIdentifier, ...] | None
) -> None:
    """Refuse a person whom nobody could tell from another, and no reason for that."""
    has_number = nhs_number is not None and nhs_number.value is not None
    says_why_none = nhs_number is not None and nhs_number.says_why_none
    has_other = any(not is_blank(other.value) for other in others or ())
    if not (has_number or has_other or says_why_none):
        raise Refused(NEEDS_AN_IDENTIFIER, field="nhs_number")


def must_be_the_practice(ods: str, provenance: Provenance, granted: frozenset[str]) -> None:
    """Refuse whoever is neither that practice nor the national service."""
    if DEMOGRAPHICS_SERVICE.name not in granted and provenance.organisation_code != ods:
        raise Refused(
            ROLE_MAY_NOT,
            "Registration is said by the practice itself, or by the national service.",
        )
