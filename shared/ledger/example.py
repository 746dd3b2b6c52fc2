"""Examples of a section's commands as plain data: for tests, contracts and replay."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.ledger.provenance import Kind


@dataclass(frozen=True)
class Example:
    """One command of an example history: who contributes what, and how it is answered.

    ``content`` is JSON as it comes in at the doors. ``entry`` and ``plan`` are labels: what bears
    the same label is the same entry of the same plan. Every change is based on the entry as the
    examples before have left it. ``stated_by_kind`` left out means the one who recorded it.
    ``provenance`` is what else is claimed: a place, a system and its own reference, the Proxy that
    somebody acts under, or all of who said it. ``refused`` is the code to be answered with, or
    ``None`` where it is accepted.
    """

    name: str
    command: str
    content: Mapping[str, Any] = field(default_factory=dict)
    entry: str = "entry"
    plan: str = "plan"
    recorded_by_kind: Kind = "professional"
    role: str | None = "nurse"
    organisation: str | None = "ZZC01"
    stated_by_kind: Kind | None = None
    visibility: Mapping[str, Any] | None = None
    supported_by: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None


@dataclass(frozen=True)
class ExamplesOf:
    """Makes the examples of one section; ``commands`` is how the names of its commands begin."""

    commands: str

    def __call__(
        self,
        name: str,
        command: str,
        content: Mapping[str, Any],
        entry: str,
        refused: str | None = None,
        **who: Any,
    ) -> Example:
        """One example; the command is named by the end of its name alone: ``set-aside``."""
        return Example(name, f"{self.commands}{command}.v1", content, entry, refused=refused, **who)


def plan_of(label: str = "plan") -> UUID:
    """The id of the plan with that label."""
    return uuid5(NAMESPACE_URL, f"careplan-example/{label}")


def link(section: str, entry: str, *, plan: str = "plan") -> dict[str, str]:
    """The entry with that label, as a content or a provenance refers to it.

    The section goes by its name on the wire. Of an entry that a plan has only one of, the id
    follows from the plan, and its label leads nowhere.
    """
    return {"section": section, "entry_id": str(uuid5(plan_of(plan), f"{section}/{entry}"))}


def examples_of_every_entry(
    commands: str,
    entry: str,
    *,
    plan: str = "plan",
    not_theirs: str = "correction-belongs-to-the-origin",
) -> Iterable[Example]:
    """What can be done to each entry, on the entry with that label, which is in error afterwards.

    ``commands`` is how its commands begin: ``careplan.goals.commands.stage-goal-``. The entry has
    to come from the organisation that examples have by default. ``not_theirs`` is what another one
    is refused with that marks it in error.
    """

    def example(
        name: str,
        method: str,
        refused: str | None = None,
        organisation: str = "ZZC01",
        **content: Any,
    ) -> Example:
        return Example(
            f"{entry}: {name}",
            f"{commands}{method}.v1",
            content,
            entry,
            plan,
            organisation=organisation,
            refused=refused,
        )

    return (
        example(
            "lift what was never restricted",
            "lift-restriction",
            "entry-not-restricted",
            reason="No longer sensitive",
        ),
        example("restrict without a reason", "restrict", "reason-missing", labels=["sensitive"]),
        example(
            "withhold from the person with nobody's approval",
            "restrict",
            "withholding-needs-an-approver",
            withheld_from_person=True,
            reason="Would put a third party at risk",
        ),
        example(
            "restrict",
            "restrict",
            labels=["sensitive"],
            withheld_from_person=True,
            third_party=True,
            reason="Names a third party",
            approved_by="Caldicott guardian of ZZC01",
            review_on="2026-09-10",
        ),
        example(
            "another organisation takes from the restriction",
            "restrict",
            "restriction-is-not-yours-to-lift",
            "ZZL01",
            labels=["sensitive"],
            reason="She may know",
        ),
        example(
            "another organisation lifts the restriction",
            "lift-restriction",
            "restriction-is-not-yours-to-lift",
            "ZZL01",
            reason="We see no need",
        ),
        example("lift a restriction without a reason", "lift-restriction", "reason-missing"),
        example("lift the restriction", "lift-restriction", reason="The third party agreed"),
        example("mark in error without a reason", "mark-in-error", "reason-missing"),
        example(
            "mark in error what others have said",
            "mark-in-error",
            not_theirs,
            "ZZL01",
            reason="Wrong plan",
        ),
        example("mark in error", "mark-in-error", reason="Entered on the wrong plan"),
    )
