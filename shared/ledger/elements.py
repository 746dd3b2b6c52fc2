"""Which elements of the standard an entry, a field or a member of a value carries.

The marks stand beside what they are about, and `careplan standard coverage` follows them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

BETWEEN: Final = " > "
"""Stands between the names of a path: ``Care and support plan > Strengths``."""


@dataclass(frozen=True, init=False)
class Carries:
    """A mark in an annotation: the elements of DAPB4022 that a field or a member carries.

    Each is a path under the group that the entry stands for, or, on a member of a value, under the
    element that the value carries. ``provenance`` names the members of the provenance that carry
    elements of this field, where it has a provenance of its own.
    """

    elements: tuple[str, ...]
    provenance: Mapping[str, str] = field(hash=False)

    def __init__(self, *elements: str, provenance: Mapping[str, str] | None = None) -> None:
        object.__setattr__(self, "elements", elements)
        object.__setattr__(self, "provenance", provenance or {})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        return handler(source)


def who_and_where(**more: str) -> Mapping[str, str]:
    """What the provenance of an entry carries where the standard asks who prepared it, and where.

    ``more`` are elements that other members carry: ``stated_at="Date"``.
    """
    return MappingProxyType(
        {
            "stated_by": "Performing professional",
            "recorded_by": "Person completing record",
            "recorded_at": f"Person completing record{BETWEEN}Date completed",
            "location": "Location",
            **more,
        }
    )
