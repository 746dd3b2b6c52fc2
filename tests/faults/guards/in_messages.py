"""What makes an event say something that nobody has said: a field wiped, a header of another."""

from typing import Any

from shared.chassis.kafka.event_message import EventPublisher
from shared.chassis.store.mapper import EntryMapper
from shared.ledger import KEEP
from tests.faults.guards.everywhere import replace_method


def without_keep() -> None:
    """A change wipes every field that it might have set and does not name."""
    to_stored_event: Any = EntryMapper.to_stored_event

    def wiped(self: Any, domain_event: Any) -> Any:
        said = vars(domain_event)
        said.update({name: None for name, value in said.items() if value is KEEP})
        return to_stored_event(self, domain_event)

    replace_method(EntryMapper, "to_stored_event", wiped)


def without_stated_time() -> None:
    """A message says that what it tells was stated when it was recorded."""
    message: Any = EventPublisher.message

    def recorded_then(self: Any, row: Any) -> Any:
        key, value, headers = message(self, row)
        recorded = dict(headers)["ce_recordedtime"]
        told = [(name, recorded if name == "ce_time" else its) for name, its in headers]
        return key, value, told

    replace_method(EventPublisher, "message", recorded_then)
