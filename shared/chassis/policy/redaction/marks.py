"""What of an entry is withheld from a reader, and by which rule: pure, and by the marks of today.

A restriction that names leaves withholds those, one that names none the whole entry. What was said
about a thing (a comment, an agreement, a review) is withheld with the thing that it is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from shared.chassis.policy.sees import Reader, Sees
from shared.ledger import Visibility

VISIBILITY: Final = "visibility"
SHARED: Final = "shared_with_person"
_IS_SHARED: Final = "shared"
_FORMULATION: Final = "formulation"
_SPEAKS_OF: Final = {"comment": "target", "agreement": "subject", "review": "subject"}
"""The field by which an entry of each of these types names what it is about."""
MARKING: Final = frozenset({VISIBILITY, SHARED, *_SPEAKS_OF.values()})
"""The fields of a content that access to it rests on."""

SEX: Final = "sex"
_PERSON: Final = ("person", "person")


class Rule(StrEnum):
    """Why something is withheld, as the record of an access says it."""

    SCOPE = "scope"
    OBJECTION = "objection"
    LABEL = "label"
    FROM_PERSON = "from-person"
    NOT_SHARED = "not-shared"
    THIRD_PARTY = "third-party"
    SEX = "sex"


@dataclass(frozen=True, slots=True)
class Marks:
    """What access to one entry rests on, beside who reads; ``about`` is what it speaks of.

    ``origin`` is the organisation that recorded it first, ``None`` where nobody can tell.
    """

    section: str
    entry_type: str
    origin: str | None = None
    visibility: Visibility | None = None
    is_shared: bool = True
    about: Mapping[str, Any] | None = None

    @property
    def tell_readers_apart(self) -> bool:
        """True where not everybody who sees the section sees all of the entry."""
        return (
            self.visibility is not None
            or not self.is_shared
            or self.about is not None
            or self.is_the_persons
        )

    @property
    def is_the_persons(self) -> bool:
        """True of the entry that tells who the person is."""
        return (self.section, self.entry_type) == _PERSON


@dataclass(frozen=True, slots=True)
class Withheld:
    """What of an entry is withheld: all of it by ``rule``, or ``leaves``, each by a rule.

    ``mark`` is true where its restriction goes with what it withholds. ``by_itself`` is false where
    an entry is withheld because of what it is about.
    """

    rule: Rule | None = None
    leaves: Mapping[str, Rule] = field(default_factory=dict)
    mark: bool = False
    by_itself: bool = True

    def __bool__(self) -> bool:
        return self.rule is not None or bool(self.leaves)

    def within(self, shown: Callable[[str], bool]) -> "Withheld":
        """What of it concerns the leaves for which that is true."""
        leaves = {leaf: rule for leaf, rule in self.leaves.items() if shown(leaf)}
        return replace(self, leaves=leaves)

    def hides(self, leaf: str) -> bool:
        """True for a leaf that is withheld, for one below it, and for the restriction itself."""
        if self.rule is not None:
            return True
        first, _, below = leaf.partition(".")
        return (
            leaf in self.leaves
            or first in self.leaves
            or (self.mark and first == VISIBILITY)
            or (bool(below) and any(leaf.startswith(f"{name}.") for name in self.leaves))
        )


NOTHING: Final = Withheld()


def marks_of(
    section: str, entry_type: str, origin: str | None, content: Mapping[str, Any]
) -> Marks:
    """The marks of an entry from its content as the plan shows it.

    A restriction that cannot be read withholds the whole entry from all but its origin.
    """
    shared = content.get(SHARED)
    named = _SPEAKS_OF.get(entry_type)
    about = content.get(named) if named is not None else None
    return Marks(
        section,
        entry_type,
        origin,
        _visibility(content.get(VISIBILITY)),
        (shared is None and entry_type != _FORMULATION)
        or (isinstance(shared, Mapping) and shared.get("state") == _IS_SHARED),
        about if isinstance(about, Mapping) else None,
    )


def withheld_of(sees: Sees, marks: Marks) -> Withheld:
    """What of an entry is withheld from a reader by its own marks, whatever it is about."""
    rule = withheld_section(sees, marks.section)
    if rule is None and not marks.is_shared and sees.reader is not Reader.ORGANISATION:
        rule = Rule.NOT_SHARED
    if rule is not None:
        return Withheld(rule, mark=True)
    leaves: dict[str, Rule] = {}
    visibility = marks.visibility
    rule = _restricted(sees, marks, visibility) if visibility is not None else None
    if rule is not None and visibility is not None:
        if not visibility.fields:
            return Withheld(rule, mark=True)
        leaves = dict.fromkeys(visibility.fields, rule)
    if marks.is_the_persons and not sees.sex:
        leaves = {**leaves, SEX: Rule.SEX}
    return Withheld(leaves=leaves, mark=rule is not None) if leaves else NOTHING


def withheld_section(sees: Sees, section: str) -> Rule | None:
    """Why a reader sees nothing of a section; ``None`` where they see of it what is not marked."""
    if section in sees.objected:
        return Rule.OBJECTION
    return None if sees.covers(section) else Rule.SCOPE


def _restricted(sees: Sees, marks: Marks, visibility: Visibility) -> Rule | None:
    if sees.reader is Reader.PERSON:
        return Rule.FROM_PERSON if visibility.withheld_from_person else None
    if sees.reader is Reader.PROXY and visibility.withheld_from_person:
        return Rule.FROM_PERSON
    is_of_origin = marks.origin is not None and sees.organisation == marks.origin
    if visibility is _UNREADABLE:
        return None if is_of_origin else Rule.LABEL
    is_labelled = bool(visibility.labels) and not is_of_origin
    if is_labelled and not sees.has_labels(marks.section, visibility.labels):
        return Rule.LABEL
    if visibility.third_party and not sees.third_party:
        return Rule.THIRD_PARTY
    return None


def _visibility(given: Any) -> Visibility | None:
    if not given:
        return None
    if not isinstance(given, Mapping):
        return _UNREADABLE
    fields, labels = given.get("fields") or (), given.get("labels") or ()
    names = [*fields, *labels] if _are_lists(fields, labels) else [None]
    if not all(isinstance(name, str) for name in names):
        return _UNREADABLE
    return Visibility(
        tuple(fields),
        tuple(labels),
        bool(given.get("withheld_from_person")),
        bool(given.get("third_party")),
    )


def _are_lists(*given: Any) -> bool:
    return all(isinstance(one, (list, tuple)) for one in given)


_UNREADABLE: Final = Visibility(withheld_from_person=True)
