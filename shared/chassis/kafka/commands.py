"""The Kafka door of a section: commands in, answers durable, then the offset.

Commands of one plan are taken in order, of several plans side by side. What comes again meets its
receipt.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

import asyncpg

from shared.chassis.contribute.contribute import Contributions
from shared.chassis.contribute.prepare import contribution_from_json
from shared.chassis.contribute.receipts import receipt_message
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import Unreadable, header, headers_in, judge_headers
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.settings import Settings
from shared.chassis.store.group_commit import QueueFull, Unavailable
from shared.chassis.telemetry import Count, count_batch, links_of, log, process_span, tracer
from shared.chassis.wire.command_record import (
    HEADERS,
    SAYS_WHOSE,
    organisation_in,
    wrong_in_headers,
    wrong_in_key,
)
from shared.chassis.wire.problem import Problem, detail_of
from shared.chassis.wire.strict_json import BODY_LIMIT, read
from shared.chassis.wire.validation_errors import error_at, sentence_of
from shared.ledger import (
    Authentication,
    Contribution,
    Contributor,
    Organisation,
)
from shared.ledger.topics import commands_topic, receipts_topic

_SIDE_BY_SIDE = 64
_LONGEST_ID = 64
# Not the database's trouble: sent again, it would fail again, and hold up everybody behind it.
_CANNOT_BE_APPLIED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
_PAUSE_WHEN_BUSY = 0.2


class CommandDoor:
    """Handles batches of the section's command topic."""

    def __init__(self, contributions: Contributions, settings: Settings) -> None:
        self._contributions = contributions
        self._settings = settings
        self._consumer = contributions.section.wire_name
        self._topic = settings.topic_prefix + commands_topic(contributions.section.name)

    async def __call__(self, records: Sequence[Record], transaction: Transaction) -> None:
        """Answer every record of the batch, then store the offsets with the dead letters."""
        started = monotonic()
        by_key: dict[bytes | None, list[Record]] = defaultdict(list)
        for record in records:
            by_key[record.key].append(record)
        unreadable: list[tuple[Record, NotTaken]] = []
        repeated: list[Record] = []
        limit = asyncio.Semaphore(_SIDE_BY_SIDE)
        patience = _Patience()

        async def in_order(of_one_plan: list[Record]) -> None:
            async with limit:
                for record in of_one_plan:
                    try:
                        if await self._take(record, transaction, patience):
                            repeated.append(record)
                    except NotTaken as error:
                        unreadable.append((record, error))

        links = links_of(header(record, "traceparent") for record in records)
        with tracer().start_as_current_span(process_span(self._topic), links=links):
            ended = await asyncio.gather(
                *(in_order(of_one) for of_one in by_key.values()), return_exceptions=True
            )
            # Only when all have ended: the batch is about to be handed out again.
            for error in ended:
                if error is not None:
                    raise error
            rows: list[Outgoing] = []
            for record, not_taken in unreadable:
                rows.extend(transaction.dead_letter(record, not_taken.reason, not_taken.code))
                rows.extend(await self._refused_answer(record, not_taken, transaction))
            async with transaction() as connection:
                await append_outgoing(connection, rows)
        counts = {
            Count.CONSUMED: len(records),
            Count.APPLIED: len(records) - len(repeated) - len(unreadable),
            Count.DUPLICATES: len(repeated),
            Count.DEAD_LETTERS: len(unreadable),
        }
        count_batch(self._consumer, monotonic() - started, counts)
        if unreadable:
            log.warning("commands.unreadable", count=len(unreadable), topic=self._topic)

    async def _take(self, record: Record, transaction: Transaction, patience: "_Patience") -> bool:
        """Answer it; true where that is the first answer once more."""
        contributor = contributor_of(record)
        reply_to = self._reply_topic(contributor)
        if not await transaction.topic_exists(reply_to):
            raise NotTaken("The organisation that `ce_source` names is not registered.")
        contribution = self._read(record)
        while True:
            try:
                answer = await self._contributions.receive(
                    contribution, contributor, reply_to=reply_to, wait=patience.is_left
                )
            except Problem as problem:
                if problem.code != "overloaded":
                    raise NotTaken(detail_of(problem), problem.code) from None
            except (QueueFull, Unavailable):
                pass
            except _CANNOT_BE_APPLIED as error:
                kind = type(error).__name__
                log.error("commands.not_applied", error=error, command=contribution.command)
                reason = f"This cannot be applied ({kind})."
                raise NotTaken(reason, "internal-error") from error
            else:
                if answer.retryable:
                    patience.is_left = False
                return answer.repeated
            # Nothing of the batch is acknowledged before its answers are durable.
            await asyncio.sleep(_PAUSE_WHEN_BUSY)

    def _read(self, record: Record) -> Contribution:
        given = given_in(value_in(record))
        return contribution_in(given, wrong_in_headers(command_headers(record), given), record.key)

    def _reply_topic(self, contributor: Contributor) -> str:
        code = contributor.organisation.code if contributor.organisation else None
        return self._settings.topic_prefix + receipts_topic(code or "")

    async def _refused_answer(
        self, record: Record, not_taken: "NotTaken", transaction: Transaction
    ) -> list[Outgoing]:
        """An answer, not kept, where the headers say whose message it was and which."""
        contribution_id = header(record, "ce_id")
        try:
            topic = self._reply_topic(contributor_of(record))
        except NotTaken:
            return []
        if not contribution_id or len(contribution_id) > _LONGEST_ID:
            return []
        if not await transaction.topic_exists(topic):
            return []
        receipt: dict[str, Any] = {
            "contribution_id": contribution_id,
            "outcome": "refused",
            "plan_id": None,
            "section": self._contributions.section.wire_name,
            "code": not_taken.code,
            "detail": not_taken.reason,
            "kept": False,
            "retryable": False,
        }
        return [receipt_message(topic, receipt)]


class NotTaken(Unreadable):
    """A command that is a dead letter, with the code that whoever sent it is answered with."""

    def __init__(self, reason: str, code: str = "content-invalid") -> None:
        super().__init__(reason)
        self.code = code


def value_in(record: Record) -> bytes:
    """The bytes of a command's value, judged by what can be seen before any of it is decoded.

    Raises ``NotTaken`` for what is no record, for a tombstone and for a value that is too large.
    """
    try:
        judge_headers(record)
    except Unreadable as error:
        raise NotTaken(error.reason, error.code) from None
    if not record.value:
        raise NotTaken("There is no value: it is a tombstone.", "unreadable-json")
    if len(record.value) > BODY_LIMIT:
        raise NotTaken(f"A value may have at most {BODY_LIMIT} bytes.", "body-too-large")
    return bytes(record.value)


def given_in(value: bytes) -> Any:
    """The JSON value in these bytes; raises ``NotTaken``."""
    try:
        return read(value)
    except Problem as problem:
        raise NotTaken(detail_of(problem), problem.code) from None


def command_headers(record: Record) -> dict[str, str | None]:
    """Those headers that a command must have and this record has; ``None`` for what is no text."""
    there = {name for name, _ in record.headers}
    told = headers_in(record, HEADERS)
    return {name: told.get(name) for name in HEADERS if name in there}


def contribution_in(
    given: Any, wrong_beside: Iterable[dict[str, str]], key: bytes | None
) -> Contribution:
    """The contribution that a command holds; raises ``NotTaken``.

    ``wrong_beside`` is what is wrong in its headers; its key is judged here.
    """
    try:
        contribution = contribution_from_json(given)
    except Problem as problem:
        raise NotTaken(detail_of(problem), problem.code) from None
    named = None if key is None else key.decode(errors="replace")
    wrong = [*wrong_beside, *wrong_in_key(named, given)]
    if wrong:
        raise NotTaken(sentence_of(wrong))
    return contribution


class _Patience:
    """A copy that is behind is waited for once in a batch, not once for every message of it."""

    def __init__(self) -> None:
        self.is_left = True


def contributor_of(record: Record) -> Contributor:
    """The organisation that intake has proven, from ``ce_source``; raises ``NotTaken``."""
    code = organisation_in(header(record, "ce_source"))
    if code is None:
        raise NotTaken(sentence_of([error_at("/ce_source", "header", SAYS_WHOSE)]))
    granted = header(record, "ce_roles") or ""
    signature = header(record, "ce_signature")
    return system_of(code, filter(None, granted.split(",")), signature)


def system_of(
    code: str, service_roles: Iterable[str] = (), signature: str | None = None
) -> Contributor:
    """The system that contributes through the inbox of the organisation with this code.

    ``signature`` is what the organisation signed it with, as intake has found it to hold.
    """
    organisation, user = Organisation.of(code), code.lower()
    return Contributor(
        kind="system",
        sub=f"org:{organisation.code}",
        name=user,
        organisation=organisation,
        authentication=Authentication(client_id=user, idp="kafka", signature=signature),
        service_roles=tuple(service_roles),
    )
