"""What pydantic found wrong, in our words: pointers and rules, and nothing of the input."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from shared.ledger import UUID_TEXT
from shared.ledger.text import CAN_BE_SEEN
from shared.ledger.times import DAY, DURATION, PARTIAL_DATE

ERROR_LIMIT: Final = 100
LOOKED_AT: Final = 1_000
"""Of what pydantic found no more is put into words; branches of one union become one error."""
KEY_LIMIT: Final = 64
INTEGER_LIMIT: Final = 2**53
"""The largest whole number that every reader of JSON reads exactly."""


class _Unknown:
    """The type of ``UNKNOWN``: what was validated is not at hand."""


UNKNOWN: Final = _Unknown()


def pointer(*path: str | int, prefix: str = "") -> str:
    """A JSON pointer (RFC 6901); a key longer than 64 characters is cut."""
    return prefix + "".join(
        f"/{step}" if isinstance(step, int) else f"/{_escaped(step)}" for step in path
    )


def _escaped(key: str) -> str:
    printable = key[:KEY_LIMIT].encode("utf-8", "replace").decode()
    return printable.replace("~", "~0").replace("/", "~1")


def errors_from_validation(
    error: ValidationError, prefix: str = "/content", *, given: Any = UNKNOWN
) -> list[dict[str, Any]]:
    """What pydantic found, as ``errors`` of a problem: pointers and rules, no input.

    pydantic's places also name branches of unions and validators. With ``given``, the value that
    was validated, they are told from keys exactly; without it by how they are written.
    """
    found = error.errors(include_url=False, include_input=False)
    return errors_of(found[:LOOKED_AT], prefix, given)


def errors_of(found: Iterable[Any], prefix: str, given: Any) -> list[dict[str, Any]]:
    """The same of pydantic's list of what it found."""
    placed: dict[str, dict[str, Any]] = {}
    through_a_branch: set[str] = set()
    for one in found:
        loc = tuple(one["loc"])
        path = _path_by_name(one) if given is UNKNOWN else _path_by_value(one, given)
        where = pointer(*path, prefix=prefix)
        rule, message = rule_of(one)
        if len(path) < len(loc) and one["type"] in _ONLY_A_BRANCH:
            through_a_branch.add(where)
        held = placed.get(where)
        if held is None:
            placed[where] = {"pointer": where, "rule": rule, "message": message}
        elif held["rule"] != rule:
            # Two branches of a union, each with its own objection: say neither's.
            placed[where] = {"pointer": where, "rule": "shape", "message": _NO_BRANCH}
    # "Not null" of one branch says nothing where another branch was meant and got further.
    for where in through_a_branch:
        if any(other.startswith(f"{where}/") for other in placed):
            del placed[where]
    return list(placed.values())[:ERROR_LIMIT]


def _path_by_value(one: Any, given: Any) -> list[str | int]:
    path: list[str | int] = []
    loc = one["loc"]
    at = given
    for index, step in enumerate(loc):
        is_last = index == len(loc) - 1
        if isinstance(step, int):
            path.append(step)
            at = at[step] if isinstance(at, list | tuple) and 0 <= step < len(at) else None
        elif isinstance(at, Mapping) and step in at:
            path.append(step)
            at = at[step]
        elif is_last and one["type"] in _NAMES_A_MISSING_KEY:
            path.append(step)
    return path


def _path_by_name(one: Any) -> list[str | int]:
    loc = one["loc"]
    names_a_key = one["type"] in (*_NAMES_A_MISSING_KEY, "extra_forbidden")
    return [
        step
        for index, step in enumerate(loc)
        if isinstance(step, int)
        or (names_a_key and index == len(loc) - 1)
        or (_FIELD_NAME.fullmatch(step) and step not in _NAMES_OF_BRANCHES)
    ]


def rule_of(one: Any) -> tuple[str, str]:
    """The rule that was broken, and what it asks for."""
    type_ = one["type"]
    context = one.get("ctx") or {}
    if type_ == "string_pattern_mismatch" and context["pattern"] in _SAID_OF_A_PATTERN:
        return _SAID_OF_A_PATTERN[context["pattern"]]
    if type_ == "value_error":
        said = str(context.get("error", ""))
        return ("rule", f"{said[:1].upper()}{said[1:]}.") if said in _OUR_RULES else _OF_A_TYPE
    rule, message = _RULES.get(type_, _OF_A_TYPE)
    # Limits and enumerations come from the declaration, never from the input.
    return rule, message.format_map(_Declared(context))


class _Declared(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "…"


_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_NAMES_OF_BRANCHES: Final = frozenset(
    {"bool", "bytes", "datetime", "decimal", "dict", "float", "int", "none", "str", "uuid", "list"}
)
_NAMES_A_MISSING_KEY: Final = frozenset({"missing", "missing_argument", "invalid_key"})
_ONLY_A_BRANCH: Final = frozenset({"none_required", "is_instance_of", "enum", "literal_error"})

# Sentences of our own value types; any other text of an exception might quote its input.
_OUR_RULES: Final = frozenset(
    {
        "an organisation needs an ods, a local_id or a name",
        "a location needs an ods or a text",
        "when is exactly one of date, period, interval, timing, as_needed",
        "a period needs a start or an end",
        "a source_ref needs the system that it is of",
    }
)
_OF_A_TYPE: Final = ("shape", "This does not have the shape that is expected here.")
_NO_BRANCH: Final = "This has none of the shapes that are expected here."

# What a pattern means, where nobody would see it in the pattern itself.
_SAID_OF_A_PATTERN: Final[Mapping[str, tuple[str, str]]] = {
    f"^{UUID_TEXT}$": (
        "uuid",
        "A UUID in lower case is expected here, as 0199c0de-0000-7000-8000-000000000001.",
    ),
    DAY: ("date", "A date is expected here, as 2026-03-10."),
    PARTIAL_DATE: ("date", "A date is expected here, as 2026-03-10, 2026-03 or 2026."),
    DURATION: ("duration", "A duration of more than nothing is expected here, as P6W or PT30M."),
    CAN_BE_SEEN: ("says-something", "A text that somebody can read is expected here."),
}

_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("required", "This is required."),
    "missing_argument": ("required", "This is required."),
    "extra_forbidden": ("unknown-key", "There is no such key here."),
    "unexpected_keyword_argument": ("unknown-key", "There is no such key here."),
    "invalid_key": ("unknown-key", "A key must be text."),
    "none_required": ("null", "Only null is expected here."),
    "string_type": ("text", "A text is expected here."),
    "string_sub_type": ("text", "A text is expected here."),
    "string_unicode": ("text", "A text in UTF-8 is expected here."),
    "string_too_short": ("min-length", "At least {min_length} characters are expected here."),
    "string_too_long": ("max-length", "At most {max_length} characters are taken here."),
    "string_pattern_mismatch": ("pattern", "The text must match {pattern}"),
    "literal_error": ("one-of", "One of {expected} is expected here."),
    "enum": ("one-of", "One of {expected} is expected here."),
    "bool_type": ("true-or-false", "True or false is expected here."),
    "bool_parsing": ("true-or-false", "True or false is expected here."),
    "int_type": ("integer", "A whole number is expected here."),
    "int_parsing": ("integer", "A whole number is expected here."),
    "int_parsing_size": ("integer", "This whole number is too long."),
    "int_from_float": ("integer", "A whole number is expected here."),
    "float_type": ("number", "A number is expected here."),
    "float_parsing": ("number", "A number is expected here."),
    "finite_number": ("number", "A finite number is expected here."),
    "greater_than": ("minimum", "A number above {gt} is expected here."),
    "greater_than_equal": ("minimum", "A number of at least {ge} is expected here."),
    "less_than": ("maximum", "A number below {lt} is expected here."),
    "less_than_equal": ("maximum", "A number of at most {le} is expected here."),
    "multiple_of": ("multiple-of", "A multiple of {multiple_of} is expected here."),
    "too_short": ("min-items", "At least {min_length} items are expected here."),
    "too_long": ("max-items", "At most {max_length} items are taken here."),
    "list_type": ("list", "A list is expected here."),
    "tuple_type": ("list", "A list is expected here."),
    "set_type": ("list", "A list is expected here."),
    "frozen_set_type": ("list", "A list is expected here."),
    "dict_type": ("object", "An object is expected here."),
    "mapping_type": ("object", "An object is expected here."),
    "model_type": ("object", "An object is expected here."),
    "model_attributes_type": ("object", "An object is expected here."),
    "dataclass_type": ("object", "An object is expected here."),
    "dataclass_exact_type": ("object", "An object is expected here."),
    "uuid_type": ("uuid", "A UUID is expected here."),
    "uuid_parsing": ("uuid", "A UUID is expected here."),
    "uuid_version": ("uuid", "A UUID of another version is expected here."),
    "date_type": ("date", "A date is expected here."),
    "date_parsing": ("date", "A date is expected here, as 2026-03-10."),
    "date_from_datetime_parsing": ("date", "A date is expected here, as 2026-03-10."),
    "date_from_datetime_inexact": ("date", "A date without a time is expected here."),
    "datetime_type": ("instant", "A time is expected here, as 2026-03-10T14:00:00Z."),
    "datetime_parsing": ("instant", "A time is expected here, as 2026-03-10T14:00:00Z."),
    "datetime_from_date_parsing": ("instant", "A time is expected here, as 2026-03-10T14:00:00Z."),
    "timezone_aware": ("instant-offset", "A time needs its offset from UTC, or Z."),
    "union_tag_invalid": ("one-of", "One of {expected_tags} is expected here."),
    "union_tag_not_found": ("required", "What kind this is, is required."),
    "url_parsing": ("url", "A URL is expected here."),
    "url_scheme": ("url", "A URL of another scheme is expected here."),
    "recursion_loop": ("shape", "This is nested within itself."),
}
