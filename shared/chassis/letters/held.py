"""The dead letters of one service, as its database keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from shared.chassis.database.database import Connection, Database
from shared.chassis.database.outgoing import Headers, headers_from_bytes
from shared.ledger import instant

HELD: Final = "held"
RETRIED: Final = "retried"
RETURNED: Final = "returned"
DISCARDED: Final = "discarded"
STATES: Final = (HELD, RETRIED, RETURNED, DISCARDED)

_PAGE: Final = """
SELECT d.* FROM dead_letter d
 WHERE ($1::text IS NULL OR d.state = $1) AND ($2::text IS NULL OR d.organisation = $2)
   AND d.position > $3
 ORDER BY d.position LIMIT $4
"""
_ONE: Final = """
SELECT d.*, o.key, o.headers, o.value
  FROM dead_letter d JOIN outgoing o USING (position) WHERE d.dead_letter_id = $1
"""
_CLAIM: Final = "SELECT pg_try_advisory_xact_lock(7414, hashtext($1::text))"
_LOCK: Final = "SELECT state FROM dead_letter WHERE dead_letter_id = $1 FOR UPDATE"
_SETTLE: Final = """
UPDATE dead_letter d SET state = $2, settled_at = clock_timestamp()
 WHERE d.dead_letter_id = $1 RETURNING d.*
"""
_SAY: Final = """
UPDATE dead_letter d SET code = $2, reason = $3 WHERE d.dead_letter_id = $1 RETURNING d.*
"""


@dataclass(frozen=True)
class Held:
    """A dead letter, and the record as it came."""

    row: Mapping[str, Any]
    key: bytes | None
    headers: Headers
    value: bytes | None

    @property
    def dead_letter_id(self) -> UUID:
        """What it is known by."""
        found: UUID = self.row["dead_letter_id"]
        return found


class HeldLetters:
    """Finds the dead letters of one service, and keeps what has become of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, state: str | None, organisation: str | None, after: int, most: int
    ) -> list[Mapping[str, Any]]:
        """Those after a position, oldest first, ``most`` of them."""
        rows: list[Mapping[str, Any]] = await self._database.pool.fetch(
            _PAGE, state, organisation, after, most
        )
        return rows

    async def one(self, dead_letter_id: UUID) -> Held | None:
        """One as it came; ``None`` where there is none, or none any more."""
        row = await self._database.pool.fetchrow(_ONE, dead_letter_id)
        if row is None:
            return None
        headers = headers_from_bytes(row["headers"])[: row["headers_came"]]
        return Held(row, row["key"], headers, None if row["is_null"] else row["value"])

    @staticmethod
    async def claim(connection: Connection, dead_letter_id: UUID) -> bool:
        """Whether nobody else has claimed it, who then cannot until the transaction ends."""
        claimed: bool = await connection.fetchval(_CLAIM, str(dead_letter_id))
        return claimed

    @staticmethod
    async def is_held(connection: Connection, dead_letter_id: UUID) -> bool:
        """Whether nobody has dealt with it; nobody else does until the transaction ends."""
        state: str | None = await connection.fetchval(_LOCK, dead_letter_id)
        return state == HELD

    @staticmethod
    async def settle(connection: Connection, dead_letter_id: UUID, state: str) -> Mapping[str, Any]:
        """Keep what has become of it; its row."""
        row: Mapping[str, Any] = await connection.fetchrow(_SETTLE, dead_letter_id, state)
        return row

    @staticmethod
    async def say_why(
        connection: Connection, dead_letter_id: UUID, code: str, reason: str
    ) -> Mapping[str, Any]:
        """Keep why it still cannot be read; its row."""
        row: Mapping[str, Any] = await connection.fetchrow(_SAY, dead_letter_id, code, reason)
        return row


def item_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A dead letter as it is listed: nothing of what was sent but ids and a type."""
    return {
        "dead_letter_id": str(row["dead_letter_id"]),
        "consumer": row["consumer"],
        "topic": row["topic"],
        "partition": row["partition"],
        "offset": row["offset_"],
        "at": instant(row["at"]),
        "organisation": row["organisation"],
        "plan_id": _text(row["plan_id"]),
        "contribution_id": _text(row["contribution_id"]),
        "type": row["type"],
        "code": row["code"],
        "reason": row["reason"],
        "size": row["size"],
        "state": row["state"],
        "settled_at": None if row["settled_at"] is None else instant(row["settled_at"]),
    }


def _text(given: UUID | None) -> str | None:
    return None if given is None else str(given)
