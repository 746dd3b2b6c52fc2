"""The forms of what the plan answers about its past, with the words for each member."""

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from typing_extensions import TypedDict

from services.plan.doors.answers import (
    AsAt,
    Authored,
    EntriesWithheld,
    EntryId,
    EntryType,
    FromZero,
    Next,
    PlanId,
    PlanVersion,
    Said,
    SectionName,
    ShownEntry,
    VersionListed,
    VersionWithheld,
)
from shared.ledger import titled
from shared.ledger.provenance import OnBehalfOf, Supporter
from shared.ledger.values.shape import Shape

_What = Annotated[
    Literal["added", "changed", "removed"], titled("What", "What became of it between the two.")
]
_Leaves = Annotated[list[str], titled("Withheld", "The fields that you are not shown, by path.")]
_Before = Annotated[Any, titled("Before", "What it was; left out where there was nothing.")]
_After = Annotated[Any, titled("After", "What it is; left out where there is nothing.")]


class ItemDiffers(TypedDict):
    """An item of a list that differs."""

    item_id: Annotated[str, titled("Item", "The id of the item.")]
    what: _What
    before: NotRequired[_Before]
    after: NotRequired[_After]


class FieldDiffers(TypedDict):
    """A field that differs."""

    field: Annotated[str, titled("Field", "Its path, as `aim` or `responses.my_wellness`.")]
    what: _What
    before: NotRequired[_Before]
    after: NotRequired[_After]
    words: NotRequired[
        Annotated[
            list[Annotated[list[str], Shape(min_length=2, max_length=2)]],
            titled(
                "Words",
                "Of two texts: `=` and `-` joined are the one before, `=` and `+` the one after.",
            ),
        ]
    ]
    items: NotRequired[
        Annotated[list[ItemDiffers], titled("Items", "Of two lists whose items have ids.")]
    ]
    said: Annotated[Authored, titled("Said", "The last event that made the difference.")]


class EntryDiffers(TypedDict):
    """An entry that differs."""

    section: SectionName
    entry_id: EntryId
    entry_type: EntryType
    what: Annotated[
        Literal["added", "changed", "withdrawn", "restored"],
        titled("What", "What became of it between the two."),
    ]
    entry_versions: Annotated[
        list[FromZero],
        Shape(min_length=2, max_length=2),
        titled("Entry versions", "Its version before, 0 where it was not there, and after."),
    ]
    reason: Annotated[Any, titled("Reason", "Why the last of it was done, where anybody said so.")]
    said: Annotated[Authored, titled("Said", "The last event that made the difference.")]
    fields: Annotated[list[FieldDiffers], titled("Fields", "The fields that differ, by name.")]
    withheld: NotRequired[_Leaves]


class Point(TypedDict):
    """One side of a difference."""

    plan_version: Annotated[
        FromZero, titled("Plan version", "The highest version that counts; 0 is before the first.")
    ]
    at: Annotated[
        datetime | None,
        titled(
            "At",
            "The instant asked for, or when readers could first see the version; of a last look "
            "when that was.",
        ),
    ]
    access_id: NotRequired[
        Annotated[
            UUID | None,
            titled("Access", "Of a last look its record; null where there was none."),
        ]
    ]


Difference = TypedDict(
    "Difference",
    {
        "plan_id": PlanId,
        "from": Annotated[Point, titled("From", "The earlier plan.")],
        "to": Annotated[Point, titled("To", "The later plan.")],
        "entries": Annotated[
            list[EntryDiffers],
            titled("Entries", "What differs, in the order in which it came onto the plan."),
        ],
        "withheld": NotRequired[
            Annotated[
                list[EntriesWithheld],
                titled("Withheld", "The entries of the later plan that you are not shown."),
            ]
        ],
    },
)
"""What differs between two plans of one person."""


class Operation(TypedDict):
    """One operation of a JSON Patch (RFC 6902)."""

    op: Annotated[Literal["add", "remove", "replace"], titled("Operation", "What is to be done.")]
    path: Annotated[str, titled("Path", "Where in the earlier plan: a JSON Pointer (RFC 6901).")]
    value: NotRequired[Annotated[Any, titled("Value", "What is put there.")]]


Patch = list[Operation]
"""What makes of the earlier plan the later one."""


class EntryAlone(ShownEntry):
    """One entry of a plan, with who said what of it."""

    plan_id: PlanId
    plan_version: PlanVersion
    section: SectionName
    as_at: NotRequired[Annotated[AsAt, titled("As at", "Of which past plan it is.")]]


class EntryEvent(VersionListed):
    """One event of an entry."""

    stated_by: Said
    on_behalf_of: Annotated[
        OnBehalfOf | None, titled("On behalf of", "For whom they acted; null for nobody else.")
    ]
    supported_by: Annotated[
        Supporter | None, titled("Supported by", "Who helped the person to say it.")
    ]
    reason: Annotated[Any, titled("Reason", "Why it was done, where anybody said so.")]
    fields: Annotated[list[FieldDiffers], titled("Fields", "The fields that it changed, by name.")]
    of_the_change: NotRequired[
        Annotated[
            dict[str, Any],
            titled(
                "Of the change",
                "What else it says of the change and not of the entry, as `approved_by`; left out "
                "with the reason where something is withheld.",
            ),
        ]
    ]
    withheld: NotRequired[_Leaves]


class EntryHistory(TypedDict):
    """A page of the events of an entry, newest first."""

    items: Annotated[list[EntryEvent | VersionWithheld], titled("Items", "Those of this page.")]
    next: Next
