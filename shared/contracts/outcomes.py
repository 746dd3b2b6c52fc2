"""What a command leads to: its event, and its refusals. Read from its declaration and rules."""

import inspect
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, Final

from shared.chassis.wire.problem import title_of
from shared.ledger import REASON_MISSING, Command, Entry, Refusal, Section
from shared.ledger.entry.declared import declared_by
from shared.ledger.entry.fields import needed_reasons
from shared.ledger.entry.origins import Origins
from shared.ledger.entry.restrictions import judge_visibility

OF_ANY_COMMAND: Final = (
    "role-may-not-contribute",
    "not-permitted",
    "organisation-claim-differs",
    "contribution-id-reused",
    "plan-unknown",
    "plan-not-open",
    "no-live-relationship",
    "proxy-not-live",
    "stated-in-the-future",
)
OF_ANY_CHANGE: Final = (
    "entry-unknown",
    "withheld",
    "base-version-missing",
    "base-version-stale",
    "entry-entered-in-error",
)
OF_MEDIA: Final = ("media-unknown", "media-differ", "media-quarantined", "media-infected")
_OURS: Final = ("services.", "shared.ledger.")


def refused_to_all() -> dict[str, str]:
    """What every contribution can be refused with, whatever its command: titles by code."""
    return {code: title_of(code) for code in OF_ANY_COMMAND}


def refused_to_changes() -> dict[str, str]:
    """What besides any change of an entry can be refused with: titles by code."""
    return {code: title_of(code) for code in OF_ANY_CHANGE}


def recorded_by(section: Section, command: Command) -> list[str]:
    """The types of the events that a command can record."""
    declared, entry = command.declared, command.entry
    rules = getattr(inspect.unwrap(declared.rules), "__code__", None)
    names = set() if rules is None else {*_names_in(rules)}
    if declared.event is not None:
        names.add(declared.event.__name__)
    types = {one.__name__: type_ for type_, one in section.events.items() if _is_of(entry, one)}
    return sorted(types[name] for name in names & types.keys())


def _is_of(entry: type[Entry], event: type[Entry.Event]) -> bool:
    return getattr(entry, event.__name__, None) is event


def refusals_of(command: Command) -> dict[str, str]:
    """What the rules of a command can refuse it with: what would be right, by code.

    What any command is refused with is not among them. The rules are followed into what they call,
    so a refusal of a branch that this command never takes may be there; none that it can give is
    missing.
    """
    every = {*OF_ANY_COMMAND, *OF_ANY_CHANGE}
    found = {one.code: one.detail for one in _of(command) if one.code not in every}
    if command.takes_media:
        found |= {code: title_of(code) for code in OF_MEDIA}
    return dict(sorted(found.items()))


def _of(command: Command) -> Iterator[Refusal]:
    yield from _of_what_is_declared(command)
    seen: set[CodeType] = set()
    for rules in _rules_of(command):
        yield from _within(rules, command.entry, seen)


def _of_what_is_declared(command: Command) -> Iterator[Refusal]:
    """What follows from the words of the declaration, without the rules of its method."""
    declared, entry = command.declared, command.entry
    if command.creates:
        yield entry.already_exists
    if entry.unique_keys is not Entry.unique_keys:
        yield entry.key_taken
    if declared.event is not None and needed_reasons(getattr(entry, declared.event.__name__)):
        yield REASON_MISSING
    if declared.is_common:
        return
    yield from filter(None, (declared.persons or entry.persons,))
    if command.creates:
        return
    yield from filter(None, (entry.owners,))
    if declared.puts_back:
        yield entry.not_out
    elif not declared.while_out and hasattr(entry, "already_out"):
        yield entry.already_out


def _rules_of(command: Command) -> Iterator[Any]:
    """Whatever judges a contribution of this command: its method, and what is asked around it."""
    declared, entry = command.declared, command.entry
    yield declared.rules
    if declared.event is not None:
        yield from vars(getattr(entry, declared.event.__name__)).values()
    if command.creates:
        yield judge_visibility
        if entry.judge_again is not Entry.judge_again:
            yield entry.judge_again
    elif not declared.is_common:
        yield entry.judge_every_change
        if declared.of_origin:
            yield entry.must_be_origin


def _within(function: Any, entry: type[Entry], seen: set[CodeType]) -> Iterator[Refusal]:
    """The refusals that a function names, and those of every function of ours that it calls."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(function, FunctionType) or not function.__module__.startswith(_OURS):
        return
    if function.__code__ in seen:
        return
    seen.add(function.__code__)
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield from _named(default)
    closed_over = inspect.getclosurevars(function).nonlocals.values()
    for value in closed_over:
        yield from _named(value)
        yield from _within(value, entry, seen)
    for name in _names_in(function.__code__):
        value = function.__globals__.get(name)
        yield from _named(value)
        yield from _within(value, entry, seen)
        for kind in (entry, Origins):  # what an entry keeps of its fields judges them as well
            member = inspect.getattr_static(kind, name, None)
            if declared_by(member) is None:
                yield from _named(member)
                yield from _within(_function_of(member), entry, seen)


def _function_of(member: Any) -> Any:
    return member.fget if isinstance(member, property) else member


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _named(value: Any) -> Iterator[Refusal]:
    if isinstance(value, Refusal):
        yield value
    elif isinstance(value, Mapping):
        yield from (one for one in value.values() if isinstance(one, Refusal))
    elif isinstance(value, tuple | list | frozenset):
        yield from (one for one in value if isinstance(one, Refusal))
