"""What somebody needs of an entry in an emergency, declared on its class."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class InAnEmergency:
    """The ``fields`` that are shown then, by their paths; all of them where none is named.

    With ``where`` only those entries count of which each field that it names has one of its values;
    with ``labels`` only those that bear one of them. ``stays`` is true where an entry that was
    taken out is still shown, apart from the others: what was dangerous once tells most of what may
    be dangerous now.
    """

    fields: tuple[str, ...] = ()
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, hash=False)
    labels: tuple[str, ...] = ()
    stays: bool = False

    def shows(self, path: str) -> bool:
        """True for a field that is shown, and for one below it."""
        return not self.fields or any(
            path == name or path.startswith(f"{name}.") for name in self.fields
        )

    def is_about(self, content: Mapping[str, Any], labels: Collection[str] = ()) -> bool:
        """True of an entry with this content that bears these labels."""
        has_its_values = all(content.get(name) in values for name, values in self.where.items())
        return has_its_values and (not self.labels or any(one in labels for one in self.labels))
