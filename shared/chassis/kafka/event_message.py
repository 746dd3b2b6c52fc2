"""Events between their stored and their published form: CloudEvents 1.0, Kafka binary mode.

It is one thing, and long: what is written and what is read are two sides of one form.
"""

import builtins
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import orjson
from asyncpg.pgproto.pgproto import UUID as DriversUUID  # noqa: N811 - made, hashed, written in C

from shared.chassis.kafka.client import BROKEN
from shared.chassis.store.mapper import ENVELOPE, fields_of
from shared.chassis.store.rows import StoredRow
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import judge_size
from shared.ledger import (
    PERSON,
    PROFESSIONAL,
    RELATED_PERSON,
    SYSTEM,
    Change,
    Entry,
    RecordedEvent,
    Section,
    change_of,
    id_in,
    instant,
)
from shared.ledger.names import trace_of
from shared.ledger.recorded_event import MERGED, plan_state_after
from shared.ledger.topics import events_topic

_CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
_BRACE = ord("{")
_CHANGES = {change.value: change.value for change in Change}
_LONGEST_NUMBER = 18  # digits; one more could be too much for the database
LARGEST_VALUE = 4 * 1024 * 1024
"""Bytes of what stands on our own topics: a contribution of 1 MiB, and what an entry grows to."""
_DEEPEST = 100
_MOST_VALUES = 200_000
_MOST_FIELDS = 1_000
_LONGEST_FIELD = 500
_OBJECTS_OF_A_PROVENANCE = ("recorded_by", "stated_by", "on_behalf_of", "supported_by", "system")
_NUL = "\x00"
_WRITTEN_NUL = b"\\u0000"
_YEARS = range(1000, 9999)  # in UTC: any database and any offset can hold them
_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_TYPE = re.compile(r"careplan\.([a-z][a-z0-9-]{0,59})\.[a-z][a-z0-9-]{0,99}\.v[1-9][0-9]{0,3}")
_AUTH_TYPES = {
    PROFESSIONAL: b"user",
    PERSON: b"app_user",
    RELATED_PERSON: b"app_user",
    SYSTEM: b"service_account",
}
_SIGNATURE = b'"signature":'
_OF_THE_ENVELOPE = ("plan_id", "entry_id", "contribution_id")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text_of = msgspec.json.Decoder(str).decode
_encoded = msgspec.json.Encoder().encode


class Unreadable(Exception):
    """A record that is not what its topic promises.

    ``reason`` is in words that are ours alone: it quotes neither a value nor a key that somebody
    sent. ``code`` is one of the codes of a problem.
    """

    def __init__(self, reason: str, code: str = "content-invalid") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class ConsumedRecord(Protocol):
    """The part of a Kafka record that is read here."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Any


class _Facts(NamedTuple):
    """What is the same for all events of a type."""

    entry_type: str
    event: builtins.type[Entry.Event]
    maps: frozenset[str]
    type: tuple[str, bytes]
    schema: tuple[str, bytes]


class EventPublisher:
    """Turns committed rows of one section into messages.

    ``contracts`` is the folder of the published schemas, the newest of which each event names.
    """

    def __init__(self, section: Section, contracts: Path = _CONTRACTS) -> None:
        self._section = section.wire_name
        self._source = ("ce_source", f"urn:careplan:section:{self._section}".encode())
        self._facts = {
            type_: _Facts(
                section.entry_type(section.entry_of_event(type_)),
                event,
                _maps_of(event),
                ("ce_type", type_.encode()),
                ("ce_dataschema", _schema_of(type_, contracts).encode()),
            )
            for type_, event in section.events.items()
        }

    def message(self, row: StoredRow) -> tuple[bytes, bytes, list[tuple[str, bytes | None]]]:
        """Key, value and headers of one event (``kafka.md`` of the contract: event envelope)."""
        # What is not looked into stays as it was stored: most of an event is never decoded.
        state = _members(row.state)
        provenance = _members(state["provenance"])
        plan_id = _text_of(provenance["plan_id"])
        contribution_id = _text_of(provenance["contribution_id"])
        recorded_at = instant(row.recorded_at)
        content = {name: value for name, value in state.items() if name not in ENVELOPE}
        told: dict[str, Any] = {
            name: value for name, value in provenance.items() if name not in _OF_THE_ENVELOPE
        }
        stated_at = _text_of(told["stated_at"]) if "stated_at" in told else recorded_at
        told["stated_at"] = stated_at
        facts = self._facts[row.type]
        entry_id = str(row.entry_id)
        value = _encoded(
            {
                "plan_id": plan_id,
                "section": self._section,
                "entry_id": entry_id,
                "entry_type": facts.entry_type,
                "entry_version": row.entry_version,
                "type": row.type,
                "change": change_of(facts.event, row.entry_version).value,
                "contribution_id": contribution_id,
                "recorded_at": recorded_at,
                "content": content,
                "fields": fields_of(
                    facts.event,
                    {
                        name: _opened(value) if name in facts.maps else None
                        for name, value in content.items()
                    },
                    row.entry_version,
                ),
                "provenance": told,
            }
        )
        key = plan_id.encode()
        headers: list[tuple[str, bytes | None]] = [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{entry_id}.{row.entry_version}".encode()),
            self._source,
            facts.type,
            ("ce_subject", f"plan/{plan_id}/{self._section}".encode()),
            ("ce_time", stated_at.encode()),
            ("ce_recordedtime", recorded_at.encode()),
            facts.schema,
            ("ce_partitionkey", key),
            ("ce_entryid", entry_id.encode()),
            ("ce_entryversion", str(row.entry_version).encode()),
            ("ce_position", str(row.position).encode()),
            ("ce_causationid", contribution_id.encode()),
        ]
        headers.append(("ce_authtype", _auth_type_of(provenance)))
        if row.authn is not None:
            headers += _authenticated(row.authn)
        if row.policy_version is not None:
            headers.append(("ce_policyversion", row.policy_version.encode()))
        if row.inputs_sha256 is not None:
            headers.append(("ce_policyinputs", row.inputs_sha256.hex().encode()))
        if row.command is not None:
            headers.append(("ce_command", row.command.encode()))
        if row.leaf_hash is not None:
            headers.append(("ce_leafhash", row.leaf_hash.hex().encode()))
        if row.traceparent is not None:
            headers.append(("traceparent", row.traceparent.encode()))
            headers.append(("ce_traceparent", row.traceparent.encode()))
        return key, value, headers


def _authenticated(authn: bytes) -> list[tuple[str, bytes | None]]:
    """How the contributor was authenticated, and the signature of their organisation by itself."""
    if _SIGNATURE not in authn:
        return [("ce_authclaims", authn)]
    told = _members(authn)
    signature = _text_of(told.pop("signature"))
    return [("ce_authclaims", _encoded(told)), ("ce_signature", signature.encode())]


def _auth_type_of(provenance: Mapping[str, msgspec.Raw]) -> bytes:
    """What kind of principal recorded it, in the words of CloudEvents."""
    return _AUTH_TYPES[_text_of(_members(provenance["recorded_by"])["kind"])]


def _schema_of(type_: str, contracts: Path) -> str:
    """The newest minor version of the major that the type names; its first where none is kept."""
    name, _, major = type_.rpartition(".v")
    kept = [int(path.stem.partition(".")[2]) for path in (contracts / name).glob(f"{major}.*.json")]
    return f"urn:careplan:contract:{name}:{major}.{max(kept, default=0)}"


def _maps_of(event: type[Entry.Event]) -> frozenset[str]:
    return frozenset(
        name
        for name in event.__dataclass_fields__
        if fields_of(event, {name: {"key": None}}, 1) == [f"{name}.key"]
    )


def _opened(value: msgspec.Raw) -> Mapping[str, msgspec.Raw] | None:
    """The members of a map, each of which is a field; a null has none."""
    return _members(value) if memoryview(value)[0] == _BRACE else None


def header(record: ConsumedRecord, name: str) -> str | None:
    """The last header of that name as text; ``None`` where it is absent, null or not UTF-8."""
    return _header(dict(record.headers), name)


def headers_in(record: ConsumedRecord, names: Iterable[str]) -> dict[str, str]:
    """Those of these headers that ``header`` finds."""
    headers = dict(record.headers)
    told = ((name, _header(headers, name)) for name in names)
    return {name: text for name, text in told if text is not None}


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    found = headers.get(name)
    if found is None:
        return None
    try:
        return bytes(found).decode()
    except UnicodeDecodeError:
        return None


def event_of(record: ConsumedRecord) -> RecordedEvent:
    """The event in a record of its section's topic; raises ``Unreadable``.

    Each text of the envelope has a form or a length, since readers store it.
    """
    value = json_object_of(record)
    try:
        section = _matched(_NAME, value["section"])
        type_ = _matched(_TYPE, value["type"])
        content = _mapping(value["content"])
        fields = value.get("fields")
        headers = dict(record.headers)
        trace = _header(headers, "traceparent")
        # Not by its own constructor: a frozen class sets each of its fields by a call.
        event = object.__new__(RecordedEvent)
        vars(event).update(
            plan_id=DriversUUID(value["plan_id"]),
            section=section,
            entry_id=DriversUUID(value["entry_id"]),
            entry_type=_matched(_NAME, value["entry_type"]),
            entry_version=_version(value["entry_version"]),
            type=type_,
            change=_CHANGES[value["change"]],
            contribution_id=DriversUUID(value["contribution_id"]),
            recorded_at=_instant(value["recorded_at"]),
            content=content,
            provenance=_provenance(value["provenance"]),
            fields=_fields(list(content) if fields is None else fields),
            position=_number(_header(headers, "ce_position")),
            # Headers are whatever somebody wrote: one that has not its form is none.
            traceparent=trace if trace_of(trace) else None,
            leaf_hash=_header(headers, "ce_leafhash"),
        )
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Unreadable(f"It is not an event envelope ({type(error).__name__}).") from error
    if record.key != str(event.plan_id).encode():
        raise Unreadable("The key of the record is not the `plan_id`.")
    _judge_section(event, record.topic)
    _judge_plan_state(event)
    return event


def _judge_section(event: RecordedEvent, topic: str) -> None:
    """An event belongs to its topic: no section speaks for another."""
    own = events_topic(event.section)
    if topic != own and not topic.endswith(f".{own}"):  # behind the deployment's prefix
        raise Unreadable("The event is of another section than its topic.")
    if not event.type.startswith(f"careplan.{event.section}."):
        raise Unreadable("The type is not one of its section.")


def _judge_plan_state(event: RecordedEvent) -> None:
    """What an event says of its plan is what its type says: no reader takes half of it."""
    state = plan_state_after(event.type.rpartition(".v")[0])
    if state is None:
        return
    said, into = event.content.get("plan_state"), event.content.get("merged_into")
    if said is not None and said != state:
        raise Unreadable("`plan_state` is not the one of its type")
    if (id_in(into) is None) if state == MERGED else (into is not None):
        raise Unreadable("`merged_into` must name a plan where the plan is merged, and only there")


def judge_headers(record: ConsumedRecord) -> None:
    """Raise ``Unreadable`` for what is no record, or has a header whose name is not UTF-8.

    The value of a header may be null or any bytes: whoever reads it judges it.
    """
    for name, value in record.headers:
        if name == BROKEN:
            raise Unreadable((value or b"").decode())
        if not name.isascii() and not is_text(name):
            raise Unreadable("The name of a header is not UTF-8.")


def is_text(given: str) -> bool:
    """True where it can be written in UTF-8: a lone surrogate cannot."""
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def json_object_of(record: ConsumedRecord) -> dict[str, Any]:
    """The JSON object a record holds; raises ``Unreadable``."""
    judge_headers(record)
    given = record.value
    if not given:
        raise Unreadable("There is no value: it is a tombstone.", "unreadable-json")
    if len(given) > LARGEST_VALUE:
        raise Unreadable(f"The value has more than {LARGEST_VALUE} bytes.", "body-too-large")
    try:
        judge_size(given, depth=_DEEPEST, values_limit=_MOST_VALUES)
        value = orjson.loads(given)
    except Problem as problem:
        raise Unreadable(problem.detail, problem.code) from None
    except orjson.JSONDecodeError as error:
        raise Unreadable("It is not JSON in UTF-8.", "unreadable-json") from error
    if not isinstance(value, dict):
        raise Unreadable("It is not a JSON object.")
    if _WRITTEN_NUL in given and _has_nul(value):
        raise Unreadable("A text holds the character NUL.")
    return value


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return _NUL in value
    if isinstance(value, dict):
        return any(_NUL in name or _has_nul(held) for name, held in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def _matched(form: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError("not of its form")
    return value


def _fields(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_FIELDS:
        raise TypeError("not a list of fields")
    for name in value:
        if not isinstance(name, str) or len(name) > _LONGEST_FIELD:
            raise TypeError("not a field")
    return tuple(value)


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("an instant without an offset")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    if at.year not in _YEARS:
        raise ValueError("not an instant of our times")
    return at


def _version(value: Any) -> int:
    if type(value) is not int or not 0 < value < 2**53:
        raise ValueError("not a version")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _provenance(value: Any) -> dict[str, Any]:
    """Who said it and when: a time that not every reader could take is none."""
    provenance = _mapping(value)
    if provenance.get("stated_at") is not None:
        _instant(provenance["stated_at"])
    for name in _OBJECTS_OF_A_PROVENANCE:
        if provenance.get(name) is not None:
            _mapping(provenance[name])
    return provenance


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _LONGEST_NUMBER:
        return None
    return int(text)
