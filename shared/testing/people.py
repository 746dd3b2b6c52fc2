"""Synthetic people: the only source of people in tests and in the seed.

None of them exists. NHS numbers come from the range 999, which is never given out; telephone
numbers from the ranges kept for drama; organisations' codes begin with ZZ, which none has.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.ledger import Agent, Organisation, Supporter
from shared.ledger.codes.code_list import CodeList
from shared.ledger.codes.demographics import ETHNIC_CATEGORY, GENDER

_IDS: Final = uuid5(NAMESPACE_URL, "careplan-synthetic-people")


@dataclass(frozen=True)
class SyntheticPerson:
    """Somebody who has a plan."""

    first: str
    family: str
    date_of_birth: str
    nhs_number: str
    line1: str
    town: str
    postcode: str
    practice: str
    practice_details: str
    preferred: str | None = None
    title: str | None = None
    gender: str | None = None
    ethnicity: str | None = None
    phone: str | None = None
    gp_name: str | None = None

    @property
    def plan_id(self) -> UUID:
        """The id of their plan, the same in every run."""
        return uuid5(_IDS, self.nhs_number)

    @property
    def full_name(self) -> str:
        """First and family name."""
        return f"{self.first} {self.family}"

    @property
    def agent(self) -> Agent:
        """The person as a party of a provenance."""
        return Agent("person", self.full_name)

    def opening(self) -> dict[str, Any]:
        """The content of ``careplan.person.commands.open-plan.v1``, as JSON."""
        content: dict[str, Any] = {
            "name": _given(
                first=self.first, family=self.family, preferred=self.preferred, title=self.title
            ),
            "date_of_birth": self.date_of_birth,
            "nhs_number": {"value": self.nhs_number, "verification": "traced-and-verified"},
            "addresses": [
                {
                    "line1": self.line1,
                    "line3": self.town,
                    "postcode": self.postcode,
                    "kind": {"text": "main"},
                }
            ],
            "gp_practices": [
                _given(ods=self.practice, details=self.practice_details, gp_name=self.gp_name)
            ],
            "source": {"system": "PDS", "traced_at": "2025-05-01T09:00:00Z"},
            **_coded("gender", GENDER, self.gender),
            **_coded("ethnicity", ETHNIC_CATEGORY, self.ethnicity),
        }
        if self.phone is not None:
            content["contact"] = {
                "preferred_method": {"text": "letter"},
                "phones": [{"number": self.phone, "kind": "Home", "preference": 1}],
            }
        return content


@dataclass(frozen=True)
class Relative:
    """Somebody close to a person, who may support them or act for them."""

    name: str
    relationship: str
    contact: str | None = None

    @property
    def agent(self) -> Agent:
        """The relative as a party of a provenance."""
        return Agent(
            "related-person", self.name, relationship=self.relationship, contact=self.contact
        )

    def supporter(self, how: str | None = None) -> Supporter:
        """The relative as who supported the person to say something."""
        return Supporter(self.name, self.relationship, self.contact, how)


@dataclass(frozen=True)
class Professional:
    """Somebody who works for an organisation, in a role."""

    name: str
    role: str
    organisation: Organisation

    @property
    def agent(self) -> Agent:
        """The professional as a party of a provenance."""
        return Agent("professional", self.name, self.role, self.organisation)


def _coded(field: str, code_list: CodeList, code: str | None) -> dict[str, Any]:
    if code is None:
        return {}
    return {field: {"code": {"system": next(iter(code_list.systems)), "code": code}}}


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def synthetic_nhs_number(serial: int) -> str:
    """The number of that serial in the range 999, with its check digit; serials from 100,000.

    A tenth of the serials has no check digit; the next one that has is taken in their place, so
    that two serials may share a number: count in steps of two.
    """
    for candidate in (serial, serial + 1):
        digits = f"999{candidate:06}"
        weighted = sum(
            weight * int(digit) for weight, digit in zip(range(10, 1, -1), digits, strict=True)
        )
        check = (11 - weighted % 11) % 11
        if check < 10:  # noqa: PLR2004 - a digit
            return f"{digits}{check}"
    raise ValueError("two serials in a row have a check digit between them")


def somebody(serial: int) -> SyntheticPerson:
    """A person for tests and measurements that need many."""
    return SyntheticPerson(
        first="Alex",
        family=f"Number{serial}-Synth",
        date_of_birth=f"{1930 + serial % 80}-0{1 + serial % 9}-1{serial % 10}",
        nhs_number=synthetic_nhs_number(500_000 + 2 * serial),
        line1=f"{serial} Sample Road",
        town="Northmoor",
        postcode="ZZ9 9ZZ",
        practice="ZZG01",
        practice_details="Larkfield Surgery (synthetic), Northmoor",
    )


LARKFIELD: Final = Organisation("ZZG01", "Larkfield Surgery (synthetic)")
NORTHMOOR_COMMUNITY: Final = Organisation("ZZC01", "Northmoor Community NHS Trust (synthetic)")
NORTHMOOR_COUNCIL: Final = Organisation("ZZL01", "Northmoor County Council (synthetic)")
KESTREL: Final = Organisation("ZZH01", "Kestrel Homecare (synthetic)")
EASTSHIRE: Final = Organisation("ZZM02", "Eastshire Mental Health NHS Trust (synthetic)")
WESTBROOK: Final = Organisation("ZZK03", "Westbrook Children's NHS Trust (synthetic)")
SOUTHFORD: Final = Organisation("ZZC04", "Southford Community Services (synthetic)")
RIVERTON: Final = Organisation("ZZM05", "Riverton LD Service NHS (synthetic)")
DEMOGRAPHICS_SERVICE: Final = Organisation("ZZP01", "Demographics service (synthetic)")

EDITH: Final = SyntheticPerson(
    first="Edith Mary",
    family="Marlow-Synth",
    preferred="Edie",
    title="Mrs",
    date_of_birth="1938-03-14",
    nhs_number="9994100017",
    gender="2",
    ethnicity="A",
    line1="4 Sample Court",
    town="Northmoor",
    postcode="ZZ1 1AA",
    phone="01632 960101",
    practice="ZZG01",
    practice_details="Larkfield Surgery (synthetic), Northmoor",
    gp_name="Dr A. Quill-Synth",
)
TARIQ: Final = SyntheticPerson(
    first="Tariq",
    family="Hale-Synth",
    preferred="Tee",
    date_of_birth="1987-11-02",
    nhs_number="9994100025",
    line1="Flat 2, 19 Example Road",
    town="Eastham",
    postcode="ZZ2 2BB",
    practice="ZZG02",
    practice_details="Canal Street Health Centre (synthetic)",
)
MAYA: Final = SyntheticPerson(
    first="Maya",
    family="Okoro-Synth",
    preferred="Maya",
    date_of_birth="2017-08-23",
    nhs_number="9994100033",
    line1="8 Specimen Lane",
    town="Westbrook",
    postcode="ZZ3 3CC",
    practice="ZZG03",
    practice_details="Westbrook Family Practice (synthetic)",
)
GEORGE: Final = SyntheticPerson(
    first="George",
    family="Pryce-Synth",
    preferred="George",
    date_of_birth="1951-01-30",
    nhs_number="9994100041",
    line1="33 Trial Terrace",
    town="Southford",
    postcode="ZZ4 4DD",
    practice="ZZG04",
    practice_details="Southford Medical Centre (synthetic)",
)
LEANNE: Final = SyntheticPerson(
    first="Leanne",
    family="Ford-Synth",
    preferred="Lee",
    date_of_birth="1994-06-17",
    nhs_number="9994100068",
    line1="Elm House, 2 Example Way",
    town="Riverton",
    postcode="ZZ5 5EE",
    practice="ZZG05",
    practice_details="Riverton Practice (synthetic)",
)
PEOPLE: Final = (EDITH, TARIQ, MAYA, GEORGE, LEANNE)

RUTH: Final = Relative("Ruth Marlow-Synth", "daughter", "07700 900101")
GRACE: Final = Relative("Grace Okoro-Synth", "mother", "07700 900301")
CARLY: Final = Relative("Carly Ford-Synth", "sister", "07700 900501")

DR_QUILL: Final = Professional("Dr A. Quill-Synth", "gp", LARKFIELD)
PRIYA: Final = Professional("Priya Raman-Synth", "care-coordinator", LARKFIELD)
TOM: Final = Professional("Tom Okafor-Synth", "physiotherapist", NORTHMOOR_COMMUNITY)
HELEN: Final = Professional("Helen Birch-Synth", "dietitian", NORTHMOOR_COMMUNITY)
SAM: Final = Professional("Sam Idris-Synth", "social-worker", NORTHMOOR_COUNCIL)
LIN: Final = Professional("Lin Carver-Synth", "care-worker", KESTREL)
CLAIRE: Final = Professional("Claire Osei-Synth", "mental-health-nurse", EASTSHIRE)
KOFI: Final = Professional("Kofi Ansah-Synth", "complex-care-nurse", WESTBROOK)
MOIRA: Final = Professional("Moira Stead-Synth", "district-nurse", SOUTHFORD)
ANITA: Final = Professional("Anita Roy-Synth", "learning-disability-nurse", RIVERTON)

DEMOGRAPHICS_CONNECTION: Final = Agent(
    "system", "Demographics connection", "pds-connection", DEMOGRAPHICS_SERVICE
)
