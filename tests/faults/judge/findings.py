"""What the judge has found, by kind."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["lost", "doubled", "reordered", "wrong"]
KINDS: Final[tuple[Kind, ...]] = ("lost", "doubled", "reordered", "wrong")

_SHOWN: Final = 12


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was promised."""

    kind: Kind
    text: str


@dataclass
class Findings:
    """What was found, by kind."""

    all: list[Finding] = field(default_factory=list)

    def add(self, kind: Kind, text: str) -> None:
        """One more."""
        self.all.append(Finding(kind, text))

    def unless(self, holds: bool, kind: Kind, text: str) -> None:
        """One more, where that does not hold."""
        if not holds:
            self.add(kind, text)

    def each_once(self, where: str, wanted: Iterable[Hashable], there: Iterable[Hashable]) -> None:
        """One for each thing that is missing, there twice, or there unasked."""
        wanted, told = set(wanted), Counter(list(there))
        for one in wanted - told.keys():
            self.add("lost", f"{where}: {one} is missing")
        for one, times in told.items():
            self.unless(times == 1, "doubled", f"{where}: {one} is there {times} times")
            self.unless(one in wanted, "wrong", f"{where}: {one} comes from nobody")

    def count(self, kind: Kind) -> int:
        """How many there are of a kind."""
        return sum(1 for finding in self.all if finding.kind == kind)

    def lines(self) -> list[str]:
        """The first ones, to be read."""
        told = [f"{finding.kind}: {finding.text}" for finding in self.all[:_SHOWN]]
        return told + [f"… {len(self.all) - _SHOWN} more"] * (len(self.all) > _SHOWN)
