"""What intake tells the audit is what the audit can record; a receipt is as its contract has it."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiokafka import ConsumerRecord
from jsonschema import Draft202012Validator

from services.audit.record.model import Operation, Source
from services.audit.record.reading import record_of_message
from services.intake import answers
from services.intake.judging import Judged, judge
from shared.chassis.database.outgoing import Outgoing
from shared.contracts import discover
from shared.ledger.topics import inbox_topic
from tests.component.intake.bench import Sent, agree, binary
from tests.component.intake.odd import Odd, odd_messages

SECTIONS = discover.sections()
TOPIC_ID = UUID(int=7)
ODD = odd_messages()
del ODD["a name that is no UTF-8"]  # odd on the wire alone
RECEIPT = json.loads(
    (Path(__file__).parents[3] / "contracts" / "careplan.receipt" / "1.0.json").read_text()
)


def judged(sent: Sent) -> Judged:
    named = {"key": sent.key, "value": sent.value, "headers": tuple(sent.headers)}
    members: dict[str, Any] = {"topic": inbox_topic("zzc01"), "partition": 1, "offset": 5, **named}
    others = ("timestamp", "timestamp_type", "checksum", "serialized_key_size")
    none = dict.fromkeys((*others, "serialized_value_size"))
    return judge(ConsumerRecord(**none, **members), "zzc01", SECTIONS)


def recorded(row: Outgoing) -> Any:
    source = Source("careplan.audit.records.v1", 0, 0)
    return record_of_message(orjson.loads(row.value), None, source)


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_the_audit_can_record_what_could_not_be_read(odd: Odd) -> None:
    found = judged(odd.sent)
    assert found.refused is not None
    letter, told = answers.unreadable(found, found.refused, "", TOPIC_ID)
    record = recorded(told)
    assert record.record_id == f"intake/{inbox_topic('zzc01')}@{TOPIC_ID.hex[:12]}/1.5"
    assert (record.operation, record.section) == (Operation.UNREADABLE, "intake")
    assert (record.code, record.organisation) == (odd.code, "ZZC01")
    assert letter.topic == "careplan.intake.dead-letters.v1"
    record = recorded(answers.counted([found, found], found.refused, "", TOPIC_ID))
    assert (record.operation, record.organisation) == (Operation.UNREADABLE, "ZZC01")


def test_the_audit_can_record_a_claim_once() -> None:
    given = agree()
    found = judged(binary(given, "zzg01"))
    assert found.refused is not None
    first = recorded(answers.refusal(found, found.refused, "", TOPIC_ID))
    assert (first.operation, first.code) == (Operation.REFUSAL, "organisation-claim-differs")
    assert (first.organisation, str(first.plan_id)) == ("ZZC01", given["plan_id"])
    assert str(first.contribution_id) == given["contribution_id"]
    # Sent again it is the same record, whatever its place.
    again = recorded(answers.refusal(judged(binary(given, "zzg01")), found.refused, "", None))
    assert (first.record_id, first.identity) == (again.record_id, again.identity)


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_a_receipt_is_as_its_contract_has_it(odd: Odd) -> None:
    found = judged(odd.sent)
    assert found.refused is not None
    for row in answers.receipt(found, found.refused, ""):
        told = orjson.loads(row.value)
        Draft202012Validator(RECEIPT).validate(told)
        assert row.topic == "careplan.receipts.zzc01.v1"
        assert dict(row.headers)["ce_source"] == b"urn:careplan:intake"
