"""Plans of invented people in which much is withheld, each value told from every other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

from shared.ledger import RecordedEvent
from shared.testing.events import GP, History

NURSE: Final[Mapping[str, Any]] = {
    "kind": "professional",
    "name": "Tom Okafor-Synth",
    "role": "nurse",
    "organisation": {"ods": "ZZC01", "name": "Northmoor Community"},
}
POSTCODES: Final = ("ZZ99 3VZ", "ZZ99 4VZ")
ADDRESS: Final = 1
"""The number of the planted address."""

KINDS: Final = ("none", "label", "other-label", "from-person", "third-party")


@dataclass
class Planted:
    """A value that stands nowhere else, and how it is restricted: see ``KINDS``, and below."""

    text: str
    section: str
    kinds: set[str]
    origin: str
    current: bool = True


@dataclass
class PlantedPlan:
    """The events of one plan, and what was planted in it. Two of the same seed differ in ``tag``.

    Of ``same`` the numbers say which planted values are the same in both.
    """

    seed: int
    tag: str
    same: frozenset[int] = frozenset()
    planted: list[Planted] = field(default_factory=list)

    def events(self) -> list[RecordedEvent]:
        """The whole history."""
        random = Random(self.seed)  # noqa: S311 - a plan's life, not a secret
        plan_id = UUID(int=random.getrandbits(128), version=4)
        history = History(plan_id)
        made = [self._opened(history, UUID(int=random.getrandbits(128), version=4))]
        targets: list[tuple[str, UUID, set[str], str]] = []
        for section, entry_type, leaves in _ENTRIES * 2:
            entry_id = UUID(int=random.getrandbits(128), version=4)
            kind = random.choice(KINDS)
            by = random.choice((GP, NURSE))
            origin = by["organisation"]["ods"]
            some = (
                random.sample(leaves, random.randrange(1, len(leaves))) if len(leaves) > 1 else []
            )
            fields = some if random.random() < 0.5 else []
            kinds = {kind}
            unshared = entry_type == "formulation" and random.random() < 0.7
            content: dict[str, Any] = {}
            for leaf in leaves:
                hidden = {kind} if not fields or leaf in fields else {"none"}
                if unshared:
                    hidden = hidden | {"not-shared"}
                content = _put(content, leaf, self._plant(section, hidden, origin))
            if entry_type == "formulation":
                state = "discuss-first" if unshared else "shared"
                content["shared_with_person"] = {"state": state}
            paths = [*leaves, *(["shared_with_person"] if entry_type == "formulation" else [])]
            if kind != "none":
                why = {kind, "not-shared"} if unshared else {kind}
                content["visibility"] = self._visibility(kind, fields, origin, section, why)
                paths.append("visibility")
            made.append(
                history.event(
                    *(section, f"{entry_type}-made", entry_id, "created", content),
                    entry_type=entry_type,
                    fields=paths,
                    recorded_by=by,
                    contribution_id=UUID(int=random.getrandbits(128), version=4),
                )
            )
            changed = random.choice(leaves)
            hidden = kinds if not fields or changed in fields else {"none"}
            hidden = hidden | {"not-shared"} if unshared else hidden
            said = _put({}, changed, self._plant(section, hidden, origin))
            said["reason"] = self._plant(section, hidden, origin, current=False)
            made.append(
                history.event(
                    *(section, f"{entry_type}-changed", entry_id, "amended", said),
                    entry_type=entry_type,
                    fields=[changed],
                    recorded_by=random.choice((GP, NURSE)),
                    contribution_id=UUID(int=random.getrandbits(128), version=4),
                )
            )
            whole = (kinds if not fields else set()) | ({"not-shared"} if unshared else set())
            targets.append((section, entry_id, whole, origin))
            if random.random() < 0.2:
                made.append(
                    history.event(
                        *(section, f"{entry_type}-set-aside", entry_id, "withdrawn"),
                        entry_type=entry_type,
                        recorded_by=by,
                        contribution_id=UUID(int=random.getrandbits(128), version=4),
                    )
                )
        for entry_type, named in (
            ("comment", "target"),
            ("agreement", "subject"),
            ("review", "subject"),
            ("comment", "target"),
        ):
            section, about, whole, origin = random.choice(targets)
            entry_id = UUID(int=random.getrandbits(128), version=4)
            kinds = {f"{kind}@{origin}@{section}" for kind in whole | {"scope"}}
            ref = {"section": section, "entry_id": str(about)}
            words = self._plant("stewardship", kinds, "ZZL01")
            content = {named: ref, "text": words, "kind": "disagreement", "outcome": "no"}
            made.append(
                history.event(
                    *("stewardship", f"{entry_type}-made", entry_id, "created", content),
                    entry_type=entry_type,
                    recorded_by={**NURSE, "organisation": {"ods": "ZZL01", "name": "Council"}},
                    contribution_id=UUID(int=random.getrandbits(128), version=4),
                )
            )
        return made

    @property
    def postcode(self) -> str:
        """Where they live, withheld with the rest of the address."""
        return POSTCODES[self.tag != "left" and ADDRESS not in self.same]

    def _opened(self, history: History, contribution_id: UUID) -> RecordedEvent:
        content = {
            "name": {"first": "Edith", "family": "Marlow-Synth"},
            "date_of_birth": "1938-03-14",
            "sex": {"text": self._plant("person", {"sex"}, "ZZG01")},
            "addresses": [
                {"item_id": "a1", "line1": self._plant("person", {"label"}, "ZZG01"),
                 "postcode": self.postcode}
            ],
            "visibility": self._visibility("label", ["addresses"], "ZZG01", "person", {"label"}),
        }  # fmt: skip
        return history.event(
            *("person", "plan-opened", history.plan_id, "created", content),
            contribution_id=contribution_id,
        )

    def _visibility(
        self, kind: str, fields: list[str], origin: str, section: str, why: set[str]
    ) -> dict[str, Any]:
        return {
            "fields": fields,
            "labels": {"label": ["address"], "other-label": ["mental-health"]}.get(kind, []),
            "withheld_from_person": kind == "from-person",
            "third_party": kind == "third-party",
            "reason": self._plant(section, why, origin),
        }

    def _plant(self, section: str, kinds: set[str], origin: str, *, current: bool = True) -> str:
        number = len(self.planted)
        text = f"{'both' if number in self.same else self.tag}{number:04}-planted"
        self.planted.append(Planted(text, section, set(kinds), origin, current))
        return text


def _put(content: dict[str, Any], path: str, value: str) -> dict[str, Any]:
    first, _, below = path.partition(".")
    if not below:
        return {**content, first: value}
    return {**content, first: {**content.get(first, {}), below: value}}


_ENTRIES: Final = [
    ("goals", "goal", ["aim", "why"]),
    ("goals", "action", ["who", "when", "status"]),
    ("needs", "need", ["what"]),
    ("needs", "formulation", ["text"]),
    (
        "about-me",
        "about-me",
        [
            "responses.how_i_communicate",
            "responses.what_is_most_important",
            "responses.my_wellness",
        ],
    ),
    ("contingency-plans", "contingency-plan", ["triggers", "instructions"]),
]
