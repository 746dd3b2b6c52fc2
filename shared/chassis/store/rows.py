"""What one append stores, the statement that stores it, and what is handed on of it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from shared.chassis.database.outgoing import Outgoing, headers_to_bytes
from shared.chassis.store.group_commit import GroupCommit, Statement

Verdict = Literal[
    "stored",
    "repeated",
    "reused",
    "access-moved",
    "plan-unknown",
    "plan-not-open",
    "stale",
    "taken",
    "media-unknown",
]


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
    command: str | None = None
    inputs_sha256: bytes | None = None


class ReceiptRow(NamedTuple):
    """The receipt to be kept with the events, what recognises a repeat, and why it was taken.

    ``authn`` is JSON: how the contributor was authenticated; ``inputs_sha256`` is the hash of what
    the decision rested on, by the rules of ``policy_version``. ``open_plan`` is the plan that has
    to be open for it, as far as the section has heard. ``sub`` is whoever sent it first.
    ``access_revision`` is that of the access to ``access_plan`` by which they may; where it has
    moved on, nothing is stored.
    """

    contribution_id: UUID
    contributor: str
    content_hash: bytes
    body: bytes
    authn: bytes | None = None
    policy_version: str | None = None
    open_plan: UUID | None = None
    sub: str | None = None
    access_plan: UUID | None = None
    access_revision: int | None = None
    inputs_sha256: bytes | None = None


class NamedMedia(NamedTuple):
    """Media that a leaf of an entry names; they have to be here, and are kept from then on."""

    plan_id: UUID
    sha256: str
    entry_id: UUID
    leaf: str


class Append(NamedTuple):
    """One request, judged and stored whole or not at all.

    ``read`` are entries that are not changed, with the versions that the decision rests on.
    """

    events: Sequence[EventRow] = ()
    receipt: ReceiptRow | None = None
    takes: Sequence[tuple[str, UUID]] = ()
    gives_back: Sequence[tuple[str, UUID]] = ()
    outgoing: Sequence[Outgoing] = ()
    read: Sequence[tuple[UUID, int]] = ()
    names: Sequence[NamedMedia] = ()

    @property
    def rows(self) -> int:
        """How much room it takes in a flush."""
        return len(self.events) + len(self.outgoing) + 1

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        size = len(self.receipt.body) if self.receipt is not None else 0
        for event in self.events:
            size += len(event.state)
        for row in self.outgoing:
            size += len(row.value)
        return size

    @property
    def touches(self) -> set[UUID | str]:
        """The entries it changes, its contribution and its keys."""
        touched: set[UUID | str] = {event.entry_id for event in self.events}
        if self.receipt is not None:
            touched.add(self.receipt.contribution_id)
        if self.takes or self.gives_back:
            touched.update(key for key, _ in (*self.takes, *self.gives_back))
        return touched

    @property
    def looks_at(self) -> set[UUID | str]:
        """The entries that may not change meanwhile."""
        return {entry_id for entry_id, _ in self.read}

    @property
    def may_come_again(self) -> bool:
        """A receipt says what was stored; messages may be published twice."""
        return self.receipt is not None or not self.events


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


_APPEND: Final = """
SELECT verdict, at, position_, entry, version, receipt_, receipt_position
  FROM append_requests($1, $2, $3, $4, $5, $6, $7)
 ORDER BY request
"""


def _arguments(requests: Sequence[Append]) -> list[list[Any]]:
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
        [(n, *entry) for n, request in numbered for entry in request.read],
        [(n, *media) for n, request in numbered for media in request.names],
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
    command: str | None = None
    inputs_sha256: bytes | None = None


Appends: TypeAlias = GroupCommit[Append, Appended]
"""The section's group commit."""

_STATEMENT: Final = Statement(_APPEND, _arguments, Appended._make)


def appends(
    url: str,
    *,
    on_commit: Callable[[Sequence[StoredRow], bool], None] | None = None,
    **bounds: Any,
) -> Appends:
    """The group commit that stores them.

    ``on_commit`` is called with the events of each commit, in position order, and whether there
    are other messages. ``bounds`` are those of ``GroupCommit``.
    """
    if on_commit is None:
        return GroupCommit(url, _STATEMENT, **bounds)

    def hand_on(answers: Sequence[tuple[Append, Appended]]) -> None:
        stored: list[StoredRow] = []
        has_outgoing = False
        for request, answer in answers:
            if answer.verdict == "stored":
                has_outgoing = has_outgoing or bool(request.outgoing)
                stored.extend(_stored_rows(request, answer))
        if stored or has_outgoing:
            on_commit(stored, has_outgoing)

    return GroupCommit(url, _STATEMENT, on_commit=hand_on, **bounds)


def _stored_rows(request: Append, answer: Appended) -> list[StoredRow]:
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
            command=row.command,
            inputs_sha256=row.inputs_sha256,
        )
        for offset, row in enumerate(request.events)
    ]
