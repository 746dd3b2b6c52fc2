"""What one append stores, what the database answers, and what is handed on of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from shared.chassis.database.outgoing import Outgoing, headers_to_bytes

Verdict = Literal["stored", "repeated", "reused", "stale", "taken"]


class EventRow(NamedTuple):
    """One event to be stored."""

    entry_id: UUID
    version: int
    type: str
    state: bytes
    traceparent: str | None = None
    leaf_hash: bytes | None = None
    authn: bytes | None = None
    policy_version: str | None = None


class ReceiptRow(NamedTuple):
    """The receipt to be kept with the events, what recognises a repeat, and why it was taken.

    ``authn`` is JSON: how the contributor was authenticated.
    """

    contribution_id: UUID
    contributor: str
    content_hash: bytes
    body: bytes
    authn: bytes | None = None
    policy_version: str | None = None


class Append(NamedTuple):
    """One request, judged and stored whole or not at all."""

    events: Sequence[EventRow] = ()
    receipt: ReceiptRow | None = None
    takes: Sequence[tuple[str, UUID]] = ()
    gives_back: Sequence[tuple[str, UUID]] = ()
    outgoing: Sequence[Outgoing] = ()

    @property
    def rows(self) -> int:
        """How much room it takes in a flush."""
        return len(self.events) + len(self.outgoing) + 1

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        size = 0
        for event in self.events:
            size += len(event.state)
        for row in self.outgoing:
            size += len(row.value)
        return size

    @property
    def touches(self) -> set[UUID | str]:
        """Its entries, its contribution and its keys: what no two requests of a flush may share."""
        touched: set[UUID | str] = {event.entry_id for event in self.events}
        if self.receipt is not None:
            touched.add(self.receipt.contribution_id)
        if self.takes or self.gives_back:
            touched.update(key for key, _ in (*self.takes, *self.gives_back))
        return touched


class Appended(NamedTuple):
    """What became of a request, as ``append_requests`` answers it: the positions, or why not.

    ``stale`` names the entry and the version it has, ``taken`` the entry that holds the key,
    ``repeated`` brings the first receipt.
    """

    verdict: Verdict
    recorded_at: datetime
    first_position: int | None = None
    entry_id: UUID | None = None
    version: int | None = None
    receipt: bytes | None = None
    receipt_position: int | None = None


APPEND = """
SELECT verdict, at, position_, entry, version, receipt_, receipt_position
  FROM append_requests($1, $2, $3, $4, $5)
 ORDER BY request
"""


def arguments(requests: Sequence[Append]) -> list[list[Any]]:
    """Records in the order of their types' columns."""
    numbered = list(enumerate(requests, 1))
    return [
        [request.receipt for request in requests],
        [(n, *event) for n, request in numbered for event in request.events],
        [(n, *key) for n, request in numbered for key in request.takes],
        [(n, *key) for n, request in numbered for key in request.gives_back],
        [
            (n, row.topic, row.key, headers_to_bytes(row.headers), row.value, row.completes)
            for n, request in numbered
            for row in request.outgoing
        ],
    ]


class StoredRow(NamedTuple):
    """One committed event, as the relay is handed it or reads it."""

    position: int
    entry_id: UUID
    entry_version: int
    type: str
    state: bytes
    recorded_at: datetime
    traceparent: str | None
    leaf_hash: bytes | None
    authn: bytes | None = None
    policy_version: str | None = None


def stored_rows(request: Append, answer: Appended) -> list[StoredRow]:
    first = answer.first_position
    if first is None:
        return []
    return [
        StoredRow(
            position=first + offset,
            entry_id=row.entry_id,
            entry_version=row.version,
            type=row.type,
            state=row.state,
            recorded_at=answer.recorded_at,
            traceparent=row.traceparent,
            leaf_hash=row.leaf_hash,
            authn=row.authn,
            policy_version=row.policy_version,
        )
        for offset, row in enumerate(request.events)
    ]
