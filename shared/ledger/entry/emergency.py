"""What somebody needs of an entry in an emergency, declared on its class."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class InAnEmergency:
    """The ``fields`` that are shown then, by their paths; all of them where none is named.

    With ``where`` only those entries count of which each field that it names has one of its values.
    """

    fields: tuple[str, ...] = ()
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, hash=False)

    def shows(self, path: str) -> bool:
        """True for a field that is shown, and for one below it."""
        return not self.fields or any(
            path == name or path.startswith(f"{name}.") for name in self.fields
        )

    def is_about(self, content: Mapping[str, Any]) -> bool:
        """True of an entry with this content."""
        return all(content.get(name) in values for name, values in self.where.items())
