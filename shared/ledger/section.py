"""A section's declaration, and what follows from it: commands, events and their stable names."""

import builtins
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import cached_property
from typing import Any, get_args, get_type_hints
from uuid import UUID

from eventsourcing.utils import register_topic

from shared.ledger.entry.change import Change
from shared.ledger.entry.declared import Declared, declared_by
from shared.ledger.entry.entry import Entry
from shared.ledger.entry.events import Withdrawal, begun
from shared.ledger.entry.fields import of_the_change, wire_field
from shared.ledger.entry.rights import USUAL_LIMITS, Limits, Who
from shared.ledger.names import kebab
from shared.ledger.provenance import Provenance, ServiceRole
from shared.ledger.values.documents import Media
from shared.ledger.values.shape import KEEP
from shared.ledger.values.visibility import Visibility

TAKEN_NAMES = frozenset({"audit", "plan", "inbox", "receipts"})


@dataclass(frozen=True)
class Command:
    """A command of an entry: its wire type, and the method that decides."""

    type: str
    entry: builtins.type[Entry]
    method: str
    declared: Declared

    @property
    def creates(self) -> bool:
        """True where it makes a new entry."""
        return self.declared.creates

    @property
    def who(self) -> Who:
        """Who may use it: kinds of voices, and service roles."""
        return self.entry.may_contribute if self.declared.by is None else self.declared.by

    @property
    def opens_plan(self) -> bool:
        """True for the one command that opens a plan."""
        return self.entry.opens_plan == self.method

    @property
    def gains_access(self) -> bool:
        """True for what needs no access yet: to open a plan, to begin to see one or to go on."""
        return self.opens_plan or self.method in self.entry.gives_access

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The content it takes, by the names that its fields have outside."""
        return {wire_field(name): of for name, of in self._named.items()}

    @cached_property
    def _named(self) -> Mapping[str, inspect.Parameter]:
        return self.declared.parameters(self.entry)

    def in_python(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by the names that the rules give them."""
        if not self._named_otherwise:
            return dict(arguments)
        names = self._named_otherwise
        return {names.get(name, name): given for name, given in arguments.items()}

    @cached_property
    def _named_otherwise(self) -> Mapping[str, str]:
        return {wire_field(name): name for name in self._named if wire_field(name) != name}

    @cached_property
    def service_roles(self) -> frozenset[ServiceRole]:
        """Those that any command of its entry asks about."""
        asked = [one.by or () for _, one in _commands_of(self.entry)]
        rules = (rule for who in (*asked, self.entry.may_contribute) for rule in who)
        return frozenset(rule for rule in rules if isinstance(rule, ServiceRole))

    @cached_property
    def takes_media(self) -> bool:
        """True where pictures, sound or films may stand in its content, at any depth."""
        return any(_names_media(p.annotation, set()) for p in self.parameters.values())

    def begins_again(
        self, held: Entry, plan_id: UUID, said: Mapping[str, Any] | None = None
    ) -> bool:
        """True where the entry that is there may be begun again: this plan's one, in error."""
        return (
            held.is_in_error
            and isinstance(held, self.entry)
            and held.plan_id == plan_id
            and self.entry.id_following_from(plan_id, said or {}) is not None
        )

    def create(
        self,
        provenance: Provenance,
        granted: frozenset[str],
        arguments: Mapping[str, Any],
        visibility: Visibility | None = None,
        before: Entry | None = None,
        *,
        limits: Limits = USUAL_LIMITS,
    ) -> Entry:
        """The new entry, withheld from the start where the contribution says so.

        ``before`` is the entry of the same id that was marked in error, and is begun again.
        """
        decide = getattr(self.entry, self.method)
        outside = self._from_outside(granted, limits)
        entry: Entry = decide(provenance=provenance, **outside, **self.in_python(arguments))
        if visibility is None and before is None:
            return entry
        return begun(entry, visibility, provenance, before)

    def change(
        self,
        entry: Entry,
        provenance: Provenance,
        granted: frozenset[str],
        arguments: Mapping[str, Any],
        read: Entry | None = None,
        *,
        limits: Limits = USUAL_LIMITS,
    ) -> None:
        """Ask the entry; what it decides is among its pending events.

        ``read`` is the other entry that the decision rests on, where the command names one.
        """
        decide = getattr(entry, self.method)
        beside = {} if self.declared.reads is None else {"read": read}
        outside = self._from_outside(granted, limits)
        decide(provenance=provenance, **outside, **beside, **self.in_python(arguments))

    def reads(self, arguments: Mapping[str, Any]) -> UUID | None:
        """The other entry that the decision rests on, where the command names one."""
        named = None if self.declared.reads is None else arguments[self.declared.reads]
        return named if isinstance(named, UUID) else None

    def _from_outside(self, granted: frozenset[str], limits: Limits) -> dict[str, Any]:
        """The contributor's service roles and the deployment's limits, where its rules ask."""
        told = {"granted": granted, "limits": limits}
        return {name: told[name] for name in self.declared.asks_for}

    @property
    def only_where(self) -> Mapping[str, tuple[str, str]]:
        """Fields that may be given only where another one has this value."""
        event = self.declared.event
        return event.only_where if event is not None else {}

    @cached_property
    def is_empty_without_change(self) -> bool:
        """True where a content that names no field would change nothing.

        Whatever takes the entry out or puts it back does so, also where it names none.
        """
        event = self.declared.event
        if event is not None and event.change is not Change.AMENDED:
            return False
        kept = {name for name, p in self.parameters.items() if p.default is KEEP}
        return bool(kept) and not self.parameters.keys() - kept - {"reason"}


@dataclass(frozen=True)
class Section:
    """One section of the plan: its name, its title, and the entries it owns.

    Declaring it gives every event and entry class its stable topic, before any event exists. Two
    events with one wire name, or a name that Kafka's topics need, stop it with ``ValueError``.
    """

    name: str
    title: str
    entries: tuple[type[Entry], ...]
    commands: Mapping[str, Command] = field(init=False)
    events: Mapping[str, type[Entry.Event]] = field(init=False)

    def __post_init__(self) -> None:
        if self.wire_name in TAKEN_NAMES:
            raise ValueError(f"the name {self.wire_name!r} is taken on Kafka")
        commands: dict[str, Command] = {}
        events: dict[str, type[Entry.Event]] = {}
        for entry in self.entries:
            self._name_entry(entry)
            _must_be_declared(entry)
            for event in _events_of(entry):
                _add(events, self.event_type(entry, event), event)
            for method, declared in _commands_of(entry):
                _must_be_whole(entry, method, declared)
                type_ = self.command_type(entry, method)
                _add(commands, type_, Command(type_, entry, method, declared))
        for topic, event in events.items():
            event.TOPIC = topic  # type: ignore[attr-defined]
            event.not_fields = of_the_change(event)
            event.beside = tuple(_events_of(self._owners[topic]))
            register_topic(topic, event)
        object.__setattr__(self, "commands", commands)
        object.__setattr__(self, "events", events)

    @property
    def wire_name(self) -> str:
        """Its name in types and topics: kebab-case."""
        return kebab(self.name)

    def entry_type(self, entry: type[Entry]) -> str:
        """``stage-goal``."""
        return kebab(entry.__name__)

    def event_type(self, entry: type[Entry], event: type[Entry.Event]) -> str:
        """``careplan.goals.agreed.v1``, ``careplan.goals.action-planned.v1``."""
        name = self._with_entry(entry, event.wire_name or event.__name__)
        return f"careplan.{self.wire_name}.{name}.v{event.major}"

    def command_type(self, entry: type[Entry], method: str) -> str:
        """``careplan.goals.commands.set-aside.v1``."""
        declared = dict(_commands_of(entry))[method]
        name = self._with_entry(entry, declared.wire_name or method)
        return f"careplan.{self.wire_name}.commands.{name}.v{declared.major}"

    def entry_of_event(self, type_: str) -> type[Entry]:
        """The entry class whose event this is."""
        return self._owners[type_]

    @cached_property
    def _owners(self) -> Mapping[str, type[Entry]]:
        return {
            self.event_type(entry, event): entry
            for entry in self.entries
            for event in _events_of(entry)
        }

    def _with_entry(self, entry: type[Entry], name: str) -> str:
        entry_name = self.entry_type(entry)
        gives_the_name = self.wire_name in (entry_name, f"{entry_name}s")
        return kebab(name) if gives_the_name else f"{entry_name}-{kebab(name)}"

    def _name_entry(self, entry: type[Entry]) -> None:
        topic = f"careplan.{self.wire_name}.entries.{self.entry_type(entry)}"
        entry.TOPIC = topic  # type: ignore[attr-defined]
        register_topic(topic, entry)


def _names_media(hint: Any, seen: set[Any]) -> bool:
    if hint is Media:
        return True
    within = get_args(hint)
    if isinstance(hint, type) and is_dataclass(hint) and hint not in seen:
        seen.add(hint)
        within = tuple(get_type_hints(hint).values())
    return any(_names_media(one, seen) for one in within)


def _add(found: dict[str, Any], type_: str, item: Any) -> None:
    if type_ in found:
        raise ValueError(f"{type_} would be two things")
    found[type_] = item


def _events_of(entry: type[Entry]) -> Iterator[type[Entry.Event]]:
    for name in dir(entry):
        member = getattr(entry, name)
        # The library adds an Event and a Created class to every aggregate; neither has a change.
        if (
            isinstance(member, type)
            and issubclass(member, Entry.Event)
            and isinstance(getattr(member, "change", None), Change)
        ):
            yield member


def _commands_of(entry: type[Entry]) -> Iterator[tuple[str, Declared]]:
    for name in dir(entry):
        declared = declared_by(inspect.getattr_static(entry, name))
        if declared is not None:
            yield name, declared


def _must_be_declared(entry: type[Entry]) -> None:
    """A method that takes what a command takes is one, or is nobody's to call."""
    for name in dir(entry):
        member = inspect.getattr_static(entry, name)
        if name.startswith("_") or hasattr(Entry, name) or declared_by(member) is not None:
            continue
        method = getattr(member, "__func__", member)
        takes = inspect.signature(method).parameters if inspect.isfunction(method) else {}
        event = takes["said"].annotation if "said" in takes else None
        judges_an_event = isinstance(event, type) and issubclass(event, Entry.Event)
        if judges_an_event or "provenance" in takes:
            raise ValueError(
                f"{entry.__name__}.{name} is no command: declare it, or call it _{name}"
            )


def _must_be_whole(entry: type[Entry], method: str, declared: Declared) -> None:
    """A command that is refused while the entry is out, or in, needs the code for it."""
    leaves = declared.event is not None and issubclass(declared.event, Withdrawal)
    for needed, code in ((leaves, "already_out"), (declared.puts_back, "not_out")):
        if needed and not hasattr(entry, code):
            raise ValueError(f"{entry.__name__}.{method} needs {entry.__name__}.{code}, a Refusal")
