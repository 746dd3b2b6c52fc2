"""The names of every span, metric, attribute and label; nothing else has one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class SpanName(StrEnum):
    """Spans with one name; those that name what they are about are made by the functions below."""

    FOLD_PLAN = "fold plan"
    RECORD_AUDIT = "record audit"
    TAKE_INBOXES = "take inboxes"


def process_span(topic: str) -> str:
    """``process careplan.goals.commands.v1``: one for a batch, with links to what is in it."""
    return f"process {topic}"


class Attribute(StrEnum):
    """Attributes of spans; any other is dropped before a span is exported.

    The messaging names are those of the semantic conventions of August 2026.
    """

    SECTION = "careplan.section"
    COMMAND = "careplan.command"
    OUTCOME = "careplan.outcome"
    MESSAGING_SYSTEM = "messaging.system"
    OPERATION_NAME = "messaging.operation.name"
    OPERATION_TYPE = "messaging.operation.type"
    CONSUMER_GROUP = "messaging.consumer.group.name"
    BATCH_COUNT = "messaging.batch.message_count"
    HTTP_METHOD = "http.request.method"
    HTTP_ROUTE = "http.route"
    HTTP_STATUS = "http.response.status_code"
    ERROR_TYPE = "error.type"


class Label(StrEnum):
    """Labels of metrics; any other is dropped. A plan is never one of them."""

    TOPIC = "topic"
    PARTITION = "partition"
    GROUP = "group"
    CONSUMER = "consumer"
    ORGANISATION = "organisation"
    OUTCOME = "outcome"
    CODE = "code"
    SECTION = "section"
    PART = "part"


class Gauge(StrEnum):
    """Figures that are asked for when somebody looks."""

    CONSUMER_LAG = "careplan.consumer.lag"
    PROJECTION_LAG = "careplan.projection.lag"
    RELAY_LAG = "careplan.relay.lag"
    RELAY_OLDEST = "careplan.relay.oldest"
    PARKED_EVENTS = "careplan.parked.events"
    PARKED_ENTRIES = "careplan.parked.entries"
    POLL_AGE = "careplan.poll.age"
    STOPPED = "careplan.stopped"
    APPENDS_WAITING = "careplan.appends.waiting"
    LOG_WAITING = "careplan.log.waiting"
    ACCESSES_WAITING = "careplan.accesses.waiting"
    UNACCOUNTED = "careplan.unaccounted"
    OVERRIDES_UNREVIEWED = "careplan.overrides.unreviewed"
    OVERRIDES_OVERDUE = "careplan.overrides.overdue"
    CLAIMS = "careplan.claims"


UNITS_OF_GAUGES: Final[Mapping[str, str]] = {
    Gauge.CONSUMER_LAG: "{message}",
    Gauge.PROJECTION_LAG: "s",
    Gauge.RELAY_LAG: "{event}",
    Gauge.RELAY_OLDEST: "s",
    Gauge.PARKED_EVENTS: "{event}",
    Gauge.PARKED_ENTRIES: "{entry}",
    Gauge.POLL_AGE: "s",
    Gauge.STOPPED: "1",
    Gauge.APPENDS_WAITING: "{append}",
    Gauge.LOG_WAITING: "{record}",  # recorded, and not signed for yet
    Gauge.ACCESSES_WAITING: "{access}",
    Gauge.UNACCOUNTED: "{event}",  # consumed, less what became of it; by consumer, and always 0
    Gauge.OVERRIDES_UNREVIEWED: "{override}",
    Gauge.OVERRIDES_OVERDUE: "{override}",  # of those, not even in time
    Gauge.CLAIMS: "{relationship}",  # by outcome: open, confirmed, expired
}


class Count(StrEnum):
    """What is counted from the start of the process."""

    CONTRIBUTIONS = "careplan.contributions"
    PROBLEMS = "careplan.problems"
    CONSUMED = "careplan.consumed"
    APPLIED = "careplan.applied"
    DUPLICATES = "careplan.duplicates"
    DEAD_LETTERS = "careplan.dead_letters"
    GAPS = "careplan.gaps"
    OFFSET_JUMPS = "careplan.offset.jumps"
    TOPICS_MADE_AGAIN = "careplan.topics.made_again"
    OVERRIDES = "careplan.overrides"
    MEDIA_STORED = "careplan.media.stored"
    MEDIA_DELIVERED = "careplan.media.delivered"
    MEDIA_DAMAGED = "careplan.media.damaged"
    MEDIA_SCANNED = "careplan.media.scanned"


class Duration(StrEnum):
    """What is timed, in seconds."""

    PROCESS = "messaging.process.duration"


UNITS_OF_COUNTS: Final[Mapping[str, str]] = {
    Count.CONTRIBUTIONS: "{contribution}",  # answered, by organisation, outcome and code
    Count.PROBLEMS: "{problem}",  # answered, by code: also what could not be read
    Count.CONSUMED: "{event}",  # applied, duplicates, parked and dead letters together
    Count.APPLIED: "{event}",
    Count.DUPLICATES: "{event}",
    Count.DEAD_LETTERS: "{event}",
    Count.GAPS: "{gap}",  # in the versions of an entry
    Count.OFFSET_JUMPS: "{batch}",  # that began above the stored offset
    Count.TOPICS_MADE_AGAIN: "{topic}",  # read from their beginning
    Count.OVERRIDES: "{override}",  # begun, by code: break-glass, or against an objection
    Count.MEDIA_STORED: "{file}",  # taken, by outcome: new, or again
    Count.MEDIA_DELIVERED: "{answer}",  # by outcome: whole, part, or cut off
    Count.MEDIA_DAMAGED: "{file}",  # whose bytes are gone, or not those that were stored
    Count.MEDIA_SCANNED: "{file}",  # by outcome: clean, infected, no-answer
}
