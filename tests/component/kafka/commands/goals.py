"""The Kafka door of a section, and readers of what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import header
from shared.ledger import Contributor, Organisation
from shared.testing.service import Bench, Door, contribution
from shared.testing.topic_reader import TopicReader, value_of

AGREE = "careplan.goals.commands.agree.v1"
REWORD = "careplan.goals.commands.reword.v1"
WEIGH = "careplan.goals.commands.weigh.v1"
GOAL = {
    "aim": {"text": "Walk to the shop"},
    "need_ids": [{"section": "needs", "entry_id": str(UUID(int=1))}],
}
BY_THE_PERSON = {"stated_by": {"kind": "person"}, "system": {"name": "Northmoor EPR"}}
SYSTEM = Contributor(kind="system", sub="a-system", name="EPR", organisation=Organisation("ZZC01"))
PLAN = uuid4()
NO_TOPIC = "zzl01"
WILMA = "Wilma Tarn-Synth has cancer"


@dataclass(frozen=True)
class Goals:
    """The section in this process, and readers of what it publishes."""

    bench: Bench
    door: Door
    receipts: TopicReader
    letters: TopicReader
    audit: TopicReader

    async def told(self, given: dict[str, Any], count: int = 1) -> dict[str, Any]:
        """The answer to a contribution on the organisation's topic; the same each time."""
        answers = await self.receipts.about(given["contribution_id"], count)
        assert all(answer == answers[0] for answer in answers)
        return answers[0]

    async def letter(self, value: bytes | None) -> Record:
        """The dead letter with that value."""
        found = await self.letters.until(
            lambda records: any(record.value == (value or b"") for record in records),
            "the dead letter",
        )
        return next(record for record in found if record.value == (value or b""))

    async def stored(self, given: dict[str, Any]) -> int:
        """How many events a contribution has caused."""
        count: int = await self.bench.pool.fetchval(
            "SELECT count(*) FROM stored_events WHERE convert_from(state, 'UTF8') LIKE $1",
            f"%{given['contribution_id']}%",
        )
        return count


def agree(plan_id: UUID = PLAN, **others: Any) -> dict[str, Any]:
    """A goal said by the person and written down by their organisation's system."""
    given = contribution(AGREE, GOAL, plan_id, provenance=BY_THE_PERSON)
    return {**given, **others}


def has_one_about(letter: Record, records: Sequence[Record]) -> bool:
    return any(is_about(record, letter) for record in records)


def is_about(record: Record, letter: Record) -> bool:
    place = f"{header(letter, 'dead-letter-partition')}.{header(letter, 'dead-letter-offset')}"
    topic, _, its_place = str(value_of(record).get("record_id", "")).rpartition("/")
    return ".commands.v1" in topic and its_place == place
