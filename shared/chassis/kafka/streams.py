"""Streams of the relay: which rows of a service are published, in which order, and as what."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple

import orjson

from shared.chassis.database.outgoing import headers_from_bytes
from shared.chassis.kafka.event_message import EventPublisher
from shared.chassis.kafka.windows import Message
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import completed
from shared.chassis.store.rows import StoredRow
from shared.ledger import Section, instant
from shared.ledger.names import kebab
from shared.ledger.topics import AUDIT_RECORDS, events_topic

Ask = Callable[..., Awaitable[list[Any]]]
"""Runs a query with its arguments on the relay's connection."""

_HANDED_OVER: Final = 5_000
_HANDED_BYTES: Final = 8_000_000
_OF_A_ROW: Final = 500
"""About how many bytes a row takes beside its content."""


class Committed(NamedTuple):
    """What a service has just committed: events, in position order, and whether there is more."""

    events: Sequence[StoredRow]
    has_outgoing: bool


class Read(NamedTuple):
    """The next messages of a stream, and whether there may be more behind them."""

    messages: list[Message]
    has_more: bool


class Stream(ABC):
    """Rows that are published in the order of their positions, with a mark of their own.

    ``rows`` selects those after the mark ``$1``, at most ``$2`` of them and no more once they have
    ``$3`` bytes; ``up_to`` is how many they have so far. ``to_go`` answers the ``newest`` position
    and when the ``oldest`` after the mark was recorded.

    A position is never given to a row that is committed after one with a higher one.
    """

    name: ClassVar[str]
    rows: ClassVar[str]
    to_go: ClassVar[str]
    is_active = False
    partitions: Mapping[str, int] = {}
    """The number of partitions that each of these topics has to have."""

    @abstractmethod
    def message(self, row: Any) -> Message:
        """A row as it is published."""

    def offer(self, committed: Committed) -> bool:
        """Whether some of what was just committed is of this stream."""
        return committed.has_outgoing

    def set_active(self, is_active: bool) -> None:
        """Whether this process publishes; nothing that it was handed outlives that."""
        self.is_active = is_active

    async def read(self, ask: Ask, mark: int, limit: int, size: int) -> Read:
        """The next messages after the mark."""
        rows = await ask(self.rows, mark, limit, size)
        is_cut = len(rows) == limit or (rows and rows[-1]["up_to"] >= size)
        return Read([self.message(row) for row in rows], bool(is_cut))


class EventStream(Stream):
    """The events of a section: handed over as they are committed, or read from its store."""

    name = "events"
    rows = """
        SELECT notification_id, originator_id, originator_version, topic, state, recorded_at,
               traceparent, leaf_hash, authn, policy_version, command, inputs_sha256, up_to
          FROM (SELECT *, sum(octet_length(state)) OVER (ORDER BY notification_id) AS up_to
                  FROM stored_events WHERE notification_id > $1
                 ORDER BY notification_id LIMIT $2) AS next
         WHERE up_to - octet_length(state) < $3 ORDER BY notification_id
    """
    to_go = """
        SELECT (SELECT max(notification_id) FROM stored_events) AS newest,
               (SELECT recorded_at FROM stored_events WHERE notification_id > $1
                 ORDER BY notification_id LIMIT 1) AS oldest
    """

    def __init__(self, section: Section, settings: Settings) -> None:
        self._topic = settings.topic_prefix + events_topic(section.name)
        self._publisher = EventPublisher(section)
        self._handed: deque[StoredRow] = deque()
        self._handed_bytes = 0
        self.partitions = {self._topic: settings.event_partitions}

    def message(self, row: Any) -> Message:
        """An event in its envelope, as its contract has it."""
        return self._message(StoredRow(*row[: len(StoredRow._fields)]))

    def _message(self, row: StoredRow) -> Message:
        key, value, headers = self._publisher.message(row)
        at = row.recorded_at.timestamp()
        return Message(row.position, self._topic, key, value, headers, at, row.traceparent)

    def offer(self, committed: Committed) -> bool:
        """Keep rows that were just committed, in position order.

        Beyond a bound they are dropped here and read from the table, so that a broker that is away
        costs no memory.
        """
        rows = committed.events
        size = sum(map(_size_of, rows))
        if (
            self.is_active
            and len(self._handed) + len(rows) <= _HANDED_OVER
            and self._handed_bytes + size <= _HANDED_BYTES
        ):
            self._handed.extend(rows)
            self._handed_bytes += size
        else:
            self._forget()
        return bool(rows)

    def set_active(self, is_active: bool) -> None:
        """Where another process publishes, what was handed over may be behind it."""
        super().set_active(is_active)
        self._forget()

    async def read(self, ask: Ask, mark: int, limit: int, size: int) -> Read:
        """What was handed over, if it follows directly on the mark; else what the store has."""
        taken = self._take_handed(mark, limit, size)
        if not taken:
            return await super().read(ask, mark, limit, size)
        # What is left stands behind a gap, or is more than a window.
        return Read([self._message(row) for row in taken], bool(self._handed))

    def _take_handed(self, mark: int, limit: int, size: int) -> list[StoredRow]:
        while self._handed and self._handed[0].position <= mark:
            self._take_first()
        taken: list[StoredRow] = []
        while self._handed and len(taken) < limit and size > 0:
            if self._handed[0].position != mark + 1 + len(taken):
                break
            taken.append(self._take_first())
            size -= len(taken[-1].state)
        return taken

    def _take_first(self) -> StoredRow:
        row = self._handed.popleft()
        self._handed_bytes -= _size_of(row)
        return row

    def _forget(self) -> None:
        self._handed.clear()
        self._handed_bytes = 0


class OutgoingStream(Stream):
    """Whatever else was committed to be published: receipts, audit records, dead letters."""

    name = "outgoing"
    rows = """
        SELECT position, recorded_at, topic, key, headers, value, completes, event_position, up_to
          FROM (SELECT *, sum(octet_length(value) + octet_length(headers)) OVER (ORDER BY position)
                          AS up_to
                  FROM outgoing WHERE position > $1 ORDER BY position LIMIT $2) AS next
         WHERE up_to - octet_length(value) - octet_length(headers) < $3 ORDER BY position
    """
    to_go = """
        SELECT (SELECT max(position) FROM outgoing) AS newest,
               (SELECT recorded_at FROM outgoing WHERE position > $1
                 ORDER BY position LIMIT 1) AS oldest
    """

    def message(self, row: Any) -> Message:
        """The message as it was written, completed where that was asked for."""
        value = row["value"]
        if row["completes"]:
            told = orjson.loads(value)
            value = orjson.dumps(completed(told, row["recorded_at"], row["event_position"]))
        headers = list(headers_from_bytes(row["headers"]))
        trace = dict(headers).get("traceparent")
        return Message(
            row["position"],
            row["topic"],
            row["key"],
            value,
            headers,
            row["recorded_at"].timestamp(),
            # A dead letter keeps its headers as they came: not every one is text.
            trace.decode("ascii", "replace") if trace else None,
        )


class AccessStream(Stream):
    """Accesses to plans, as the audit is told of them: who it was is put to what was done."""

    name = "accesses"
    rows = """
        SELECT next.position, next.access_id, next.recorded_at, next.plan_id, next.record, next.who,
               o.override_id, o.kind, o.reason, o.ends_at, j.basis, next.up_to
          FROM (SELECT *, sum(size) OVER (ORDER BY position) AS up_to
                  FROM (SELECT *, octet_length(record) + coalesce(octet_length(who), 0) AS size
                          FROM ledger.access_record WHERE position > $1
                         ORDER BY position LIMIT $2) AS sized) AS next
          LEFT JOIN ledger.access_override o ON o.override_id = next.override_id
          LEFT JOIN ledger.access_justification j ON j.access_id = next.access_id
         WHERE next.up_to - next.size < $3 ORDER BY next.position
    """
    to_go = """
        SELECT (SELECT max(position) FROM ledger.access_record) AS newest,
               (SELECT recorded_at FROM ledger.access_record WHERE position > $1
                 ORDER BY position LIMIT 1) AS oldest
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic_prefix + AUDIT_RECORDS
        self._source = f"urn:careplan:service:{kebab(settings.service)}".encode()

    def offer(self, committed: Committed) -> bool:  # noqa: ARG002 - none of it
        """None of it: accesses are committed apart from what a service stores."""
        return False

    def message(self, row: Any) -> Message:
        """The record, complete."""
        at = row["recorded_at"]
        access_id = str(row["access_id"]).encode()
        plan_id = row["plan_id"]
        headers: list[tuple[str, bytes | None]] = [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", access_id),
            ("ce_source", self._source),
            ("ce_type", b"careplan.audit.record.v1"),
        ]
        told = [row["record"][:-1], b'"recorded_at":"%b"' % instant(at).encode()]
        if row["who"]:
            told.append(row["who"][1:-1])
        if row["override_id"] is not None:
            told.append(b'"override":' + _override_json(row))
        key = str(plan_id).encode() if plan_id is not None else access_id
        return Message(
            row["position"], self._topic, key, b",".join(told) + b"}", headers, at.timestamp(), None
        )


def _override_json(row: Any) -> bytes:
    told = {
        "override_id": str(row["override_id"]),
        "kind": row["kind"],
        "reason": row["reason"],
        "ends_at": instant(row["ends_at"]),
    }
    return orjson.dumps(told if row["basis"] is None else {**told, "basis": row["basis"]})


def streams_of(section: Section, settings: Settings) -> list[Stream]:
    """What a section publishes."""
    return [EventStream(section, settings), OutgoingStream(), AccessStream(settings)]


def _size_of(row: StoredRow) -> int:
    return len(row.state) + _OF_A_ROW
