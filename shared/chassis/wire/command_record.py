"""The headers and the key of a command over Kafka, by one rule for the door and the validator."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.chassis.wire.validation_errors import error_at
from shared.ledger import ORGANISATION_SOURCE

HEADERS: Final = ("content-type", "ce_specversion", "ce_id", "ce_source", "ce_type")
"""The headers that a command must have."""

STRUCTURED: Final = "application/cloudevents+json"
"""The content type of a CloudEvent whose value has the attributes, and the command in `data`."""

_TYPE: Final = "content-type"
_ATTRIBUTES: Final = {
    _TYPE: "datacontenttype",
    **{name: name.removeprefix("ce_") for name in HEADERS if name != _TYPE},
}
_SOURCE: Final = re.compile(ORGANISATION_SOURCE)
SAYS_WHOSE: Final = "This must be `urn:careplan:org:` and the code of the organisation."
_MUST_BE: Final = {
    "content-type": ("application/json", "This must be `application/json`."),
    "ce_specversion": ("1.0", "This must be `1.0`."),
}
_SAYS_THE_SAME: Final = {
    "ce_id": ("contribution_id", "This must be the `contribution_id` of the value."),
    "ce_type": ("command", "This must be the `command` of the value."),
}


def wrong_in_headers(headers: Mapping[Any, Any], value: Any) -> Iterator[dict[str, str]]:
    """What is wrong in the headers that a command must have; all others are passed over.

    A header that is null, or no text, says something else than what is asked for.
    """
    told = value if isinstance(value, dict) else {}
    asked: dict[str, tuple[Any, str]] = dict(_MUST_BE)
    asked |= {name: (told.get(key), message) for name, (key, message) in _SAYS_THE_SAME.items()}
    for name, (wanted, message) in asked.items():
        if name not in headers:
            yield _error(name, "required", "This is missing.")
        elif not isinstance(wanted, str) or headers[name] != wanted:
            yield _error(name, "header", message)
    if organisation_in(headers.get("ce_source")) is None:
        yield _error("ce_source", "header", SAYS_WHOSE)


def headers_of_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that binary mode has in place of the attributes of a structured CloudEvent."""
    told = {name: event[of] for name, of in _ATTRIBUTES.items() if name != _TYPE and of in event}
    type_ = event.get(_ATTRIBUTES[_TYPE])
    return {**told, _TYPE: "application/json" if type_ is None else type_}


def wrong_in_attributes(event: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """What is wrong in the attributes that a command in structured mode must have."""
    for wrong in wrong_in_headers(headers_of_event(event), event.get("data")):
        name = wrong["pointer"].removeprefix("/")
        yield error_at(f"/{_ATTRIBUTES[name]}", wrong["rule"], wrong["message"])


def wrong_in_key(key: Any, value: Any) -> Iterator[dict[str, str]]:
    """A command's key is its plan's id, which ``open-plan`` names too."""
    plan_id = value.get("plan_id") if isinstance(value, dict) else None
    if plan_id is None:
        message = "Over Kafka every command names its `plan_id`, `open-plan` too."
        yield error_at("", "required", message)
    elif key != plan_id:
        message = "The key of the record must be the `plan_id`."
        yield error_at("", "key", message)


def organisation_in(source: Any) -> str | None:
    """The code of the organisation that a ``ce_source`` names; ``None`` where it names none."""
    found = _SOURCE.fullmatch(source) if isinstance(source, str) else None
    return found[1] if found else None


def _error(name: str, rule: str, message: str) -> dict[str, str]:
    return error_at(f"/{name}", rule, message)
