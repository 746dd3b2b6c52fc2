"""Intake's Kafka door: a batch of all inboxes in, and commands and refusals out, once.

What is passed on, what is refused and how far each inbox has been read are one transaction; the
relay publishes the rows of it in their order.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final

from services.intake import answers
from services.intake.judging import (
    NOT_REGISTERED,
    Judged,
    judge,
    organisation_of,
)
from services.intake.organisations import Organisations
from services.intake.settings import IntakeSettings
from services.intake.store import still_kept
from shared.chassis.database.database import Connection
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.commands import NotTaken
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import header
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Count, SpanName, batch_span, count_batch, counter, log
from shared.ledger import Organisation, Section
from shared.ledger.topics import receipts_topic

CONSUMER: Final = "intake"
UNREADABLE: Final = frozenset(
    {"unreadable-json", "content-invalid", "body-too-large", "command-unknown", "internal-error"}
)
"""The codes of what is a dead letter; any other refusal could be read."""
_AT_A_TIME: Final = 20


class Inboxes:
    """Handles batches of the inboxes of all organisations.

    ``written`` is called after each commit: there is something to publish.
    """

    def __init__(
        self,
        sections: Sequence[Section],
        settings: Settings,
        own: IntakeSettings,
        *,
        written: Callable[[], None] = lambda: None,
    ) -> None:
        self._sections = sections
        self._prefix = settings.topic_prefix
        self._own = own
        self._organisations = Organisations(own)
        self._written = written

    async def __call__(self, records: Sequence[Record], transaction: Transaction) -> None:
        """Judge every message of the batch, then store what follows from it with its offsets."""
        started = monotonic()
        traces = (header(record, "traceparent") for record in records)
        with batch_span(SpanName.TAKE_INBOXES, CONSUMER, len(records), traces):
            judged = await self._judged(records, transaction)
            async with transaction() as connection:
                await append_outgoing(connection, await self._rows(judged, connection, transaction))
        self._written()
        _measure(judged, monotonic() - started)

    async def _judged(self, records: Sequence[Record], transaction: Transaction) -> list[Judged]:
        topics = {record.topic: organisation_of(record.topic, self._prefix) for record in records}
        registered = {
            one: await transaction.topic_exists(self._prefix + receipts_topic(one))
            for one in topics.values()
        }
        self._organisations.look_again()
        judged = []
        for number, record in enumerate(records):
            organisation = topics[record.topic]
            if registered[organisation]:
                suspended = self._organisations.is_suspended(organisation)
                judged.append(
                    judge(
                        record,
                        organisation,
                        self._sections,
                        self._organisations.signatures,
                        is_suspended=suspended,
                    )
                )
            else:
                judged.append(Judged(record, organisation, refused=NotTaken(NOT_REGISTERED)))
            if number % _AT_A_TIME == _AT_A_TIME - 1:
                await asyncio.sleep(0)  # the group must go on hearing of us
        return judged

    async def _rows(
        self, judged: Sequence[Judged], connection: Connection, transaction: Transaction
    ) -> list[Outgoing]:
        """What is published, in the order in which the messages came."""
        letters = Counter(one.organisation for one in judged if _is_unreadable(one))
        limit = self._own.dead_letters_of_an_inbox
        left = await still_kept(connection, letters, limit)
        rows: list[Outgoing] = []
        beyond: dict[tuple[str, str], list[Judged]] = defaultdict(list)
        for one in judged:
            no, topic = one.refused, one.record.topic
            if no is None:
                roles = self._organisations.roles(one.organisation)
                rows.append(answers.command(one, roles, self._prefix))
                continue
            topic_id = transaction.topic_id(topic)
            rows += answers.receipt(one, no, self._prefix)
            if no.code not in UNREADABLE:
                rows.append(answers.refusal(one, no, self._prefix, topic_id))
                continue
            transaction.note_unreadable(one.record, no.reason, no.code)
            if left[one.organisation] > 0:
                left[one.organisation] -= 1
                rows += answers.unreadable(one, no, self._prefix, topic_id)
            else:
                beyond[topic, no.code].append(one)
        return rows + self._counted(beyond, transaction)

    def _counted(
        self, beyond: Mapping[tuple[str, str], Sequence[Judged]], transaction: Transaction
    ) -> list[Outgoing]:
        rows = []
        for (topic, code), many in beyond.items():
            no = NotTaken(answers.TOO_MANY, code)
            rows.append(answers.counted(many, no, self._prefix, transaction.topic_id(topic)))
            organisation = many[0].organisation
            log.error("inbox.flooded", organisation=organisation, code=code, count=len(many))
        return rows


def _is_unreadable(judged: Judged) -> bool:
    return judged.refused is not None and judged.refused.code in UNREADABLE


def _measure(judged: Sequence[Judged], seconds: float) -> None:
    letters = sum(map(_is_unreadable, judged))
    counts = {
        Count.CONSUMED: len(judged),
        Count.APPLIED: len(judged) - letters,
        Count.DEAD_LETTERS: letters,
    }
    count_batch(CONSUMER, seconds, counts)
    refused = Counter(
        (one.organisation, one.section or "", one.refused.code)
        for one in judged
        if one.refused is not None
    )
    for (organisation, section, code), number in refused.items():
        named = Organisation.of(organisation).code or ""
        labels = {"section": section, "organisation": named, "outcome": "refused"}
        counter(Count.CONTRIBUTIONS).add(number, {**labels, "code": code})
        log.warning("inbox.refused", organisation=organisation, code=code, count=number)
