"""How an entry declares its commands: which event each leads to, who may use it, and its words.

A command is a method with the rules alone. It is given the event as it would be recorded, and
raises ``Refused`` where that may not be; it may give back another in its place.

    @changes(Reworded, "Reword a goal")
    def reword(self, said: Reworded) -> None:
        \"\"\"Say it better.\"\"\"
        must_say_something(said.aim, NEEDS_AN_AIM, "aim")
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MethodType
from typing import Any, Final, TypeVar, cast

from eventsourcing.utils import get_topic

from shared.ledger.entry.checks import must_be_own_organisation, must_be_the_persons
from shared.ledger.entry.fields import event_said, taken_by_a_command
from shared.ledger.entry.rights import FROM_OUTSIDE, Who, in_words
from shared.ledger.errors import Refusal, Refused
from shared.ledger.provenance import Provenance
from shared.ledger.words import Titled, sentence, titled

Rules = Callable[..., Any]
EventT = TypeVar("EventT")
OwnerT = TypeVar("OwnerT")
Declares = Callable[[Rules], Callable[..., Any]]

_TOLD: Final = frozenset({"self", "cls", "said", "provenance", "read", *FROM_OUTSIDE})


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a command's declaration says; ``event`` is ``None`` where its signature says it.

    ``by`` are the kinds of voices and the service roles that may use it, ``None`` for those of its
    entry. One that is ``persons`` is said by the person or on their behalf, and refused with that
    to all others; one ``of_origin`` is said by whoever recorded the entry. Those ``while_out`` are
    taken of an entry that was taken out of the plan as well. ``reads`` is the parameter that names
    another entry of the section: its rules are given it as ``read``, or ``None``, and what they
    decide is stored only if that one is still as it was.
    """

    titled: Titled
    rules: Rules
    event: type[Any] | None = None
    by: Who | None = None
    persons: Refusal | None = None
    of_origin: bool = False
    creates: bool = False
    while_out: bool = False
    puts_back: bool = False
    reads: str | None = None
    is_common: bool = False
    wire_name: str | None = None
    major: int = 1

    @cached_property
    def asks_for(self) -> frozenset[str]:
        """What its rules ask for beside the content: service roles, or a deployment's limits."""
        return frozenset(inspect.signature(self.rules).parameters) & FROM_OUTSIDE.keys()

    @cached_property
    def beside(self) -> Mapping[str, inspect.Parameter]:
        """What it takes that its event does not have: what its rules ask for by name."""
        signature = inspect.signature(self.rules, eval_str=True)
        return {name: of for name, of in signature.parameters.items() if name not in _TOLD}

    def parameters(self, entry: type[Any]) -> Mapping[str, inspect.Parameter]:
        """The content it takes: what its rules ask for, and the fields of its event."""
        if self.event is None:
            return self.beside
        return {**self.beside, **taken_by_a_command(getattr(entry, self.event.__name__))}

    def judge(
        self,
        kind: type[Any],
        place: Mapping[str, Any],
        about: tuple[Any, ...],
        given: Mapping[str, Any],
    ) -> Any:
        """The event to be recorded; raises ``Refused`` where the rules say no."""
        beside = {name: given[name] for name in given if name in self.beside}
        for name in self.asks_for:
            beside[name] = given.get(name, FROM_OUTSIDE[name])
        if self.reads is not None:
            beside["read"] = given.get("read")
        content = {name: given[name] for name in given if name not in beside}
        said = event_said(kind, {**content, **place})
        made = self.rules(*about, said, **beside)
        return said if made is None else made

    def judge_voice(self, entry: Any, provenance: Provenance) -> None:
        """Refuse another voice than the person's, where the command or its entry is theirs."""
        persons = self.persons or entry.persons
        if persons is not None:
            must_be_the_persons(provenance, persons, "provenance.stated_by")

    def judge_change(self, entry: Any, provenance: Provenance) -> None:
        """Refuse what an entry does not take as it stands, or not from them."""
        if self.is_common:
            return
        if self.puts_back and not entry.is_out:
            raise Refused(entry.not_out)
        if entry.is_out and not (self.puts_back or self.while_out):
            raise Refused(entry.already_out)
        self.judge_voice(entry, provenance)
        if self.of_origin:
            entry.must_be_origin(provenance)
        if entry.owners is not None:
            must_be_own_organisation(provenance, entry.owner, entry.owners, None)
        entry.judge_every_change(provenance)

    def who_in_words(self, entry: Any) -> str:
        """Who may use it, and whose word it has to be: sentences for its contract."""
        who = entry.may_contribute if self.by is None else self.by
        said = [f"May be used by {in_words(who)}."]
        if not self.is_common and (self.persons or entry.persons):
            said.append("Only in the person's voice: stated by them, or on their behalf.")
        if self.of_origin:
            said.append(
                "Only by its origin: the organisation that recorded the entry, or the person."
            )
        if not (self.is_common or self.creates) and entry.owners:
            said.append("Only by the organisation that owns the entry.")
        return " ".join(said)


class Creating:
    """A command that creates: called on a class, it makes an entry of that class."""

    def __init__(self, decide: Callable[..., Any]) -> None:
        self.decide = decide
        self.declared = declared_by(decide)

    def __get__(self, instance: object, owner: type[OwnerT]) -> Callable[..., OwnerT]:
        return MethodType(self.decide, owner)


def creates(
    event: type[EventT],
    title: str,
    *,
    by: Who | None = None,
    persons: Refusal | None = None,
    major: int = 1,
    of: str | None = None,
) -> Callable[[Rules], Creating]:
    """Declares a static method as the rules of a command that creates an entry by this event.

    ``by`` says who may use it; with ``persons`` it is refused to all but the person, whom somebody
    may act for. ``major`` and ``of`` make it the major version of another command.
    """
    said = {"event": event, "by": by, "persons": persons, "major": major, "wire_name": of}

    def declare(method: Rules) -> Creating:
        declared = _declared(method, title, creates=True, **said)

        def decide(cls: Any, provenance: Provenance, **given: Any) -> Any:
            declared.judge_voice(cls, provenance)
            kind = getattr(cls, event.__name__)
            place = {
                "provenance": provenance,
                "originator_id": provenance.entry_id,
                "originator_version": 1,
                "originator_topic": get_topic(cls),
            }
            created = declared.judge(kind, place, (), given)
            entry = created.mutate(None)
            entry.pending_events.append(created)
            return entry

        return Creating(_named(decide, declared))

    return declare


def changes(
    event: type[EventT],
    title: str,
    *,
    by: Who | None = None,
    persons: Refusal | None = None,
    of_origin: bool = False,
    while_out: bool = False,
    reads: str | None = None,
    major: int = 1,
    of: str | None = None,
) -> Declares:
    """Declares a method as the rules of a command that changes an entry by this event.

    ``by`` says who may use it; with ``persons`` it is refused to all but the person, whom somebody
    may act for, ``of_origin`` to all but whoever recorded the entry. ``while_out`` is for what an
    entry takes even while it is out of the plan. ``reads`` names the parameter that is the id of
    another entry, which the rules are given as ``read``. ``major`` and ``of`` make it the major
    version of another command.
    """
    said: dict[str, Any] = {"by": by, "persons": persons, "of_origin": of_origin, "reads": reads}
    return _changing(event, title, **said, while_out=while_out, major=major, wire_name=of)


def withdraws(
    event: type[EventT], title: str, *, by: Who | None = None, persons: Refusal | None = None
) -> Declares:
    """Declares a command that takes the entry out of the plan.

    From then on the base refuses every other command of it with ``already_out`` of the entry, but
    for those that every entry has, the one that puts it back, and those declared ``while_out``.
    """
    return _changing(event, title, by=by, persons=persons)


def restores(
    event: type[EventT], title: str, *, by: Who | None = None, persons: Refusal | None = None
) -> Declares:
    """Declares the command that puts it back; ``not_out`` of the entry where it is in the plan."""
    return _changing(event, title, by=by, persons=persons, puts_back=True)


def command(
    title: str,
    *,
    by: Who | None = None,
    while_out: bool = False,
    major: int = 1,
    of: str | None = None,
) -> Callable[[Rules], Any]:
    """Declares a method as a command that takes something else than its event has.

    Its signature is the content, after ``provenance``; it triggers its event itself. A class method
    creates. ``major`` and ``of`` make it the major version of another command.
    """
    said = {"by": by, "while_out": while_out, "major": major, "wire_name": of}

    def declare(method: Rules) -> Any:
        is_of_the_class = isinstance(method, classmethod)
        return _by_itself(_declared(method, title, creates=is_of_the_class, **said))

    return declare


def common(title: str, *, by: Who) -> Declares:
    """Declares a command that every entry has, whatever its own rules say."""
    return lambda method: _by_itself(_declared(method, title, by=by, is_common=True))


def declared_by(method: Any) -> Declared | None:
    """What the declaration of a method says; ``None`` where it is no command."""
    found = getattr(method, "declared", None)
    return found if isinstance(found, Declared) else None


def _changing(event: type[Any], title: str, **said: Any) -> Declares:
    def declare(method: Rules) -> Callable[..., Any]:
        declared = _declared(method, title, event=event, **said)

        def decide(self: Any, provenance: Provenance, **given: Any) -> None:
            declared.judge_change(self, provenance)
            kind = getattr(self, event.__name__)
            place = {
                "provenance": provenance,
                "originator_id": self.id,
                "originator_version": self.version + 1,
            }
            changed = declared.judge(kind, place, (self,), given)
            changed.mutate(self)
            self.pending_events.append(changed)

        return _named(decide, declared)

    return declare


def _by_itself(declared: Declared) -> Any:
    def create(cls: Any, provenance: Provenance, **given: Any) -> Any:
        return declared.rules(cls, provenance, **given)

    def change(self: Any, provenance: Provenance, **given: Any) -> None:
        declared.judge_change(self, provenance)
        declared.rules(self, provenance, **given)

    if declared.creates:
        return Creating(_named(create, declared))
    return _named(change, declared)


def _declared(method: Any, title: str, **said: Any) -> Declared:
    rules = getattr(method, "__func__", method)
    return Declared(titled=titled(title, sentence(rules.__doc__)), rules=rules, **said)


def _named(decide: Any, declared: Declared) -> Callable[..., Any]:
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(decide, name, getattr(declared.rules, name))
    decide.declared = declared
    return cast("Callable[..., Any]", decide)
