"""What the sections publish: every event that they keep, in turn, with all that a message has."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared.testing.plain_fold import instant
from tests.faults.judge.evidence import Stored, leaf_hash_of
from tests.faults.judge.findings import Findings
from tests.faults.judge.promised.contract import known, leaves_of, schema_name
from tests.faults.judge.published import NaturalKey, Published, difference
from tests.faults.load.sent import Sent

_OF_THE_ENVELOPE: Final = ("plan_id", "entry_id", "contribution_id")
_AUTH_TYPES: Final = {
    "professional": "user",
    "person": "app_user",
    "related-person": "app_user",
    "system": "service_account",
}


def judge_published(
    events: Mapping[NaturalKey, Stored],
    published: Sequence[Published],
    everything: Iterable[Sent],
    found: Findings,
) -> dict[NaturalKey, Published]:
    """All that is stored is published as it is stored, in turn; answers the first of each."""
    sent = {(one.wire, one.id): one for one in everything}
    first: dict[NaturalKey, Published] = {}
    newest: Counter[tuple[str, int]] = Counter()
    for record in published:
        key = record.natural_key
        place = record.topic, record.partition
        found.unless(
            key in first or record.position > newest[place],
            "reordered",
            f"{key} at position {record.position} was first published after {newest[place]}",
        )
        newest[place] = max(newest[place], record.position)
        same = first.setdefault(key, record)
        found.unless(
            same.value == record.value and same.headers == record.headers,
            "wrong",
            f"{key} was published in two forms",
        )
        found.unless(key in events, "wrong", f"{key} is published, and not stored")
    for key, event in events.items():
        if key in first:
            its = sent.get((event.section, event.contribution_id))
            _judge_message(event, first[key], its, found)
        else:
            found.add("lost", f"{key} at position {event.position} was not published")
    _judge_beginnings_anew(first, found)
    return first


def _judge_message(event: Stored, record: Published, sent: Sent | None, found: Findings) -> None:
    another = difference(record.told, _envelope_of(event, record), "")
    found.unless(not another, "wrong", f"{event.key} is published as another: {another}")
    wanted = headers_of(event, sent)
    there = {name: _text(value) for name, value in record.headers.items()}
    claims = "ce_authclaims"
    if sent is not None:  # whoever writes JSON chooses the order of its members
        there[claims] = _sorted(there.get(claims, "{}"))
        wanted[claims] = _sorted(wanted[claims])
    found.unless(
        there == wanted and record.key == event.plan_id.encode(),
        "wrong",
        f"{event.key} is published under another name: {difference(there, wanted)}",
    )
    found.unless(
        record.topic == f"careplan.{event.section}.events.v1",
        "wrong",
        f"{event.key} is published on {record.topic}",
    )


def _envelope_of(event: Stored, record: Published) -> dict[str, Any]:
    """The value as it must be; of ``fields`` the order is nobody's."""
    type_, told = known(event.type), record.told
    provenance = {
        name: given for name, given in event.provenance.items() if name not in _OF_THE_ENVELOPE
    }
    is_again = type_.change == "created" and event.version > 1
    fields = leaves_of(event.type, event.content)
    there = told.get("fields")
    if isinstance(there, list) and (
        sorted(there) == sorted(fields) or (is_again and {*fields} <= {*there})
    ):
        fields = there
    return {
        "plan_id": event.plan_id,
        "section": event.section,
        "entry_id": event.entry_id,
        "entry_type": type_.entry_type,
        "entry_version": event.version,
        "type": event.type,
        "change": "restored" if is_again else type_.change,
        "contribution_id": event.contribution_id,
        "recorded_at": instant(event.recorded_at.isoformat()),
        "content": event.content,
        "fields": fields,
        "provenance": {**provenance, "stated_at": stated_at_of(event)},
    }


def headers_of(event: Stored, sent: Sent | None) -> dict[str, str]:
    """Every header of its message: from what was sent, and from what is stored."""
    entry = f"{event.entry_id}.{event.version}"
    wanted = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": entry,
        "ce_source": f"urn:careplan:section:{event.section}",
        "ce_type": event.type,
        "ce_subject": f"plan/{event.plan_id}/{event.section}",
        "ce_time": stated_at_of(event),
        "ce_recordedtime": instant(event.recorded_at.isoformat()),
        "ce_dataschema": schema_name(event.type),
        "ce_partitionkey": event.plan_id,
        "ce_entryid": event.entry_id,
        "ce_entryversion": str(event.version),
        "ce_position": str(event.position),
        "ce_causationid": event.contribution_id,
        "ce_authtype": _AUTH_TYPES[event.provenance["recorded_by"]["kind"]],
        "ce_authclaims": (event.authn or b"").decode(),
        "ce_policyversion": event.policy_version or "",
        "ce_policyinputs": (event.inputs or b"").hex(),
        "ce_command": event.command or "",
        "ce_leafhash": leaf_hash_of(event),
    }
    if sent is not None:
        user = {"client_id": sent.by.org.lower(), "idp": "kafka"}
        wanted |= {
            "ce_authtype": _AUTH_TYPES[sent.by.kind],
            "ce_authclaims": json.dumps(user if sent.door == "kafka" else sent.by.signed_in),
            "ce_command": sent.contribution["command"],
            "ce_causationid": sent.id,
            "ce_partitionkey": sent.plan_id,
        }
        said = sent.contribution["provenance"].get("stated_at")
        if said is not None:
            wanted["ce_time"] = instant(said)
    if event.traceparent is not None:
        wanted |= {"traceparent": event.traceparent, "ce_traceparent": event.traceparent}
    return wanted


def stated_at_of(event: Stored) -> str:
    """When it was said; where nobody says so, when it was recorded."""
    said: str = event.provenance.get("stated_at") or instant(event.recorded_at.isoformat())
    return said


def _judge_beginnings_anew(first: Mapping[NaturalKey, Published], found: Findings) -> None:
    """An entry that is begun again says what each leaf is that it had, or that it is gone."""
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    for key in sorted(first):
        told = first[key].told
        leaves = set(told["fields"])
        is_begun_again = told["change"] == "restored" and known(told["type"]).change == "created"
        if is_begun_again and told["content"]:
            left = held[key[:2]] - leaves - {"visibility"}
            found.unless(not left, "wrong", f"{key} is begun again, and keeps {sorted(left)}")
        for leaf in leaves:
            name, _, inner = leaf.partition(".")
            value = told["content"].get(name)
            is_there = value is not None and (not inner or value.get(inner) is not None)
            (held[key[:2]].add if is_there else held[key[:2]].discard)(leaf)


def _sorted(text: str) -> str:
    return json.dumps(json.loads(text or "{}"), sort_keys=True)


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="backslashreplace")
