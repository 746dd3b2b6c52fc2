"""Links from one entry to others, each into the section that it leads to and into no other.

A type here names the section, and in ``leads_to`` the types of entries, that a field may point to.
The section is judged by shape, so any other is unreadable, and so is the name of none. Whether
there is such an entry, and of which type, no call can know: it may be in another section, so a
broken link is a finding.
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from shared.ledger.values.known import (
    NAMES_OF_OTHERS,
    fields_of,
    is_a_field,
    pattern_of_fields,
    section_names,
)
from shared.ledger.values.shape import Misshapen, Shape, value
from shared.ledger.words import titled

SECTION_NAME = r"^[a-z][a-z-]*[a-z]$"
FIELD_PATH = r"^[a-z][a-z0-9_]*(?:[./][a-z0-9_-]+)*$"

SectionName = Annotated[str, Shape(pattern=SECTION_NAME, max_length=40)]


@value
class EntryRef:
    """An entry, which its section's name belongs to: the same id in two sections is two entries."""

    leads_to: ClassVar[tuple[str, ...]] = ()

    section: Annotated[SectionName, titled("Section", "The section that it leads into.")]
    entry_id: Annotated[UUID, titled("Entry", "The id of the entry there.")]


class EachOnce:
    """Of a list of references: whoever sends it names each entry once.

    The doors ask for it and the contracts of commands say it; what is read again is not judged.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        made = handler(source)
        return {**made, "metadata": {**made.get("metadata", {}), EACH_ONCE: True}}


EACH_ONCE = "each_once"


@value
class NeedRef(EntryRef):
    """A need."""

    leads_to: ClassVar[tuple[str, ...]] = ("need",)
    section: Literal["needs"]


@value
class StrengthRef(EntryRef):
    """A strength."""

    leads_to: ClassVar[tuple[str, ...]] = ("strength",)
    section: Literal["needs"]


@value
class GoalRef(EntryRef):
    """A goal."""

    leads_to: ClassVar[tuple[str, ...]] = ("goal",)
    section: Literal["goals"]


@value
class ActionRef(EntryRef):
    """An action."""

    leads_to: ClassVar[tuple[str, ...]] = ("action",)
    section: Literal["goals"]


@value
class CareTeamRef(EntryRef):
    """An entry of the care team."""

    leads_to: ClassVar[tuple[str, ...]] = ("professional-contact", "personal-contact")
    section: Literal["care-team"]


@value
class PersonalContactRef(CareTeamRef):
    """A personal contact."""

    leads_to: ClassVar[tuple[str, ...]] = ("personal-contact",)


@value
class ProxyRef(CareTeamRef):
    """A proxy: who may act for the person."""

    leads_to: ClassVar[tuple[str, ...]] = ("proxy",)


@value
class StewardshipRef(EntryRef):
    """An entry of the stewardship of the plan: a comment."""

    leads_to: ClassVar[tuple[str, ...]] = ("comment",)
    section: Literal["stewardship"]


@value
class AgreementSubject(EntryRef):
    """What is agreed, where it is not the whole plan: a contingency plan, or a goal."""

    leads_to: ClassVar[tuple[str, ...]] = ("contingency-plan", "goal")
    section: Literal["contingency-plans", "goals"]


@value
class ReviewSubject(EntryRef):
    """What is reviewed, where it is not the whole plan."""

    leads_to: ClassVar[tuple[str, ...]] = ("about-me", "contingency-plan", "support-plan")
    section: Literal["about-me", "contingency-plans", "support-plans"]


@value
class CommentTarget:
    """What a comment is about, where it is not the whole plan: a section, an entry, or a field."""

    section: Annotated[SectionName, titled("Section", "The section that it is about.")]
    entry_id: Annotated[UUID | None, titled("Entry", "The entry that it is about.")] = None
    field: Annotated[
        Annotated[str, Shape(pattern=FIELD_PATH, max_length=255)] | None,
        titled("Field", "The field of the entry that it is about."),
    ] = None

    def __post_init__(self) -> None:
        if self.field is not None and self.entry_id is None:
            raise Misshapen("This needs the `entry_id` of the entry that has the field", "field")

    def judge_at_the_door(self) -> None:
        """Refuse a field that no entry of the section has.

        Which type of entry it is, and whether there is one, is in another section: a finding.
        """
        if self.field is not None and not is_a_field(self.section, self.field):
            named = ", ".join(f"`{one}`" for one in fields_of(self.section))
            raise Misshapen(
                f"This must be a field of {self.section}, or a part of one: {named}", "field"
            )

    @staticmethod
    def schema_at_the_door() -> dict[str, Any]:
        """JSON Schema of the same: the fields that a target may name in each section."""
        no_field: dict[str, Any] = {"properties": {"field": {"type": "null"}}}
        fields_there = [
            {
                "required": ["entry_id", "field"],
                "properties": {
                    "section": {"const": section},
                    "entry_id": {"type": "string"},
                    "field": {"type": "string", "pattern": pattern_of_fields(section)},
                },
            }
            for section in section_names()
        ]
        return {"anyOf": [no_field, *fields_there], NAMES_OF_OTHERS: True}
