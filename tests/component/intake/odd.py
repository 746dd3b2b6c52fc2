"""Messages that intake refuses: what each is answered with, and what the reason says."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from shared.testing.raw_names import raw_name
from tests.component.intake.bench import GOAL, Sent, agree, binary, structured

WILMA = "Wilma Tarn-Synth has cancer"
UNREADABLE, INVALID, UNKNOWN = "unreadable-json", "content-invalid", "command-unknown"
AS_IT_IS = b"as it is"


@dataclass(frozen=True)
class Odd:
    """A message that is refused; ``named`` is the contribution that is answered, if any."""

    sent: Sent
    code: str
    reason: str
    named: str | None


def odd_messages() -> dict[str, Odd]:
    """All of them by name."""
    return {**odd_values(), **odd_contributions(), **odd_headers(), **odd_events()}


def _odd(
    code: str,
    reason: str,
    *,
    given: dict[str, Any] | None = None,
    value: bytes | None = AS_IT_IS,
    key: bytes | None = AS_IT_IS,
    without: str = "",
    named: dict[str, bytes | None] | None = None,
    answered: bool = True,
) -> Odd:
    given = given or agree()
    sent = binary(given)
    told: dict[str, bytes | None] = {**dict(sent.headers), **(named or {})}
    told.pop(without, None)
    sent.headers = list(told.items())
    sent.value = sent.value if value == AS_IT_IS else value
    sent.key = sent.key if key == AS_IT_IS else key
    return Odd(sent, code, reason, given["contribution_id"] if answered else None)


def odd_values() -> dict[str, Odd]:
    """Values that nobody can read, or that are no contribution."""
    with_nul = orjson.dumps(agree(content={**GOAL, "why": "a\0"}))
    return {
        "a tombstone": _odd(UNREADABLE, "tombstone", value=None),
        "bad JSON": _odd(UNREADABLE, "not JSON", value=b'{"plan_id": xxxxxxx'),
        "bad UTF-8": _odd(UNREADABLE, "UTF-8", value=b'{"a": "\xff\xfe"}'),
        "a key twice": _odd(UNREADABLE, "twice", value=b'{"a": 1, "a": 2, "b": 3}'),
        "deep lists": _odd(UNREADABLE, "nested deeper", value=b"[" * 500_001),
        "deep objects": _odd(UNREADABLE, "nested deeper", value=b'{"a":' * 100_001),
        "a list": _odd(INVALID, "must be an object", value=b"[1, 2]"),
        "nothing": _odd(INVALID, "must be an object", value=b"null "),
        "a NUL": _odd(INVALID, "NUL", value=with_nul),
    }


def odd_contributions() -> dict[str, Odd]:
    """Contributions that are none of a contract, or that their key does not agree with."""
    commands = {
        "an unknown command": ("careplan.goals.commands.abolish.v1", "no such command"),
        "an unknown section": ("careplan.sleep-diary.commands.sleep.v1", "the sections are"),
        "a future version": ("careplan.goals.commands.agree.v2", "no such version"),
        "an event": ("careplan.goals.agreed.v1", "The type of a command is"),
    }
    of_commands = {
        name: _odd(UNKNOWN, reason, given=agree(command=type_))
        for name, (type_, reason) in commands.items()
    }
    shape = agree(content={"aim": "x"})
    return {
        **of_commands,
        "an unknown key": _odd(INVALID, "key that is not known", given={**agree(), WILMA: 1}),
        "another shape": _odd(INVALID, "`aim` must be an object", given=shape),
        "no plan": _odd(INVALID, "`plan_id`", given={**agree(), "plan_id": None}),
        "another key": _odd(INVALID, "key of the record", key=str(uuid4()).encode()),
        "no key": _odd(INVALID, "key of the record", key=None),
        "a key of any bytes": _odd(INVALID, "key of the record", key=b"\xff" * 60_000),
    }


def odd_headers() -> dict[str, Odd]:
    """Headers that are missing, null, no text, or say something else."""
    odd = {}
    for name in ("content-type", "ce_specversion", "ce_type", "ce_source", "ce_id"):
        odd[f"no {name}"] = _odd(INVALID, name, without=name)
        odd[f"a null {name}"] = _odd(INVALID, name, named={name: None})
        odd[f"a {name} that is no UTF-8"] = _odd(INVALID, name, named={name: b"\xff\xfe"})
    many: dict[str, bytes | None] = {f"h{number}": b"x" for number in range(20_000)}
    avro, old = {"content-type": b"application/avro"}, {"ce_specversion": b"0.3"}
    nameless: dict[str, bytes | None] = {raw_name(b"\xe9tiquette"): b""}
    return {
        **odd,
        "no JSON and no id": _odd(
            UNREADABLE, "JSON", value=b"{", named={"ce_id": None}, answered=False
        ),
        "no JSON and a long id": _odd(
            UNREADABLE, "JSON", value=b"{{", named={"ce_id": b"i" * 65}, answered=False
        ),
        "no JSON and 20,000 headers": _odd(UNREADABLE, "JSON", value=b'{"h', named=many),
        "CloudEvents 0.3": _odd(INVALID, "must be `1.0`", named={**old}),
        "another ce_type": _odd(INVALID, "ce_type", named={"ce_type": b"x"}),
        "another content-type": _odd(INVALID, "must be `application/json`", named={**avro}),
        "a name that is no UTF-8": _odd(INVALID, "name of a header", named=nameless),
    }


def odd_events() -> dict[str, Odd]:
    """CloudEvents in structured mode."""

    def event(reason: str, **attributes: Any) -> Odd:
        given = agree()
        sent = structured(given, **attributes)
        return Odd(sent, INVALID, reason, given["contribution_id"])

    no_event = structured(agree())
    no_event.value = b"[]"
    return {
        "an event without data": event("`data` is missing", data=None),
        "an event of 0.3": event("`specversion` must be", specversion="0.3"),
        "an event of Avro": event("`datacontenttype` must", datacontenttype="a/b"),
        "another type of event": event("`type` must be", type="x"),
        "a source that is a list": event("`source` must be", source=["zzc01"]),
        "an event with other data": event("must be an object", data=[WILMA]),
        "no event": Odd(no_event, INVALID, "must be an object", None),
    }
