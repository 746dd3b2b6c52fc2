"""Codes of care: relationships, confidentiality, and sets of SNOMED CT by their ids alone.

No set of roles is named as binding: that of the standard is retired, so any code is taken there.
"""

from typing import Final

from shared.ledger.codes.code_list import CodeList, codes
from shared.ledger.codes.snomed import SNOMED
from shared.ledger.words import titled

_HL7: Final = "http://terminology.hl7.org/CodeSystem"

RELATIONSHIP: Final = CodeList(
    "person-relationship-type",
    titled("Relationship", "What somebody is to the person."),
    {
        "https://fhir.hl7.org.uk/CodeSystem/UKCore-AdditionalPersonRelationshipRole": codes({
            "Agent": "Agent",
            "Guardian": "Guardian",
            "Personal": "Personal relationship",
            "PolygamousPartner": "Polygamous partner",
            "Dependant": "Dependant",
            "NonDependant": "Not a dependant",
            "ProxyContact": "Proxy for contact",
            "ProxyCommunication": "Proxy for communication",
            "ProxyContactCommunication": "Proxy for contact and communication",
            "Carer": "Carer",
            "NotSpecified": "Not specified",
        }),
        f"{_HL7}/v3-RoleCode": None,
        f"{_HL7}/v2-0131": codes({
            "BP": "Contact for bills",
            "C": "Emergency contact",
            "CP": "Contact",
            "E": "Employer",
            "EP": "Person to call in an emergency",
            "F": "National agency",
            "I": "Insurer",
            "N": "Next of kin",
            "O": "Other",
            "PR": "Whoever prepares the referral",
            "S": "State agency",
            "U": "Unknown",
        }),
    },
)  # fmt: skip

CONFIDENTIALITY: Final = CodeList(
    "confidentiality",
    titled("Confidentiality", "How far a document may be shown."),
    {
        f"{_HL7}/v3-Confidentiality": codes({
            "U": "Unrestricted",
            "L": "Low",
            "M": "Moderate",
            "N": "Normal",
            "R": "Restricted",
            "V": "Very restricted",
        }),
    },
)  # fmt: skip

HEALTH_ISSUES: Final = CodeList(
    "health-issues",
    titled("Health issues", "Needs, concerns and problems, and what may trigger a crisis."),
    {SNOMED: None},
)
"""SNOMED CT refset 1127581000000103."""

HEALTHCARE_MATTERS: Final = CodeList(
    "healthcare-matters",
    titled("Healthcare matters", "Strengths, outcomes and early warning signs."),
    {SNOMED: None},
)
"""SNOMED CT refset 1127601000000107."""

GOALS: Final = CodeList(
    "goals-and-hopes", titled("Goals", "What somebody wants to reach: a finding."), {SNOMED: None}
)
"""Any SNOMED CT finding: the expression that the standard gives is an example."""

ACTIONS: Final = CodeList(
    "actions", titled("Actions", "What is to be done: a procedure, or a regime."), {SNOMED: None}
)
"""SNOMED CT << 71388002 OR << 129125009."""

CARE_PLAN_TYPES: Final = CodeList(
    "care-plan-types", titled("Kinds of plan", "What kind of plan it is."), {SNOMED: None}
)
"""SNOMED CT refset 999001471000000108."""

ACTION_STATUSES: Final = CodeList(
    "care-planning-action-context",
    titled("Status of an action", "How far an action has come."),
    {SNOMED: None},
)
"""SNOMED CT refset 999000081000000105."""

GOAL_STATUSES: Final = CodeList(
    "care-planning-goal-context",
    titled("Status of a goal", "How far a goal has come."),
    {SNOMED: None},
)
"""SNOMED CT refset 999000091000000107."""
