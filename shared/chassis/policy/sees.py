"""What a reader may see of a plan that is open to them: pure, and by the rules of today."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from shared.chassis.policy.access import Scope


class Reader(Enum):
    """In which place somebody reads."""

    PERSON = "person"
    PROXY = "proxy"
    ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True)
class Sees:
    """What one reader sees, and what is withheld from them.

    ``scopes`` are those of the relationships or Proxies that are live; each stands for itself, so
    a label of the one opens nothing that only another covers. ``objected`` are the sections that
    the person does not want them to see. ``restricting`` are the labels that limit who sees
    something, ``None`` where every label does. ``sex`` is true for roles of a setting, and
    ``third_party`` where they see what is about somebody else than the person.
    """

    reader: Reader
    organisation: str | None = None
    role: str | None = None
    scopes: tuple[Scope, ...] = ()
    objected: frozenset[str] = frozenset()
    restricting: frozenset[str] | None = None
    sex: bool = False
    third_party: bool = False

    def covers(self, section: str) -> bool:
        """True where a scope covers the section, named as on the wire; objections aside."""
        return any(one.covers(section) for one in self.scopes)

    def has_labels(self, section: str, labels: Iterable[str]) -> bool:
        """True where one scope covers the section and has all of these labels that restrict."""
        needed = frozenset(labels)
        if self.restricting is not None:
            needed &= self.restricting
        return any(one.covers(section) and needed <= one.labels for one in self.scopes)
