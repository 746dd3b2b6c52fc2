"""What an organisation's client did is judged from its inbox and its receipts."""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from aiokafka.partitioner import murmur2

from shared.contracts.conformance import FAILED, NOT_SHOWN, PASSED, Check, Sent, Traffic

PARTITIONS = 6
PLAN = "0199c0de-0000-7000-8000-0000000000a1"
NEED = "0199c0de-0000-7000-8000-0000000000b1"


def contribution(number: int, words: str, based_on: int | None = None) -> dict[str, Any]:
    change = {} if based_on is None else {"based_on": based_on}
    return {
        "contribution_id": str(uuid5(NAMESPACE_URL, str(number))),
        "plan_id": PLAN,
        "entry_id": NEED,
        "command": f"careplan.needs.commands.{'reword' if change else 'identify'}.v1",
        "content": {"what": {"text": words}},
        **change,
    }


def sent(given: dict[str, Any], offset: int, **others: Any) -> Sent:
    headers = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": given["contribution_id"],
        "ce_source": "urn:careplan:org:zzg01",
        "ce_type": given["command"],
        **others.pop("headers", {}),
    }
    key = PLAN.encode()
    told: dict[str, Any] = {
        "partition": (murmur2(key) & 0x7FFFFFFF) % PARTITIONS,
        "offset": offset,
        "key": key,
        "headers": tuple((n, None if v is None else v.encode()) for n, v in headers.items()),
        "value": json.dumps(given).encode(),
        **others,
    }
    return Sent(**told)


def receipt(given: dict[str, Any], code: str = "", **others: Any) -> dict[str, Any]:
    outcome = {"outcome": "refused", "code": code} if code else {"outcome": "accepted"}
    return {"contribution_id": given["contribution_id"], **outcome, **others}


NEW = contribution(1, "Out of breath")
STALE = contribution(2, "Out of breath on stairs", 3)
RIGHT = contribution(3, "Out of breath on stairs", 4)
AS_IT_SHOULD = [sent(NEW, 0), sent(NEW, 1), sent(STALE, 2), sent(RIGHT, 3)]
RECEIPTS = [receipt(NEW), receipt(NEW), receipt(STALE, "base-version-stale"), receipt(RIGHT)]


def checks(records: list[Sent], receipts: list[dict[str, Any]]) -> dict[str, Check]:
    made = Traffic("zzg01", PARTITIONS, records, receipts).checks()
    return {check.name: check for check in made}


def test_a_client_that_does_everything_right_passes() -> None:
    results = {check.result for check in checks(AS_IT_SHOULD, RECEIPTS).values()}
    assert results == {PASSED}


def test_what_was_never_sent_is_not_shown() -> None:
    found = checks([sent(NEW, 0)], [receipt(NEW)])
    unseen = {name for name, check in found.items() if check.result == NOT_SHOWN}
    assert unseen == {"changes", "repeats", "stale"}
    assert {check.result for check in checks([], []).values()} == {NOT_SHOWN, PASSED}


AGAIN = {**NEW, "contribution_id": str(uuid5(NAMESPACE_URL, "again"))}
ANOTHER = {**NEW, "content": {"what": {"text": "Something else"}}}
SHORT = {name: value for name, value in NEW.items() if name != "content"}
MISPLACED = sent(NEW, 0)


@pytest.mark.parametrize(
    ("fails", "records", "receipts"),
    [
        ("form", [sent(NEW, 0, headers={"ce_id": None})], [receipt(NEW)]),
        ("form", [sent(NEW, 0, headers={"reply_to": None})], [receipt(NEW)]),
        ("form", [sent(NEW, 0, value=b"{")], []),
        ("form", [sent(NEW, 0, value=None)], []),
        ("form", [sent(NEW, 0, key=b"other")], [receipt(NEW)]),
        ("form", [sent(SHORT, 0)], [receipt(NEW, "content-invalid")]),
        ("form", [sent({**STALE, "based_on": None}, 0)], [receipt(STALE, "base-version-missing")]),
        ("source", [sent(NEW, 0, headers={"ce_source": "urn:careplan:org:zzc01"})],
         [receipt(NEW, "organisation-claim-differs")]),
        ("partition", [sent(NEW, 0, partition=(MISPLACED.partition + 1) % PARTITIONS)],
         [receipt(NEW)]),
        ("answered", [sent(NEW, 0)], []),
        ("answered", [sent(NEW, 0)], [receipt(NEW), receipt(NEW, "plan-unknown")]),
        ("repeats", [sent(NEW, 0), sent(ANOTHER, 1)], [receipt(NEW)]),
        ("new-ids", [sent(NEW, 0), sent(AGAIN, 1)], [receipt(NEW), receipt(AGAIN)]),
        ("retries", [sent(NEW, 0)], [receipt(NEW, "plan-unknown", retryable=True)]),
        ("stale", [sent(STALE, 0)], [receipt(STALE, "base-version-stale")]),
    ],
)  # fmt: skip
def test_what_a_client_does_wrong_is_told(
    fails: str, records: list[Sent], receipts: list[dict[str, Any]]
) -> None:
    found = checks(records, receipts)[fails]
    assert found.result == FAILED
    assert found.wrong


def test_what_may_be_sent_again_and_was_is_right() -> None:
    again = [receipt(NEW, "plan-unknown", retryable=True), receipt(NEW)]
    found = checks([sent(NEW, 0), sent(NEW, 1)], again)
    assert {found[name].result for name in ("retries", "answered", "repeats")} == {PASSED}
    assert found["retries"].seen == 1


def test_a_record_in_structured_mode_is_judged_alike() -> None:
    event = {
        "specversion": "1.0",
        "id": NEW["contribution_id"],
        "source": "urn:careplan:org:zzg01",
        "type": NEW["command"],
        "data": NEW,
    }
    record = sent(
        NEW,
        0,
        headers={"content-type": "application/cloudevents+json"},
        value=json.dumps(event).encode(),
    )
    found = checks([record], [receipt(NEW)])
    assert {found[name].result for name in ("form", "source", "answered")} == {PASSED}
    elsewhere = {**event, "source": "urn:careplan:org:zzc01"}
    other = sent(
        NEW,
        0,
        headers={"content-type": "application/cloudevents+json"},
        value=json.dumps(elsewhere).encode(),
    )
    assert checks([other], [receipt(NEW)])["source"].result == FAILED


@pytest.mark.parametrize("value", [b"{", b"[1]", b"\xff", b'{"source": null, "data": 1}', None])
def test_a_structured_record_that_nobody_can_read_is_told_like_any_other(
    value: bytes | None,
) -> None:
    structured = {"content-type": "application/cloudevents+json"}
    found = checks([sent(NEW, 0, headers=structured, value=value), *AS_IT_SHOULD], RECEIPTS)
    wrong = {name for name, check in found.items() if check.result == FAILED}
    assert wrong == {"form", "source"}


def test_what_had_the_id_of_a_stale_change_may_have_been_anything() -> None:
    odd = sent({**STALE, "based_on": "3"}, 0)
    found = checks([odd, sent(STALE, 1), sent(RIGHT, 2)], RECEIPTS[2:])
    assert found["stale"].result == PASSED
