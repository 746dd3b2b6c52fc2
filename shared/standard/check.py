"""One plan held against the standard: what it holds of the elements, and what it lacks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.ledger.elements import PERFORMED
from shared.standard.carried import Carrier, carriers_in, said_of, values_at
from shared.standard.coverage import Coverage
from shared.standard.export import exported
from shared.standard.tree import Element, paths_in

_ADDRESS: Final = "Person demographics > Person's address"
_OF_AN_ADDRESS: Final = (f"{_ADDRESS} > Address line 1", f"{_ADDRESS} > Postcode")

Plan = Mapping[str, Any]


@dataclass(frozen=True)
class Criterion:
    """One of NHS England's five criteria for a personalised care and support plan."""

    number: int
    words: str
    is_met: bool


@dataclass(frozen=True)
class Checked:
    """What a plan holds: the elements with a value, those without, and the criteria it meets."""

    held: Sequence[Element]
    not_recorded: Sequence[Element]
    mandatory_missing: Sequence[Element]
    criteria: Sequence[Criterion]

    @property
    def is_sendable(self) -> bool:
        """True where nothing is missing that the plan cannot be sent without."""
        return not self.mandatory_missing


def check(plan: Plan, coverage: Coverage) -> Checked:
    """Hold a plan, as ``GET /v1/plans/{plan_id}`` gives it, against every element.

    What the plan derives, and who said what of it, is held where it was asked for with
    ``include=derived,authorship``.
    """
    held: list[Element] = []
    lacking: list[Element] = []
    # What is derived, and what stands in a provenance, is held where the standard's form has it.
    in_its_form = set(paths_in(exported(plan, coverage, {}).document))
    for element in coverage.elements:
        # Who performed something is a professional, which no path says.
        told = element.path in in_its_form or any(
            _holds(plan, carrier)
            for carrier in carriers_in(coverage.carriers[element.path])
            if PERFORMED not in element.path
        )
        (held if told else lacking).append(element)
    missing = [
        one
        for one in coverage.elements
        if one.duty == "M"
        and _is_asked_for(one, plan)
        and (one in lacking or (one.path in _OF_AN_ADDRESS and not _has_an_address(plan)))
    ]
    return Checked(held, lacking, missing, tuple(_criteria(plan, sendable=not missing)))


def _holds(plan: Plan, carrier: Carrier) -> bool:
    for entry in _entries(plan, *carrier.kind):
        if carrier.path and not any(values_at(entry["content"], carrier.path)):
            continue
        said = said_of(entry, ".".join(carrier.path) or None) if carrier.provenance else {}
        if not carrier.provenance or any(values_at(said, carrier.provenance)):
            return True
    return False


def _is_asked_for(element: Element, plan: Plan) -> bool:
    """A mandatory element of a group that may be absent counts where the group is there."""
    if element.path.startswith("Personal contacts"):
        return any(_entries(plan, "care-team", "personal-contact"))
    if element.path.startswith("Contingency/safety plans"):
        return any(_entries(plan, "contingency-plans", "contingency-plan"))
    return True


def _has_an_address(plan: Plan) -> bool:
    """True where one address has all that an address must have; two halves are none."""
    return any(
        one.get("line1") and one.get("postcode")
        for person in _entries(plan, "person", "person")
        for one in person["content"].get("addresses") or ()
    )


def _criteria(plan: Plan, *, sendable: bool) -> Iterator[Criterion]:
    def has(section: str, entry: str, judge: Callable[[Plan], bool] = bool) -> bool:
        return any(judge(one["content"]) for one in _entries(plan, section, entry))

    involved = has("care-team", "professional-contact") or has("care-team", "personal-contact")
    yield Criterion(
        1,
        "The person is at the centre and decides who is involved: an agreement is recorded, and "
        "those involved are named.",
        has("stewardship", "agreement") and involved,
    )
    yield Criterion(
        2,
        "There was a conversation about what matters: About me says something.",
        has("about-me", "about-me"),
    )
    yield Criterion(
        3,
        "Outcomes are agreed: there is a goal with an outcome, and with an action that somebody "
        "answers for.",
        bool(
            _goals_of(plan, "outcome", lambda _: True)
            & _goals_of(plan, "action", lambda said: bool(said.get("who")))
        ),
    )
    yield Criterion(
        4,
        "The plan can be shared, and is: nothing mandatory is missing, and an organisation has a "
        "relationship by which it sees the plan.",
        sendable and has("care-team", "relationship"),
    )
    yield Criterion(
        5,
        "It is reviewed: a review has a day or an interval, and somebody who sees to it.",
        has(
            "stewardship",
            "review",
            lambda said: (
                bool(said.get("responsible")) and bool(said.get("due_on") or said.get("interval"))
            ),
        ),
    )


def _goals_of(plan: Plan, entry: str, judge: Callable[[Plan], bool]) -> set[str]:
    """The goals on the plan that such entries are of."""
    goals = {one["entry_id"] for one in _entries(plan, "goals", "goal")}
    named = set()
    for one in _entries(plan, "goals", entry):
        said = one["content"]
        if judge(said):
            named |= {
                ref["entry_id"] for ref in [said.get("goal_id"), *said.get("goal_ids", ())] if ref
            }
    return goals & named


def _entries(plan: Plan, section: str, entry_type: str) -> Iterator[Mapping[str, Any]]:
    for entry in plan.get("sections", {}).get(section, ()):
        if entry.get("entry_type") == entry_type and entry.get("current", True):
            yield entry
