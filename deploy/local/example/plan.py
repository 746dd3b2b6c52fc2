"""The example plan: Edith Marlow-Synth, who keeps falling, and the five who plan with her.

Everybody in it is invented; the NHS number is from the range kept for tests.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_IDS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "careplan-example/PCSP-EX-01")
_PLAN: Final = str(uuid.uuid5(_IDS, "plan"))


@dataclass(frozen=True)
class Contributor:
    """A professional of an organisation; without an organisation, the person herself."""

    name: str
    org: str = ""
    role: str = ""


@dataclass(frozen=True)
class Said:
    """One contribution of a step: a command to a section about one entry."""

    section: str
    command: str
    entry: str
    content: Mapping[str, Any]
    creates: bool = True
    by_the_person: bool = False
    location: Mapping[str, str] | None = None
    supported_by: Mapping[str, str] | None = None

    @property
    def type(self) -> str:
        """The type of the command on the wire."""
        return f"careplan.{self.section.replace('_', '-')}.commands.{self.command}.v1"


@dataclass(frozen=True)
class Step:
    """What one contributor said on one occasion."""

    number: int
    by: Contributor
    stated_at: str
    contributions: Sequence[Said]

    def contribution_id(self, said: Said) -> str:
        """The same on every run, so that a second run gets the first receipts again."""
        return example_id(f"step-{self.number}/{said.command}/{said.entry}")


@dataclass(frozen=True)
class Sown:
    """The plan that was loaded, and somebody who may read it."""

    plan_id: str
    reader: str
    reader_organisation: str | None


def example_id(name: str) -> str:
    """A fixed id for a short name in the example."""
    return str(uuid.uuid5(_IDS, name))


def entry_id(entry: str) -> str:
    """The entry's id; where a plan has only one such entry, it is derived from the plan's id."""
    if entry == "person":
        return _PLAN
    if entry == "about-me":
        return str(uuid.uuid5(uuid.UUID(_PLAN), "about-me"))
    return example_id(entry)


def _ref(section: str, entry: str) -> dict[str, str]:
    return {"section": section, "entry_id": entry_id(entry)}


def _need(entry: str) -> dict[str, str]:
    return _ref("needs", entry)


def _goal(entry: str) -> dict[str, str]:
    return _ref("goals", entry)


PLAN_ID: Final = _PLAN
EDITH: Final = Contributor("Edith Marlow-Synth")
PRIYA: Final = Contributor("Priya Raman-Synth", "ZZG01", "care-coordinator")
_TOM: Final = Contributor("Tom Okafor-Synth", "ZZC01", "physiotherapist")
_SAM: Final = Contributor("Sam Idris-Synth", "ZZL01", "social-worker")
_HELEN: Final = Contributor("Helen Birch-Synth", "ZZC01", "dietitian")
_LIN: Final = Contributor("Lin Carver-Synth", "ZZH01", "care-worker")

STEPS: Final = (
    Step(
        1,
        PRIYA,
        "2026-02-03T11:00:00Z",
        (
            Said(
                "person",
                "open-plan",
                "person",
                {
                    "name": {
                        "first": "Edith Mary",
                        "family": "Marlow-Synth",
                        "preferred": "Edie",
                        "title": "Mrs",
                    },
                    "date_of_birth": "1938-03-14",
                    "nhs_number": {"value": "9994100017", "verification": "traced-and-verified"},
                    "gender": "2",
                    "ethnicity": "A",
                    "addresses": [
                        {
                            "line1": "4 Sample Court",
                            "line3": "Northmoor",
                            "postcode": "ZZ1 1AA",
                            "kind": "main",
                        }
                    ],
                    "contact": {
                        "preferred_method": "letter",
                        "phones": [{"number": "01632 960101", "kind": "Home", "preference": 1}],
                    },
                    "gp_practices": [
                        {
                            "ods": "ZZG01",
                            "details": "Larkfield Surgery (synthetic), Northmoor",
                            "gp_name": "Dr A. Quill-Synth",
                        }
                    ],
                    "source": {"system": "PDS", "traced_at": "2026-02-03T10:45:00Z"},
                },
                location={"ods": "ZZG01", "text": "at home"},
            ),
        ),
    ),
    Step(
        2,
        _TOM,
        "2026-03-10T14:00:00Z",
        (
            Said(
                "goals",
                "agree",
                "g1",
                {
                    "aim": {"text": "Walk to the shop by myself again by Christmas"},
                    "why": "So I can choose my own things",
                    "importance": 9,
                    "need_ids": [_need("n1")],
                },
                by_the_person=True,
            ),
            Said(
                "goals",
                "action-plan",
                "a1",
                {
                    "what": [{"text": "Strength and balance programme twice weekly"}],
                    "who": {
                        "kind": "team",
                        "name": "Edie with Tom Okafor-Synth",
                        "role": {"text": "person + physiotherapist"},
                        "team": "Falls service",
                    },
                    "when": {"timing": "twice weekly until 2026-12-18"},
                    "strategies": ["If dizzy, sit and drink; ring if two classes missed"],
                    "status": {"value": "in-progress"},
                    "confidence": 6,
                    "review_date": "2026-12",
                    "goal_ids": [_goal("g1")],
                },
                by_the_person=True,
            ),
            Said(
                "goals",
                "action-plan",
                "a2",
                {
                    "what": [{"text": "Lying/standing blood pressure and medicines review"}],
                    "who": {
                        "kind": "professional",
                        "name": "Dr A. Quill-Synth",
                        "role": {"text": "GP"},
                    },
                    "when": {"date": "2026-10-15"},
                    "status": {"value": "completed"},
                    "goal_ids": [_goal("g1")],
                },
            ),
            Said(
                "goals",
                "stage-goal-agree",
                "s1",
                {
                    "aim": {"text": "Walk to the corner with frame"},
                    "goal_id": _goal("g1"),
                    "action_ids": [_goal("a1")],
                },
            ),
            Said(
                "goals",
                "stage-goal-record-outcome",
                "s1",
                {"outcome": {"text": "done 2026-09-20"}, "status": {"value": "achieved"}},
                creates=False,
            ),
            Said(
                "goals",
                "outcome-record",
                "o1",
                {
                    "what": {"text": "No fall since 11 Aug; walks to corner"},
                    "status": {"value": "partially-achieved"},
                    "goal_id": _goal("g1"),
                },
                by_the_person=True,
            ),
            Said(
                "goals",
                "record-status",
                "g1",
                {"status": {"value": "partially-achieved"}},
                creates=False,
            ),
        ),
    ),
    Step(
        3,
        _SAM,
        "2026-03-24T15:00:00Z",
        (
            Said(
                "goals",
                "agree",
                "g3",
                {
                    "aim": {"text": "Ruth has two evenings off a week"},
                    "importance": 6,
                    "need_ids": [_need("n3")],
                },
                by_the_person=True,
            ),
            Said(
                "goals",
                "action-plan",
                "a4",
                {
                    "what": [{"text": "Sitting service Tue and Fri"}],
                    "who": {
                        "kind": "team",
                        "name": "Kestrel Homecare",
                        "team": "Evening team",
                        "organisation": {"ods": "ZZH01", "name": "Kestrel Homecare"},
                    },
                    "when": {"timing": "Tue and Fri 18:00"},
                    "status": {"value": "in-progress"},
                    "goal_ids": [_goal("g3")],
                },
            ),
        ),
    ),
    Step(
        4,
        _HELEN,
        "2026-05-18T09:00:00Z",
        (
            Said(
                "goals",
                "agree",
                "g2",
                {
                    "aim": {"text": "Back to 52 kg and enjoying meals"},
                    "importance": 7,
                    "need_ids": [_need("n2")],
                },
                by_the_person=True,
            ),
            Said(
                "goals",
                "action-plan",
                "a3",
                {
                    "what": [{"text": "Fortified snacks and weekly weight"}],
                    "who": {"kind": "person", "name": "Edie; Kestrel Homecare carers record"},
                    "when": {"timing": "daily; weigh weekly"},
                    "status": {"value": "not-started"},
                    "confidence": 8,
                    "review_date": "2026-12",
                    "goal_ids": [_goal("g2")],
                },
                by_the_person=True,
            ),
            Said("goals", "record-status", "g2", {"status": {"value": "on-going"}}, creates=False),
        ),
    ),
    Step(
        5,
        _LIN,
        "2026-07-01T10:00:00Z",
        (
            Said(
                "goals",
                "action-record-progress",
                "a4",
                {"status": {"value": "completed"}},
                creates=False,
            ),
            Said("goals", "record-status", "g3", {"status": {"value": "achieved"}}, creates=False),
        ),
    ),
    Step(
        6,
        EDITH,
        "2026-09-02T09:20:00Z",
        (
            Said(
                "about_me",
                "begin",
                "about-me",
                {
                    "responses": {
                        "what_is_most_important": {
                            "text": "Staying in my flat with my cat Bramble. In an emergency tell "
                            "my daughter first; I am frightened of hospital at night."
                        },
                        "people_who_are_important": {
                            "text": "Daughter Ruth (calls daily). Neighbour Joan has a key. "
                            "Do not contact my nephew Keith."
                        },
                        "how_i_communicate": {
                            "text": "Hearing aid in left ear, sit on that side. I read large "
                            "print only. Call me Edie."
                        },
                        "my_wellness": {
                            "text": "Good day: shops with frame. Bad day: light-headed on "
                            "standing, off food. Usually I have not drunk enough."
                        },
                        "please_do_and_please_dont": {
                            "text": "Do let me do my own washing. Do not rush me or talk over me "
                            "to Ruth."
                        },
                        "how_and_when_to_support_me": {
                            "text": "Mornings are slow; come after 9. Check I have my frame and "
                            "slippers."
                        },
                        "also_worth_knowing": {
                            "text": "Was a school cook for 30 years; proud of my pastry."
                        },
                    },
                },
                supported_by={
                    "name": "Ruth Marlow-Synth",
                    "relationship": "daughter and carer",
                    "contact": "07700 900101",
                },
            ),
        ),
    ),
    Step(
        7,
        _LIN,
        "2026-11-05T09:30:00Z",
        (
            Said(
                "goals",
                "action-record-progress",
                "a3",
                {"status": {"value": "in-progress"}},
                creates=False,
                by_the_person=True,
            ),
        ),
    ),
)
