"""What an entry's events begin with: each base says what its events do to the plan."""

from dataclasses import KW_ONLY, replace
from typing import Any, cast

from eventsourcing.domain import Aggregate

from shared.ledger.entry.change import Change
from shared.ledger.entry.entry import Entry
from shared.ledger.entry.restrictions import NOT_YOURS_TO_LIFT, judge_visibility
from shared.ledger.errors import Refused
from shared.ledger.provenance import PERSON, Provenance
from shared.ledger.values.visibility import Visibility


class Creation(Entry.Event, Aggregate.Created):
    """The first event of an entry, which may say from the start who does not see it."""

    change = Change.CREATED
    _: KW_ONLY
    visibility: Visibility | None = None

    def apply(self, aggregate: Any) -> None:
        """Remember where the entry comes from, and what is withheld of it."""
        aggregate.plan_id = self.provenance.plan_id
        aggregate.origin = self.provenance.origin
        aggregate.is_the_persons = self.provenance.stated_by.kind == PERSON
        aggregate.remember_visibility(self.visibility, self.provenance.origin)
        super().apply(aggregate)

    def mutate(self, aggregate: Any) -> Any:
        """The entry; where it was marked in error, begun again under the same restriction."""
        begun: Any = super().mutate(None)
        if aggregate is not None and aggregate.visibility is not None:
            standing = self.visibility or aggregate.visibility
            begun.remember_visibility(standing, aggregate.restricted_by)
        return begun


class Amendment(Entry.Event):
    """Changes an entry, and leaves it where it is."""

    change = Change.AMENDED


class Withdrawal(Entry.Event):
    """Takes an entry out of the plan."""

    change = Change.WITHDRAWN

    def apply(self, aggregate: Any) -> None:
        """Until it is put back it takes few other commands."""
        aggregate.is_out = True
        super().apply(aggregate)


class Restoration(Entry.Event):
    """Puts an entry back into the plan."""

    change = Change.RESTORED

    def apply(self, aggregate: Any) -> None:
        """In the plan again."""
        aggregate.is_out = False
        super().apply(aggregate)


def begun(
    entry: Entry, visibility: Visibility | None, provenance: Provenance, before: Entry | None
) -> Entry:
    """The new entry, restricted from the start; ``before`` is the one in error that it follows."""
    standing = before.visibility if before is not None else None
    if visibility is not None:
        judge_visibility(visibility, provenance, beside="visibility.")
        if standing is not None and not visibility.takes_nothing_from(standing):
            raise Refused(NOT_YOURS_TO_LIFT)
    (created,) = entry.collect_events()
    version = created.originator_version if before is None else before.version + 1
    first = replace(cast("Any", created), visibility=visibility, originator_version=version)
    made: Entry = first.mutate(before)
    if before is not None:
        made.judge_again(before)
    made.pending_events.append(first)
    return made


def change_of(event: type[Entry.Event], entry_version: int) -> Change:
    """What such an event does to the plan: one that creates restores what is begun again."""
    is_again = entry_version > 1 and issubclass(event, Creation)
    return Change.RESTORED if is_again else event.change
