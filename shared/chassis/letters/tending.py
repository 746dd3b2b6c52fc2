"""What operators do with dead letters: each act and the record of it are one transaction."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from shared.chassis.accesses.record import Asked, Did, Shown, access_record, who_of
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.accesses.rows import AccessRow, keep_in
from shared.chassis.contribute.receipts import receipt_message
from shared.chassis.database.database import TRANSIENT, Connection, Database
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.relay import Relay
from shared.chassis.letters.held import (
    DISCARDED,
    HELD,
    RETRIED,
    RETURNED,
    Held,
    HeldLetters,
    item_of,
)
from shared.chassis.letters.retry import Retry, StillUnreadable
from shared.chassis.settings import Settings
from shared.chassis.telemetry import inject, log
from shared.chassis.wire.problem import Problem
from shared.ledger.names import trace_of
from shared.ledger.topics import receipts_topic

_GONE: Final = "There is none of this id here, or it is not kept any more."
_DONE: Final = "Somebody has retried, returned or discarded it."
_BUSY: Final = "Somebody deals with it at this moment. Look at it again."
_CUT: Final = (
    "It was too large to be kept whole, or the name of a header was no text: what is kept is not "
    "what came. Have it sent again."
)
_NOBODY: Final = (
    "It is no contribution that names itself and whose organisation is known and has a topic for "
    "receipts."
)


@dataclass(frozen=True)
class Done:
    """An item after an act, as JSON, and the id of the record of the act."""

    body: bytes
    access_id: UUID


class Tending:
    """Retries, returns and discards the dead letters of one service.

    ``consumers`` are those whose letters they are. ``answers_as`` is the service that refuses
    contributions to whoever sent them, ``None`` where nobody sends any.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        accesses: AccessRecords,
        relay: Relay,
        consumers: Sequence[BatchConsumer],
        answers_as: str | None = None,
    ) -> None:
        self.held = HeldLetters(database)
        self._database = database
        self._settings = settings
        self._accesses = accesses
        self._relay = relay
        self._consumers = {consumer.name: consumer for consumer in consumers}
        self._answers_as = answers_as

    async def must_find(self, dead_letter_id: UUID | None) -> Held:
        """The letter; raises ``Problem`` (``dead-letter-unknown``)."""
        found = None if dead_letter_id is None else await self.held.one(dead_letter_id)
        if found is None:
            raise Problem("dead-letter-unknown", _GONE)
        return found

    async def retry(self, held: Held, asked: Asked, reason: str) -> Done:
        """Hand it to its consumer again, as the first time.

        Where it still cannot be read it stays held, with the code and the reason of today. Raises
        ``Problem``: ``dead-letter-not-held``, ``dead-letter-not-whole``, ``unavailable``.
        """
        async with self._alone(held):
            return await self._retried(await self.must_find(held.dead_letter_id), asked, reason)

    async def _retried(self, held: Held, asked: Asked, reason: str) -> Done:
        # Before it is handed out: a section stores a contribution in a transaction of its own.
        if held.row["state"] != HELD:
            raise Problem("dead-letter-not-held", _DONE)
        if not held.row["is_whole"]:
            raise Problem("dead-letter-not-whole", _CUT)
        consumer = self._consumers.get(held.row["consumer"])
        if consumer is None:
            raise Problem(
                "dead-letter-not-whole", "The consumer that read it is not here any more."
            )
        done: list[Done] = []

        async def begin(connection: Connection) -> None:
            await self._must_be_held(connection, held)

        async def settle(connection: Connection) -> None:
            row = await self.held.settle(connection, held.dead_letter_id, RETRIED)
            done.append(await self._recorded(connection, row, asked, reason))

        again = Retry(consumer, self._database, self._settings, held, begin=begin, settle=settle)
        try:
            # What waits for a database, or for a queue, is the operator's to try again.
            async with asyncio.timeout(self._settings.write_seconds):
                await consumer.hand_out_again(again.record, again)
        except StillUnreadable as why:
            async with self._database.transaction() as connection:
                await self._must_be_held(connection, held)
                row = await self.held.say_why(connection, held.dead_letter_id, why.code, why.reason)
                done.append(await self._recorded(connection, row, asked, reason))
        except (TimeoutError, RuntimeError, *TRANSIENT) as error:
            log.warning("dead_letter.not_retried", consumer=consumer.name, error=error)
            raise Problem("unavailable", "It could not be taken now. Retry it again.") from error
        return self._committed(done)

    async def give_back(self, held: Held, asked: Asked, reason: str) -> Done:
        """Send its refusal once more to the organisation that sent it: it is theirs to put right.

        Raises ``Problem``: ``dead-letter-not-held``, ``dead-letter-without-sender``.
        """
        answer = await self._refusal_of(held)
        return await self._act(held, RETURNED, asked, reason, [answer])

    async def discard(self, held: Held, asked: Asked, reason: str) -> Done:
        """Let it be; raises ``Problem`` (``dead-letter-not-held``)."""
        return await self._act(held, DISCARDED, asked, reason, [])

    async def _act(
        self, held: Held, state: str, asked: Asked, reason: str, rows: Sequence[Outgoing]
    ) -> Done:
        async with self._alone(held), self._database.transaction() as connection:
            await self._must_be_held(connection, held)
            await append_outgoing(connection, rows)
            row = await self.held.settle(connection, held.dead_letter_id, state)
            done = await self._recorded(connection, row, asked, reason)
        return self._committed([done])

    @asynccontextmanager
    async def _alone(self, held: Held) -> AsyncIterator[None]:
        """Nobody else, at any replica, deals with this letter until the end.

        The lock of its row would not do: what a section stores for a retry is committed before the
        retry is.
        """
        async with self._database.transaction() as connection:
            if not await self.held.claim(connection, held.dead_letter_id):
                raise Problem("unavailable", _BUSY)
            yield

    async def _must_be_held(self, connection: Connection, held: Held) -> None:
        if not await self.held.is_held(connection, held.dead_letter_id):
            raise Problem("dead-letter-not-held", _DONE)

    async def _refusal_of(self, held: Held) -> Outgoing:
        """The answer that the sender got, or should have got."""
        row, by = held.row, self._answers_as
        section = _section_of(row["type"])
        is_theirs = by is not None and row["organisation"] and row["contribution_id"]
        topic = self._settings.topic_prefix + receipts_topic(row["organisation"] or "")
        consumer = self._consumers.get(row["consumer"])
        if not is_theirs or consumer is None or not await consumer.topic_exists(topic):
            raise Problem("dead-letter-without-sender", _NOBODY)
        is_the_sections = by == held.row["consumer"] and by == section
        told = {
            "contribution_id": str(row["contribution_id"]),
            "outcome": "refused",
            "plan_id": None if row["plan_id"] is None else str(row["plan_id"]),
            "section": section,
            "code": row["code"],
            "detail": row["reason"],
            "kept": False,
            "retryable": False,
        }
        return receipt_message(topic, told, source=None if is_the_sections else by)

    async def _recorded(
        self, connection: Connection, row: Mapping[str, Any], asked: Asked, reason: str
    ) -> Done:
        """The item, and the record of the act in the same transaction."""
        body = orjson.dumps(item_of(row))
        more = {
            **asked.more,
            "dead_letter_id": str(row["dead_letter_id"]),
            "dead_letter_state": row["state"],
        }
        told = replace(asked, more=more)
        # Why they did it is theirs, and may tell of somebody: it can be erased with who they are.
        who = {**orjson.loads(who_of(asked.contributor)), "reason": reason}
        access_id = uuid7()
        record = access_record(access_id, told, Shown.of(body), trace_of(inject()), Did.ADMIN)
        await keep_in(connection, AccessRow(access_id, asked.plan_id, record, orjson.dumps(who)))
        return Done(body, access_id)

    def _committed(self, done: Sequence[Done]) -> Done:
        self._accesses.committed()
        self._relay.wake()
        return done[-1]


def _section_of(type_: str | None) -> str | None:
    parts = (type_ or "").split(".")
    return parts[1] if len(parts) > 2 and parts[2] == "commands" else None  # noqa: PLR2004 - careplan.goals.commands
