"""Given what was said before, when somebody contributes, then this happened, or was refused.

given(do(Goal.agree, TOM, aim=..., need_ids=...)).when(
    do(Goal.set_aside, TOM, reason="Moved away")
).then(happened(Goal.SetAside, reason="Moved away"))
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from functools import reduce
from operator import attrgetter
from typing import Any, Final, cast
from uuid import UUID, uuid4, uuid5

import pytest
from eventsourcing.utils import get_topic

from shared.chassis.store.mapper import EntryMapper
from shared.ledger import Agent, Entry, OnBehalfOf, Provenance, Refused, Supporter
from shared.testing.people import EDITH, Professional, Relative, SyntheticPerson

PLAN: Final = EDITH.plan_id
ENTRY: Final = uuid5(PLAN, "entry")

Speaker = SyntheticPerson | Relative | Professional | Agent | Provenance
_OF_THE_ENVELOPE: Final = ("originator_id", "originator_version", "timestamp", "provenance")


@dataclass(frozen=True)
class Step:
    """A command, who contributes it, and its content."""

    method: Callable[..., Any]
    by: Provenance
    content: dict[str, Any]

    def take(self, entry: Entry | None) -> Entry:
        """The entry after it; raises ``Refused``."""
        if entry is None:
            return cast("Entry", self.method(provenance=self.by, **self.content))
        getattr(entry, self.method.__name__)(provenance=self.by, **self.content)
        return entry


@dataclass(frozen=True)
class Fact:
    """An event and what it says; a field that it may leave out is left out."""

    event: type[Entry.Event]
    content: dict[str, Any]
    by: Provenance

    def take(self, entry: Entry | None) -> Entry:
        """The entry after it, as if it were read from the store."""
        if entry is None:
            owner = attrgetter(self.event.__qualname__.rpartition(".")[0])
            topic = get_topic(owner(sys.modules[self.event.__module__]))
            envelope: dict[str, Any] = {
                "originator_id": self.by.entry_id,
                "originator_topic": topic,
            }
        else:
            envelope = {"originator_id": entry.id}
        made_by: Any = self.event
        made = made_by(
            **envelope,
            originator_version=1 if entry is None else entry.version + 1,
            timestamp=datetime.now(UTC),
            provenance=self.by,
            **self.content,
        )
        return cast("Entry", made.mutate(entry))


@dataclass(frozen=True)
class Answer:
    """What came of a command."""

    entry: Entry | None
    events: Sequence[Any]
    refusal: Refused | None

    def then(self, *facts: Fact) -> Entry:
        """Exactly these happened, and reading them again gives the same entry."""
        __tracebackhide__ = True
        if self.refusal is not None:
            pytest.fail(f"refused: {self.refusal.code}")
        _must_equal(
            [type(event).__name__ for event in self.events],
            [fact.event.__name__ for fact in facts],
        )
        for event, fact in zip(self.events, facts, strict=True):
            _must_equal(_content_of(event), _defaults_of(fact.event) | fact.content)
        if self.entry is None:
            pytest.fail("there is no entry")
        return self.entry

    def refused(self, code: str, field: str | None = None) -> None:
        """It was refused with this code, and about this field where one is named."""
        __tracebackhide__ = True
        if self.refusal is None:
            pytest.fail(f"accepted, and not refused with {code}")
        _must_equal(self.refusal.code, code)
        if field is not None:
            _must_equal(self.refusal.field, field)


@dataclass(frozen=True)
class Given:
    """What was said before."""

    before: tuple[Step | Fact, ...]

    def when(self, step: Step) -> Answer:
        """Somebody contributes; nothing of what was given may change by a refusal."""
        __tracebackhide__ = True
        start: Entry | None = None
        entry = reduce(lambda held, past: past.take(held), self.before, start)
        history = list(entry.pending_events) if entry is not None else []
        told = len(history)
        try:
            entry = step.take(entry)
        except Refused as refusal:
            if entry is not None:
                _must_equal(list(entry.pending_events), history)
            return Answer(entry, (), refusal)
        events = list(entry.pending_events)
        if not any(isinstance(past, Fact) for past in self.before):
            _must_equal(replayed(events), _without_pending(entry))
        return Answer(entry, events[told:], None)


def given(*before: Step | Fact) -> Given:
    """Commands that were accepted before, or events that were stored."""
    return Given(before)


def do(method: Callable[..., Any], by: Speaker, **content: Any) -> Step:
    """A command of an entry, by somebody: ``do(Goal.resume, TOM)``."""
    return Step(method, said(by), content)


def happened(event: type[Entry.Event], **content: Any) -> Fact:
    """An event of an entry with what it says: ``happened(Goal.Weighed, importance=9)``."""
    return Fact(event, content, said(EDITH))


def said(
    by: Speaker,
    *,
    recorded_by: Speaker | None = None,
    plan_id: UUID = PLAN,
    entry_id: UUID = ENTRY,
    stated_at: datetime | None = None,
    supported_by: Supporter | None = None,
) -> Provenance:
    """A provenance: somebody says it, and records it unless somebody else does."""
    if isinstance(by, Provenance):
        return by
    return Provenance(
        plan_id=plan_id,
        entry_id=entry_id,
        contribution_id=uuid4(),
        recorded_by=_agent(by if recorded_by is None else recorded_by),
        stated_by=_agent(by),
        stated_at=stated_at,
        supported_by=supported_by,
    )


def acting(
    by: Relative, person: SyntheticPerson, *, recorded_by: Speaker | None = None
) -> Provenance:
    """Somebody says it on the person's behalf."""
    return replace(
        said(by, recorded_by=recorded_by), on_behalf_of=OnBehalfOf(name=person.full_name)
    )


def replayed(events: Sequence[Any]) -> Entry:
    """The entry that these events, read from the store, add up to."""
    start: Entry | None = None
    entry = reduce(lambda held, event: event.mutate(held), events, start)
    if entry is None:
        raise ValueError("no events, no entry")
    return entry


def read_again(events: Iterable[Any]) -> Entry:
    """The entry that these events add up to after they were written as bytes and read back."""
    mapper = EntryMapper()
    return replayed([mapper.to_domain_event(mapper.to_stored_event(event)) for event in events])


def _must_equal(found: object, wanted: object) -> None:
    __tracebackhide__ = True
    if found != wanted:
        pytest.fail(f"found  {found}\nwanted {wanted}")


def _without_pending(entry: Entry) -> Entry:
    """A copy that has forgotten what is still to be stored: stored entries have no such thing."""
    copy = object.__new__(type(entry))
    vars(copy).update(vars(entry), _pending_events=[])
    return copy


def _agent(speaker: Speaker) -> Agent:
    if isinstance(speaker, Provenance):
        return speaker.recorded_by
    return speaker if isinstance(speaker, Agent) else speaker.agent


def _content_of(event: Any) -> dict[str, Any]:
    return {
        field.name: getattr(event, field.name)
        for field in fields(event)
        if field.name not in (*_OF_THE_ENVELOPE, "originator_topic")
    }


def _defaults_of(event: type[Entry.Event]) -> dict[str, Any]:
    return {field.name: field.default for field in fields(event) if field.default is not MISSING}
