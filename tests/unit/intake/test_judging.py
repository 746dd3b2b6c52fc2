"""Whose a message is, whether it can be passed on, and what is said of it where it cannot."""

import dataclasses
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord

from services.intake.judging import Judged, judge, organisation_of
from shared.contracts import discover
from tests.component.intake.bench import Sent, agree, binary, structured
from tests.component.intake.odd import Odd, odd_messages

SECTIONS = discover.sections()
ODD = odd_messages()
del ODD["a name that is no UTF-8"]  # odd on the wire alone


def judged(sent: Sent, organisation: str = "zzc01", *, is_suspended: bool = False) -> Judged:
    members = {field.name: None for field in dataclasses.fields(ConsumerRecord)}
    record: Any = ConsumerRecord(
        **{**members, "key": sent.key, "value": sent.value, "headers": tuple(sent.headers)}
    )
    return judge(record, organisation, SECTIONS, is_suspended=is_suspended)


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_what_cannot_be_passed_on_is_refused_with_its_reason(odd: Odd) -> None:
    found = judged(odd.sent)
    assert found.refused is not None
    assert found.refused.code == odd.code
    assert odd.reason in found.refused.reason
    assert found.contribution_id == odd.named or odd.named is None
    assert found.value == b""


@pytest.mark.parametrize("form", [binary, structured])
@pytest.mark.parametrize(
    ("organisation", "said"),
    [("zzc01", "zzc01"), ("zzc01", "ZZC01"), ("x-harbour-homes", "x-harbour-homes")],
)
def test_what_is_right_is_passed_on_byte_by_byte(form: Any, organisation: str, said: str) -> None:
    given = agree()
    found = judged(form(given, said), organisation)
    assert found.refused is None
    assert (found.section, found.type) == ("goals", given["command"])
    assert found.value == orjson.dumps(given)
    assert str(found.plan_id) == given["plan_id"]


@pytest.mark.parametrize("form", [binary, structured])
@pytest.mark.parametrize("said", ["zzg01", "zzc011", "x-zzc01"])
def test_the_inbox_says_whose_it_is_and_nothing_in_it(form: Any, said: str) -> None:
    found = judged(form(agree(), said))
    assert found.refused is not None
    assert (found.refused.code, found.claimed) == ("organisation-claim-differs", said)


@pytest.mark.parametrize(
    ("topic", "organisation"),
    [
        ("careplan.inbox.zzg01.v1", "zzg01"),
        ("careplan.inbox.x-harbour-homes.v1", "x-harbour-homes"),
    ],
)
def test_a_topic_has_one_organisation(topic: str, organisation: str) -> None:
    assert organisation_of(f"t1.{topic}", "t1.") == organisation


@pytest.mark.parametrize(
    "topic",
    [
        *("careplan.inbox.ZZG01.v1", "careplan.inbox.x-.v1", "careplan.inbox.zz.v1"),
        *("careplan.inbox.zzg01.v2", "careplan.receipts.zzg01.v1", "careplan.inbox.a.b.v1"),
    ],
)
def test_no_other_topic_is_an_inbox(topic: str) -> None:
    with pytest.raises(LookupError):
        organisation_of(topic, "")


def test_a_mistake_of_ours_is_told_of_that_message_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(*_: object) -> None:
        raise RecursionError("Wilma Tarn-Synth")

    monkeypatch.setattr("services.intake.judging.prepare", mistaken)
    given = agree()
    found = judged(binary(given))
    assert found.refused is not None
    assert found.refused.code == "internal-error"
    assert found.refused.reason == "This cannot be judged (RecursionError)."
    assert found.contribution_id == given["contribution_id"]


@pytest.mark.parametrize(
    ("said", "code"),
    [("zzc01", "organisation-suspended"), ("zzg01", "organisation-claim-differs")],
)
def test_of_one_that_is_cut_off_nothing_is_taken(said: str, code: str) -> None:
    found = judged(binary(agree(), said), is_suspended=True)
    assert found.refused is not None
    assert (found.refused.code, found.value) == (code, b"")
