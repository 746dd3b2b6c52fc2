"""Codes of the lists that the standard names: the words beside them, and what a list lacks."""

from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

import pytest

from services.plan.fold.findings.codes import LISTS
from shared.chassis.wire.shapes import schema_of, without_keep
from shared.contracts import discover
from shared.ledger import KEEP, Code, CodedText, Keep, Status, plain, titled, value
from shared.ledger.codes import care, demographics
from shared.ledger.codes.care import RELATIONSHIP
from shared.ledger.codes.code_list import CODE_LIST, CodeList, fills_of, lists_in, with_terms
from shared.ledger.codes.countries import COUNTRY_OF_BIRTH
from shared.ledger.codes.demographics import (
    ADDRESS_TYPE,
    CONTACT_METHOD,
    GENDER,
    RELIGION,
)
from shared.ledger.codes.snomed import SNOMED
from shared.ledger.codes.specialities import SPECIALITY

DICTIONARY = next(iter(GENDER.systems))
COUNTRIES = next(iter(COUNTRY_OF_BIRTH.systems))
ISO = "urn:iso:std:iso:3166"
UK_CORE_CONTACT = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PreferredContactMethod"
V2_CONTACT_ROLE = "http://terminology.hl7.org/CodeSystem/v2-0131"
FEMALE = CodedText(code=Code(DICTIONARY, "2"))


@value
class Home:
    """An address with its kind."""

    kind: Annotated[CodedText, ADDRESS_TYPE] | None = None
    gender: Annotated[CodedText, GENDER] | None = None


DECLARED: dict[str, Any] = {
    "gender": Annotated[CodedText, titled("Gender"), GENDER] | Keep | None,
    "several": tuple[Annotated[CodedText, GENDER], ...],
    "listed": Annotated[tuple[CodedText, ...], GENDER],
    "status": Annotated[Status[Literal["yes"]], GENDER],
    "homes": tuple[Home, ...],
    "by_name": dict[str, Home | None],
    "why": str,
    "aim": CodedText,
}
FILLS = fills_of(DECLARED)


def told(**content: Any) -> Any:
    return plain(with_terms(content, FILLS))


def test_a_code_without_its_term_gets_that_of_the_list_of_its_field_wherever_it_stands() -> None:
    with_term = {"code": {"system": DICTIONARY, "code": "2", "display": "Female"}}
    assert told(gender=FEMALE) == {"gender": with_term}
    assert told(several=(FEMALE, FEMALE)) == {"several": [with_term, with_term]}
    assert told(listed=(FEMALE,)) == {"listed": [with_term]}
    assert told(homes=(Home(gender=FEMALE), Home())) == {"homes": [{"gender": with_term}, {}]}
    assert told(by_name={"a": Home(gender=FEMALE), "b": None}) == {
        "by_name": {"a": {"gender": with_term}, "b": None}
    }
    status = Status[Literal["yes"]]("yes", code=FEMALE.code)
    assert told(status=status)["status"] == {"value": "yes", **with_term}


@pytest.mark.parametrize(
    "given",
    [
        CodedText("a woman"),
        CodedText("a woman", Code(DICTIONARY, "2", "woman")),
        CodedText(code=Code(DICTIONARY, "7")),
        CodedText(code=Code("urn:somebody:else", "2")),
    ],
)
def test_what_was_said_is_never_altered_and_an_unknown_code_is_kept(given: CodedText) -> None:
    assert with_terms({"gender": given}, FILLS) == {"gender": given}


def test_what_names_no_list_and_what_is_not_there_are_left_alone() -> None:
    assert FILLS.keys() == DECLARED.keys() - {"why", "aim"}
    content = {"gender": KEEP, "aim": FEMALE, "why": "x"}
    assert with_terms(content, FILLS) == content
    assert with_terms({"gender": None}, FILLS) == {"gender": None}
    assert with_terms(content, {}) == content


@pytest.mark.parametrize(
    ("code_list", "said", "is_mapped"),
    [
        (GENDER, {"code": {"system": DICTIONARY, "code": "2"}}, True),
        (GENDER, {"code": {"system": DICTIONARY, "code": "7"}}, False),
        (GENDER, {"code": {"system": SNOMED, "code": "2"}}, False),
        (GENDER, {"text": "Female"}, False),
        (ADDRESS_TYPE, {"text": "main"}, False),
        (ADDRESS_TYPE, {"code": {"system": next(iter(ADDRESS_TYPE.systems)), "code": "1"}}, True),
        (RELIGION, {"text": "Quaker"}, True),
        (RELIGION, {"code": {"system": SNOMED, "code": "300738008"}}, True),
        (RELIGION, {"code": {"system": SNOMED, "code": "300738009"}}, False),
        (COUNTRY_OF_BIRTH, {"code": {"system": ISO, "code": "GBR"}}, True),
        (COUNTRY_OF_BIRTH, {"code": {"system": ISO, "code": "GB"}}, False),
        (COUNTRY_OF_BIRTH, {"code": {"system": ISO, "code": "ZZZ"}}, False),
        (COUNTRY_OF_BIRTH, {"code": {"system": COUNTRIES, "code": "ZZZ"}}, True),
        (COUNTRY_OF_BIRTH, {"code": {"system": COUNTRIES, "code": "ENG"}}, False),
        (CONTACT_METHOD, {"code": {"system": UK_CORE_CONTACT, "code": "9"}}, True),
        (CONTACT_METHOD, {"code": {"system": UK_CORE_CONTACT, "code": "0"}}, False),
        (RELATIONSHIP, {"code": {"system": V2_CONTACT_ROLE, "code": "N"}}, True),
        (RELATIONSHIP, {"code": {"system": V2_CONTACT_ROLE, "code": "n"}}, False),
        (RELIGION, {"code": {"system": DICTIONARY, "code": "1"}}, False),
        (RELATIONSHIP, {"text": "daughter"}, True),
        (SPECIALITY, {"code": {"system": next(iter(SPECIALITY.systems)), "code": "654"}}, True),
    ],
)
def test_what_the_list_does_not_have_is_found(
    code_list: CodeList, said: dict[str, Any], *, is_mapped: bool
) -> None:
    assert code_list.is_mapped(said) == is_mapped


def every_list() -> list[CodeList]:
    named = {**vars(care), **vars(demographics)}.values()
    return [SPECIALITY, COUNTRY_OF_BIRTH, *(one for one in named if isinstance(one, CodeList))]


@pytest.mark.parametrize("code_list", every_list(), ids=lambda one: one.name)
def test_every_list_and_every_code_that_is_held_has_words_for_a_screen(
    code_list: CodeList,
) -> None:
    assert code_list.titled.title
    assert code_list.titled.description
    for system, held in code_list.systems.items():
        for code, words in (held or {}).items():
            assert words.title.strip() == words.title
            assert words.title[:1].isupper()
            assert code_list.term(Code(system, code)) == words.title


def test_the_contract_of_a_field_has_its_list_with_the_words() -> None:
    schema = schema_of(Annotated[CodedText, GENDER])
    assert schema[CODE_LIST]["name"] == "person-stated-gender-code"
    assert schema[CODE_LIST]["systems"][DICTIONARY]["2"] == "Female"
    within = schema_of(Home)["properties"]["gender"]["anyOf"][0]
    assert within[CODE_LIST]["called"] == "Gender"


def test_the_lists_that_are_declared_are_those_that_findings_are_judged_by() -> None:
    """All but the sex of a person, of which nobody learns that it is recorded (H-13)."""
    declared = {
        ((section.wire_name, section.entry_type(entry)), f"{name}{path}"): found.name
        for section in discover.sections()
        for type_, event in section.events.items()
        for entry in [section.entry_of_event(type_)]
        for name, hint in hints_of(event).items()
        for path, found in lists_in(hint)
        if found is not demographics.SEX
    }
    judged = {
        (kind, path): one.name for kind, lists in LISTS.items() for path, one in lists.items()
    }
    assert declared.items() <= judged.items()


def hints_of(event: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(event, include_extras=True)
    return {one.name: without_keep(hints[one.name]) for one in fields(event)}


def test_a_path_below_a_list_is_that_in_each_of_its_items() -> None:
    assert dict(lists_in(tuple[Home, ...])) == {".kind": ADDRESS_TYPE, ".gender": GENDER}
