"""Stored events of entries: made into rows for an append, and read back entry by entry."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from shared.chassis.database.database import Database
from shared.chassis.store.rows import EventRow
from shared.chassis.telemetry import inject

_OF_ONE_ENTRY: Final = (
    "SELECT originator_id, originator_version, topic, state FROM stored_events"
    " WHERE originator_id = $1 AND originator_version > $2 AND originator_version <= $3"
)
_FIRST_FIRST: Final = f"{_OF_ONE_ENTRY} ORDER BY originator_version LIMIT $4"
_LAST_FIRST: Final = f"{_OF_ONE_ENTRY} ORDER BY originator_version DESC LIMIT $4"


class Recorder:
    """Events of one section's entries, to rows and back; ``section`` is in their leaf hashes."""

    def __init__(self, database: Database, section: str) -> None:
        self._database = database
        self._section = section

    def rows_of(
        self,
        stored_events: Sequence[StoredEvent],
        authn: bytes | None = None,
        policy_version: str | None = None,
        command: str | None = None,
        inputs_sha256: bytes | None = None,
    ) -> list[EventRow]:
        """Events with what a row has besides: trace, leaf hash, and why they could be stored."""
        traceparent = inject()
        return [
            EventRow(
                cast("UUID", stored.originator_id),
                stored.originator_version,
                stored.topic,
                stored.state,
                traceparent,
                self._leaf_hash(stored, authn, policy_version, command, inputs_sha256),
                authn,
                policy_version,
                command,
                inputs_sha256,
            )
            for stored in stored_events
        ]

    async def events(
        self,
        entry_id: UUID,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """The events of one entry, by version."""
        rows = await self._database.pool.fetch(
            _LAST_FIRST if desc else _FIRST_FIRST,
            entry_id,
            -1 if gt is None else gt,
            2**63 - 1 if lte is None else lte,
            limit,
        )
        return [StoredEvent(*row) for row in rows]

    def _leaf_hash(
        self,
        stored: StoredEvent,
        authn: bytes | None,
        policy_version: str | None,
        command: str | None,
        inputs_sha256: bytes | None,
    ) -> bytes:
        """SHA-256 over the byte 0x00, eight lines, and the SHA-256 (32 bytes) of ``state``.

        The lines are what is known of the row before the append, in UTF-8, each ended by 0x0a:
        the section's wire name, the entry's id, its version, the event's type, the command's type,
        the policy's version, the hash of what the decision rested on in lower-case hexadecimal,
        and ``authn`` as it is stored; what is not known is an empty line.
        None of them can hold 0x0a, so no two rows have the same bytes. Neither the position, nor
        ``recorded_at``, nor the trace belongs to it.
        """
        known = (
            f"\0{self._section}\n{stored.originator_id}\n{stored.originator_version}\n"
            f"{stored.topic}\n{command or ''}\n{policy_version or ''}\n"
            f"{'' if inputs_sha256 is None else inputs_sha256.hex()}\n"
        )
        parts = (known.encode(), authn or b"", b"\n", sha256(stored.state).digest())
        return sha256(b"".join(parts)).digest()
