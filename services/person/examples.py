"""Examples of the person section: a plan opened, kept up, ended and reopened, and refusals."""

from collections.abc import Mapping
from typing import Any, Final

from shared.ledger.codes.code_list import CodeList
from shared.ledger.codes.countries import COUNTRY_OF_BIRTH
from shared.ledger.codes.demographics import (
    ETHNIC_CATEGORY,
    GENDER,
    MARITAL_STATUS,
    SEX,
)
from shared.ledger.example import Example, examples_of_every_entry, plan_of

COMMANDS: Final = "careplan.person.commands."


def _coded(code_list: CodeList, code: str, display: str | None = None) -> dict[str, Any]:
    """A code of one of the standard's lists; the section adds the words that it has for it."""
    words = {} if display is None else {"display": display}
    return {"code": {"system": next(iter(code_list.systems)), "code": code, **words}}


EDITH: Final = {
    "name": {
        "first": "Edith Mary",
        "family": "Marlow-Synth",
        "preferred": "Edie",
        "title": "Mrs",
        "full": "Mrs Edith Mary Marlow-Synth",
    },
    "date_of_birth": "1938-03-14",
    "gender": _coded(GENDER, "2"),
    "sex": _coded(SEX, "2"),
    "aliases": ["Edith Pell-Synth"],
    "ethnicity": _coded(ETHNIC_CATEGORY, "A"),
    "religion": {"text": "Methodist"},
    "nhs_number": {"value": "9994100017", "verification": "traced-and-verified"},
    "other_identifiers": [{"kind": "local", "value": "NM-004211", "issuer": "ZZC01"}],
    "addresses": [
        {
            "line1": "4 Sample Court",
            "line3": "Northmoor",
            "postcode": "ZZ1 1AA",
            "kind": {"text": "main"},
        }
    ],
    "contact": {
        "preferred_method": {"text": "letter"},
        "phones": [{"number": "01632 960101", "kind": "Home", "preference": 1}],
        "emails": [{"address": "edie@example.org", "kind": "Home", "preference": 2}],
        "other": ["Large print, please"],
    },
    "country_of_birth": _coded(COUNTRY_OF_BIRTH, "GBR", "United Kingdom"),
    "marital_status": _coded(MARITAL_STATUS, "W"),
    "gp_practices": [
        {
            "ods": "ZZG01",
            "details": "Larkfield Surgery (synthetic), Northmoor",
            "gp_name": "Dr A. Quill-Synth",
            "temporary": False,
        }
    ],
    "source": {"system": "PDS", "traced_at": "2026-02-03T09:00:00Z"},
}
WITHOUT_NUMBER: Final = {
    "name": {"first": "Alex", "family": "Sample-Synth"},
    "date_of_birth": "1971-05-02",
    "nhs_number": {"verification": "none-with-reason", "reason": "Came from abroad last week"},
    "source": {"system": "other"},
}
_A_SERVICE: Final = {
    "recorded_by_kind": "system",
    "role": "pds-connection",
    "organisation": "ZZP01",
}
_A_GP: Final = {"role": "gp", "organisation": "ZZG01"}
_MERGED: Final = {"plan": "without-number", "role": "data-quality", "organisation": "ZZC01"}
_MERGE_SILENTLY: Final = {
    "plan_id": str(plan_of("plan")),
    "identifiers_checked": ["name", "date-of-birth", "address"],
}
_MERGE: Final = {**_MERGE_SILENTLY, "reason": "Opened twice for one person"}
_ANOTHER_PRACTICE: Final = {"role": "practice-manager", "organisation": "ZZG02"}


def example(
    name: str,
    command: str,
    content: Mapping[str, Any],
    refused: str | None = None,
    *,
    plan: str = "plan",
    **who: Any,
) -> Example:
    """One example of this section; the entry is the plan's only one."""
    return Example(
        name,
        f"{COMMANDS}{command}.v1",
        content,
        entry="person",
        plan=plan,
        refused=refused,
        **{"organisation": "ZZG01", "role": "care-coordinator", **who},
    )


EXAMPLES: Final = (
    example(
        "a person without a name",
        "open-plan",
        {**EDITH, "name": {"first": "Edith Mary", "family": " "}},
        "person-needs-a-name",
    ),
    example(
        "a person who is not born yet",
        "open-plan",
        {**EDITH, "date_of_birth": "2938-03-14"},
        "date-of-birth-in-the-future",
    ),
    example(
        "a number with a wrong check digit",
        "open-plan",
        {**EDITH, "nhs_number": {"value": "9994100018", "verification": "traced-and-verified"}},
        "nhs-number-invalid",
    ),
    example(
        "neither a number nor a reason for having none",
        "open-plan",
        {**WITHOUT_NUMBER, "nhs_number": None},
        "person-needs-an-identifier",
    ),
    example(
        "no number, and nobody says why",
        "open-plan",
        {**WITHOUT_NUMBER, "nhs_number": {"verification": "none-with-reason"}},
        "reason-missing",
    ),
    example(
        "a number that is typed where there is none",
        "open-plan",
        {**EDITH, "nhs_number": {"value": "9999999999", "verification": "present-not-verified"}},
        "nhs-number-invalid",
    ),
    example(
        "a CHI number that begins with no day",
        "open-plan",
        {**WITHOUT_NUMBER, "other_identifiers": [{"kind": "chi", "value": "9994100017"}]},
        "identifier-invalid",
    ),
    example(
        "traced after today",
        "open-plan",
        {**EDITH, "source": {"system": "PDS", "traced_at": "2099-01-01T00:00:00Z"}},
        "traced-in-the-future",
    ),
    example(
        "an alias that says nothing",
        "open-plan",
        {**EDITH, "aliases": [""]},
        "needs-code-or-text",
    ),
    example("open a plan", "open-plan", EDITH),
    example(
        "open a second plan for the same person",
        "open-plan",
        EDITH,
        "plan-already-open",
        plan="second",
    ),
    example(
        "the national service verifies her number",
        "refresh-demographics",
        {"nhs_number": EDITH["nhs_number"], "traced_at": "2026-02-04T09:00:00Z"},
        **_A_SERVICE,
    ),
    example("open a plan without a number", "open-plan", WITHOUT_NUMBER, plan="without-number"),
    example(
        "verify a number that another open plan has",
        "refresh-demographics",
        {"nhs_number": EDITH["nhs_number"], "traced_at": "2026-02-10T09:00:00Z"},
        "plan-already-open",
        plan="without-number",
        **_A_SERVICE,
    ),
    example(
        "refresh from the national service",
        "refresh-demographics",
        {
            "addresses": [
                {"line1": "7 Specimen Walk", "postcode": "ZZ1 2BB", "kind": {"text": "main"}},
                {
                    "line1": "4 Sample Court",
                    "postcode": "ZZ1 1AA",
                    "kind": {"text": "correspondence"},
                },
            ],
            "marital_status": None,
            "traced_at": "2026-03-01T06:00:00Z",
        },
        **_A_SERVICE,
    ),
    example(
        "refresh with what is traced after today",
        "refresh-demographics",
        {"gender": EDITH["gender"], "traced_at": "2099-01-01T00:00:00Z"},
        "traced-in-the-future",
        **_A_SERVICE,
    ),
    example(
        "refresh with what is older than what is held",
        "refresh-demographics",
        {"gender": EDITH["gender"], "traced_at": "2026-02-28T06:00:00Z"},
        "demographics-older-than-held",
        **_A_SERVICE,
    ),
    example(
        "its origin corrects a name",
        "correct-demographics",
        {
            "name": {"first": "Edith Mary", "family": "Marlow-Synth", "preferred": "Edie"},
            "reason": "The title was wrong",
        },
    ),
    example(
        "correct what another organisation said",
        "correct-demographics",
        {"addresses": None, "reason": "She says so"},
        "correction-belongs-to-the-origin",
    ),
    example(
        "correct without a reason",
        "correct-demographics",
        {"gender": _coded(GENDER, "1")},
        "reason-missing",
    ),
    example(
        "register with a practice that has no code",
        "register-with-practice",
        {"practice": {"details": "The one by the canal"}},
        "practice-needs-a-code",
        **_ANOTHER_PRACTICE,
    ),
    example(
        "another practice registers her with this one",
        "register-with-practice",
        {"practice": {"ods": "ZZG05"}},
        "role-may-not-contribute",
        **_ANOTHER_PRACTICE,
    ),
    example(
        "register for a time",
        "register-with-practice",
        {
            "practice": {
                "ods": "ZZG02",
                "details": "Canal Street Health Centre (synthetic)",
                "temporary": True,
            }
        },
        **_ANOTHER_PRACTICE,
    ),
    example(
        "register there again",
        "register-with-practice",
        {"practice": {"ods": "ZZG02"}},
        "already-registered-there",
        **_ANOTHER_PRACTICE,
    ),
    example("leave that practice", "leave-practice", {"ods": "ZZG02"}, **_ANOTHER_PRACTICE),
    example(
        "leave it again",
        "leave-practice",
        {"ods": "ZZG02"},
        "not-registered-there",
        **_ANOTHER_PRACTICE,
    ),
    example("reopen what is open", "reopen-plan", {"reason": "?"}, "plan-not-ended", **_A_GP),
    example("end the plan without a reason", "end-plan", {}, "reason-missing", **_A_GP),
    example(
        "end the plan in many years",
        "end-plan",
        {"reason": "Moved to another area", "ended_at": "2099-01-01T00:00:00Z"},
        "ended-in-the-future",
        **_A_GP,
    ),
    example(
        "end the plan",
        "end-plan",
        {"reason": "Moved to another area", "ended_at": "2026-10-01T00:00:00Z"},
        **_A_GP,
    ),
    example("end what has ended", "end-plan", {"reason": "Moved"}, "plan-already-ended", **_A_GP),
    example("open a plan after the first has ended", "open-plan", EDITH, plan="third"),
    example(
        "reopen the first while another is open",
        "reopen-plan",
        {"reason": "Came back"},
        "plan-already-open",
        **_A_GP,
    ),
    example("end the other plan", "end-plan", {"reason": "Opened twice"}, plan="third", **_A_GP),
    example("reopen the first plan", "reopen-plan", {"reason": "Came back"}, **_A_GP),
    example(
        "merge a plan into itself",
        "merge-into",
        {**_MERGE, "plan_id": str(plan_of("without-number"))},
        "plan-cannot-merge-into-itself",
        **_MERGED,
    ),
    example(
        "merge where one identifier was compared",
        "merge-into",
        {**_MERGE, "identifiers_checked": ["name"]},
        "merge-needs-two-identifiers",
        **_MERGED,
    ),
    example(
        "merge into a plan that has ended",
        "merge-into",
        {**_MERGE, "plan_id": str(plan_of("third"))},
        "merge-target-not-open",
        **_MERGED,
    ),
    example("merge without a reason", "merge-into", _MERGE_SILENTLY, "reason-missing", **_MERGED),
    example(
        "a care coordinator merges two plans",
        "merge-into",
        _MERGE,
        "role-may-not-contribute",
        plan="without-number",
    ),
    example("unmerge", "unmerge", {"reason": "?"}, "plan-not-merged", **_MERGED),
    example("merge two plans of one person", "merge-into", _MERGE, **_MERGED),
    example("merge it again", "merge-into", _MERGE, "plan-already-merged", **_MERGED),
    example(
        "reopen what was merged",
        "reopen-plan",
        {"reason": "Came back"},
        "plan-not-ended",
        plan="without-number",
        **_A_GP,
    ),
    example(
        "take the merge back",
        "unmerge",
        {"reason": "They were two people after all"},
        **_MERGED,
    ),
    example(
        "verify a number of another scheme",
        "refresh-demographics",
        {
            "other_identifiers": [
                {"kind": "chi", "value": "0205711006", "verification": "traced-and-verified"}
            ],
            "traced_at": "2026-03-02T06:00:00Z",
        },
        plan="without-number",
        recorded_by_kind="system",
        role="chi-connection",
        organisation="ZZP02",
    ),
    example(
        "open a plan on the word of the person",
        "open-plan",
        {**WITHOUT_NUMBER, "name": {"first": "Sam", "family": "Specimen-Synth"}},
        plan="of-the-trust",
        organisation="ZZC01",
    ),
    *examples_of_every_entry(COMMANDS, "person", plan="of-the-trust"),
    example(
        "open it again for somebody else",
        "open-plan",
        {**EDITH, "name": {"first": "Somebody", "family": "Else-Synth"}},
        "opened-for-somebody-else",
        plan="of-the-trust",
        organisation="ZZC01",
    ),
)
