"""Codes of who somebody is: items of the NHS Data Dictionary, which have a code and no words.

Where a list is ``None`` the standard names it and its codes are not held here, so that none is
taken for wrong (``docs/code-lists.md`` says why).
"""

from typing import Final

from shared.ledger.codes.code_list import CodeList, Codes, codes
from shared.ledger.codes.snomed import SNOMED
from shared.ledger.words import titled

_DICTIONARY: Final = "https://www.datadictionary.nhs.uk"


def _of_the_dictionary(name: str, *others: str, held: Codes | None) -> dict[str, Codes | None]:
    """The systems that a code of this item may be said to come from, ours first."""
    ours = (f"{_DICTIONARY}/data_elements/{name}.html", f"{_DICTIONARY}/attributes/{name}.html")
    return dict.fromkeys((*ours, *others), held)


GENDER: Final = CodeList(
    "person-stated-gender-code",
    titled("Gender", "The gender that the person states."),
    _of_the_dictionary(
        "person_stated_gender_code",
        held=codes({
            "1": "Male",
            "2": "Female",
            "9": "Indeterminate (cannot be classed as male or female)",
            "X": "Not known (not recorded)",
        }),
    ),
    is_code_only=True,
)  # fmt: skip

SEX: Final = CodeList(
    "person-phenotypic-sex",
    titled("Sex", "The person's sex as it was observed, which bears on clinical treatment."),
    _of_the_dictionary(
        "person_phenotypic_sex",
        held=codes({
            "1": "Male",
            "2": "Female",
            "9": "Indeterminate (cannot be classed as male or female)",
            "X": "Not known (not recorded)",
        }),
    ),
    is_code_only=True,
)  # fmt: skip

ETHNIC_CATEGORY: Final = CodeList(
    "ethnic-category",
    titled("Ethnicity", "The ethnic category that the person states."),
    _of_the_dictionary(
        "ethnic_category",
        "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland",
        held=codes({
            "A": "White: British",
            "B": "White: Irish",
            "C": "White: any other background",
            "D": "Mixed: White and Black Caribbean",
            "E": "Mixed: White and Black African",
            "F": "Mixed: White and Asian",
            "G": "Mixed: any other background",
            "H": "Asian or Asian British: Indian",
            "J": "Asian or Asian British: Pakistani",
            "K": "Asian or Asian British: Bangladeshi",
            "L": "Asian or Asian British: any other background",
            "M": "Black or Black British: Caribbean",
            "N": "Black or Black British: African",
            "P": "Black or Black British: any other background",
            "R": "Other: Chinese",
            "S": "Any other ethnic group",
            "Z": "Not stated",
            "99": "Not known",
        }),
    ),
    is_code_only=True,
)  # fmt: skip

MARITAL_STATUS: Final = CodeList(
    "person-marital-status",
    titled("Marital status", "Whether the person is married or in a civil partnership."),
    _of_the_dictionary(
        "person_marital_status",
        "https://fhir.hl7.org.uk/CodeSystem/UKCore-PersonMaritalStatusEngland",
        held=codes({
            "S": "Single",
            "M": "Married or in a civil partnership",
            "D": "Divorced, or civil partnership dissolved",
            "W": "Widowed, or surviving civil partner",
            "P": "Separated",
            "N": "Not disclosed",
            "8": "Not applicable",
            "9": "Not known",
        }),
    ),
    is_code_only=True,
)  # fmt: skip

ADDRESS_TYPE: Final = CodeList(
    "address-association-type",
    titled("Kind of address", "What the person uses the address for."),
    _of_the_dictionary("address_association_type", held=None),
    is_code_only=True,
)

CONTACT_METHOD: Final = CodeList(
    "communication-contact-method",
    titled("Preferred way of contact", "How the person prefers to be reached."),
    {
        **_of_the_dictionary("communication_contact_method", held=None),
        "https://fhir.hl7.org.uk/CodeSystem/UKCore-PreferredContactMethod": codes({
            "1": "Letter",
            "2": "Visit",
            "3": "Telephone",
            "4": "E-mail",
            "5": "Textphone",
            "6": "Telephone, through somebody else",
            "7": "Sign language",
            "8": "Not by telephone",
            "9": "Text message",
        }),
    },
    is_code_only=True,
)  # fmt: skip

RELIGION: Final = CodeList(
    "religion",
    titled("Religion", "The religion or belief that the person states."),
    {SNOMED: None},
)
"""SNOMED CT refset 999000531000000100, of which only the identifier is known here."""
