"""The fields of events: which belong to the entry, which to the change, and which nobody sends."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache
from inspect import Parameter
from typing import Annotated, Any, Final, get_args, get_type_hints

from shared.ledger.errors import need_reason
from shared.ledger.words import Titled, titled

ENVELOPE: Final = frozenset(
    {
        "originator_id",
        "originator_version",
        "originator_topic",
        "timestamp",
        "provenance",
        "visibility",
    }
)
"""What an event has beside its content. ``visibility`` stands beside the content as well."""


@dataclass(frozen=True)
class OfTheChange:
    """Marks a field that says something of the change, and is no field of the entry.

    Of a ``reason`` that is needed, a command is refused without it, and not unreadable.
    """

    is_reason: bool = False


@dataclass(frozen=True)
class Derived:
    """Marks a field that no command takes: the rules set it, and it is ``None`` until they do."""


OF_THE_CHANGE: Final = OfTheChange()
DERIVED: Final = Derived()

ChangeReason = Annotated[
    str, OfTheChange(is_reason=True), titled("Reason", "Why this was done, in plain words.")
]
"""Why a change is made: where the event has it without a default, ``reason-missing`` without it."""


def wire_field(name: str) -> str:
    """What a field is called outside Python: ``with_`` is ``with``, a word that Python needs."""
    return name.removesuffix("_")


def marks_of(hint: Any) -> Iterator[Any]:
    """What the annotations of a type say, those of its choices among them."""
    for part in get_args(hint):
        if get_args(part):
            yield from marks_of(part)
        elif not isinstance(part, type):
            yield part
    yield from getattr(hint, "__metadata__", ())


def is_marked(hint: Any, kind: type[Any]) -> bool:
    """True where an annotation of the type is of that kind."""
    return any(isinstance(mark, kind) for mark in marks_of(hint))


@cache
def hints_of(event: Any) -> Mapping[str, Any]:
    """The annotations of an event's fields, but for its envelope."""
    hints = get_type_hints(event, include_extras=True)
    return {one.name: hints[one.name] for one in fields(event) if one.name not in ENVELOPE}


@cache
def of_the_change(event: Any) -> frozenset[str]:
    """The fields of an event that are no fields of its entry, as they are called outside."""
    found = (name for name, hint in hints_of(event).items() if is_marked(hint, OfTheChange))
    return frozenset(map(wire_field, found))


@cache
def needed_reasons(event: Any) -> frozenset[str]:
    """The reasons that the event cannot be without."""
    return frozenset(
        one.name
        for one in fields(event)
        if one.name in of_the_change(event)
        and one.default is MISSING
        and OfTheChange(is_reason=True) in marks_of(hints_of(event)[one.name])
    )


@cache
def taken_by_a_command(event: Any) -> Mapping[str, Parameter]:
    """The content of the command whose event this is: every field that nobody derives."""
    defaults = {one.name: one.default for one in fields(event)}
    made: dict[str, Parameter] = {}
    for name, hint in hints_of(event).items():
        if is_marked(hint, Derived):
            continue
        annotation, default = hint, defaults[name]
        if name in needed_reasons(event):
            annotation, default = _needed(hint), None
        made[name] = Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if default is MISSING else default,
            annotation=annotation,
        )
    return made


def _needed(reason: Any) -> Any:
    """A reason as a command takes it: the shape lets it be left out, and the rule does not."""
    marks = tuple(map(_saying_that_it_is_needed, reason.__metadata__))
    return Annotated[reason.__origin__, *marks] | None


def _saying_that_it_is_needed(mark: Any) -> Any:
    if not isinstance(mark, Titled):
        return mark
    words = f"{mark.description.rstrip('.')}. Nobody may leave it out (`reason-missing`)."
    return replace(mark, description=words)


def event_said(event: Any, given: Mapping[str, Any]) -> Any:
    """The event as it would be recorded, for the rules; ``reason-missing`` where it needs one."""
    reasons = {name: need_reason(given.get(name), name) for name in needed_reasons(event)}
    return event(**{**_to_be_set(event), **given, **reasons}, timestamp=datetime.now(UTC))


@cache
def _to_be_set(event: Any) -> Mapping[str, None]:
    hints = hints_of(event)
    unset = (one.name for one in fields(event) if one.default is MISSING)
    return {name: None for name in unset if name in hints and is_marked(hints[name], Derived)}
