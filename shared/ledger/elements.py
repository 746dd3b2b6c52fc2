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
    provenance: "InProvenance" = field(hash=False)

    def __init__(self, *elements: str, provenance: "InProvenance | None" = None) -> None:
        object.__setattr__(self, "elements", elements)
        object.__setattr__(self, "provenance", provenance or {})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        return handler(source)


InProvenance = Mapping[str, tuple[str, ...]]
"""The elements that each member of a provenance carries."""

PERFORMED: Final = "Performing professional"
"""The group of whoever did the clinical act, wherever the standard has it."""
_RECORDED: Final = "Person completing record"


def who_and_where(*, is_the_persons: bool = False, stated_at: str | None = None) -> InProvenance:
    """What a provenance carries where the standard asks who prepared something, and where.

    What only the person may say (``is_the_persons``) was prepared with them by the professional who
    wrote it down. ``stated_at`` is the element that the time of it carries.
    """
    performed, recorded = (PERFORMED,), (_RECORDED,)
    return MappingProxyType(
        {
            "stated_by": () if is_the_persons else performed,
            "recorded_by": performed + recorded if is_the_persons else recorded,
            "recorded_at": (f"{_RECORDED}{BETWEEN}Date completed",),
            "location": ("Location",),
            "stated_at": (stated_at,) if stated_at is not None else (),
        }
    )
