"""What pydantic found wrong, in our words: pointers and rules, and nothing of the input."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from pydantic import ValidationError

from shared.ledger import COMMAND_TYPE, UUID_TEXT, Misshapen
from shared.ledger.names import LOCAL_ID, ODS
from shared.ledger.text import CAN_BE_SEEN
from shared.ledger.times import DAY, DURATION, PARTIAL_DATE
from shared.ledger.values.links import FIELD_PATH, SECTION_NAME
from shared.ledger.values.shape import MIME, SHA256, URL

ERROR_LIMIT: Final = 100
LOOKED_AT: Final = 1_000
"""Of what pydantic found no more is put into words; branches of one union become one error."""
KEY_LIMIT: Final = 64
NAMED_IN_A_SENTENCE: Final = 3
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


def error_at(where: str, rule: str, message: str) -> dict[str, str]:
    """What is wrong at a place, as one of the ``errors`` of a problem."""
    return {"pointer": where, "rule": rule, "message": message}


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
        where = pointer(*path, *_member_of(one), prefix=prefix)
        rule, message = rule_of(one)
        if len(path) < len(loc) and one["type"] in _ONLY_A_BRANCH:
            through_a_branch.add(where)
        held = placed.get(where)
        if held is None:
            placed[where] = error_at(where, rule, message)
        elif held["rule"] != rule:
            # Two branches of a union, each with its own objection: say neither's.
            placed[where] = error_at(where, "shape", _NO_BRANCH)
    # "Not null" of one branch says nothing where another branch was meant and got further.
    for where in through_a_branch:
        if any(other.startswith(f"{where}/") for other in placed):
            del placed[where]
    return list(placed.values())[:ERROR_LIMIT]


def _member_of(one: Any) -> tuple[str, ...]:
    """The member of a value that is wrong, where the value itself said so."""
    error = (one.get("ctx") or {}).get("error")
    return (error.at,) if isinstance(error, Misshapen) and error.at is not None else ()


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
    """The rule that was broken, and a sentence that says what would be right."""
    rule, predicate = _broken(one)
    return rule, f"This {predicate}." if predicate[:1].islower() else f"{predicate}."


def _broken(one: Any) -> tuple[str, str]:
    type_ = one["type"]
    context = one.get("ctx") or {}
    if type_ == "string_pattern_mismatch" and context["pattern"] in SAID_OF_A_PATTERN:
        return SAID_OF_A_PATTERN[context["pattern"]]
    if type_ == "value_error":
        error = context.get("error")
        if not isinstance(error, Misshapen):
            return _OF_A_TYPE  # any other text of an exception might quote its input
        return "rule", str(error)
    if type_ in ("literal_error", "enum"):
        expected = str(context["expected"]).replace("'", "`").replace("True", "`true`")
        is_one_of = "one of " if "` or `" in expected else ""
        return "one-of", f"must be {is_one_of}{expected}"
    rule, predicate = _RULES.get(type_, _OF_A_TYPE)
    # Limits and enumerations come from the declaration, never from the input.
    return rule, predicate.format_map(_Declared(context))


def sentence_of(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first errors in one sentence: "`aim` must be an object; `need_ids` is missing.".

    A key that is not known here is the sender's own text: the sentence says only where it stands,
    and which keys may stand there.
    """
    said = list(dict.fromkeys(map(_said_of, errors[:NAMED_IN_A_SENTENCE])))
    left = len(errors) - NAMED_IN_A_SENTENCE
    more = f"; and {left} more" if left > 0 else ""
    return f"{'; '.join(said)}{more}." if said else ""


def _said_of(error: Mapping[str, Any]) -> str:
    steps = str(error["pointer"]).split("/")[1:]
    if error.get("rule") in OF_ANY_TEXT:
        return str(error["message"]).rstrip(".")
    if error.get("rule") == UNKNOWN_KEY:
        known = str(error["message"]).rstrip(".").partition("; ")[2]
        where = f"{_named(steps[:-1]) or 'This'} has a key that is not known here"
        return f"{where}; {known}" if known else where
    named = _named(steps)
    message = str(error["message"]).rstrip(".")
    if not named:
        return message
    _, is_of_this, predicate = message.partition("This ")
    return f"{named} {predicate}" if is_of_this else f"{named}: {message}"


def _named(steps: Sequence[str]) -> str:
    """A place as sentences spell it, `provenance.stated_by`; fields of the content by themselves.

    Up to the first step that is no name of a field, since that may be anything.
    """
    known = list(takewhile(_STEP.fullmatch, steps))
    path = ".".join(known[1:] if len(known) > 1 and known[0] == "content" else known)
    return f"`{path}`" if path else ""


class _Declared(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "…"


UNKNOWN_KEY: Final = "unknown-key"
OF_ANY_TEXT: Final = frozenset({"no-nul", "integer-limit", "values-limit"})
"""Rules that are judged before it is known which keys are fields: no sentence names those."""
_STEP: Final = re.compile(r"[a-z][a-z0-9_-]*|[0-9]+")
_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_NAMES_OF_BRANCHES: Final = frozenset(
    {"bool", "bytes", "datetime", "decimal", "dict", "float", "int", "none", "str", "uuid", "list"}
)
_NAMES_A_MISSING_KEY: Final = frozenset({"missing", "missing_argument", "invalid_key"})
_ONLY_A_BRANCH: Final = frozenset({"none_required", "is_instance_of", "enum", "literal_error"})

_OF_A_TYPE: Final = ("shape", "does not have the shape that the contract says")
_NO_BRANCH: Final = "This has none of the shapes that the contract allows."

_AS_A_UUID: Final = "must be a UUID in lower case, as 0199c0de-0000-7000-8000-000000000001"

# What a pattern means, where nobody would see it in the pattern itself.
SAID_OF_A_PATTERN: Final[Mapping[str, tuple[str, str]]] = {
    f"^{UUID_TEXT}$": ("uuid", _AS_A_UUID),
    DAY: ("date", "must be a date, as 2026-03-10"),
    PARTIAL_DATE: ("date", "must be a day or a month, as 2026-03-10 or 2026-03"),
    DURATION: ("duration", "must be a duration of more than nothing, as P6W or PT30M"),
    r"^[0-9]{10}$": ("pattern", "must be ten digits without spaces"),
    SHA256: ("pattern", "must be a SHA-256: 64 hexadecimal digits in lower case"),
    f"^{ODS}$": ("pattern", "must be an ODS code in upper case, as ZZG01"),
    f"^{LOCAL_ID}$": ("pattern", "must be `x-` and a name in lower case, as x-larkfield"),
    f"^{COMMAND_TYPE}$": (
        "pattern",
        "must be the type of a command, as careplan.goals.commands.reword.v1",
    ),
    SECTION_NAME: ("pattern", "must be the name of a section, as about-me"),
    FIELD_PATH: ("pattern", "must be the path of a field, as aim or responses.my_wellness"),
    MIME: ("pattern", "must be a type and a subtype, as image/png"),
    URL: ("pattern", "must be an address that begins with https:// or http://, without spaces"),
    CAN_BE_SEEN: ("says-something", "must be a text that somebody can read"),
}

_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("required", "is missing"),
    "missing_argument": ("required", "is missing"),
    "extra_forbidden": ("unknown-key", "is not known here"),
    "unexpected_keyword_argument": ("unknown-key", "is not known here"),
    "invalid_key": ("unknown-key", "must be text, as every key"),
    "none_required": ("null", "must be null"),
    "string_type": ("text", "must be a text"),
    "string_sub_type": ("text", "must be a text"),
    "string_unicode": ("text", "must be a text in UTF-8"),
    "string_too_short": ("min-length", "must have at least {min_length} characters"),
    "string_too_long": ("max-length", "may have at most {max_length} characters"),
    "string_pattern_mismatch": ("pattern", "must match {pattern}"),
    "literal_error": ("one-of", "must be one of {expected}"),
    "enum": ("one-of", "must be one of {expected}"),
    "bool_type": ("true-or-false", "must be true or false"),
    "bool_parsing": ("true-or-false", "must be true or false"),
    "int_type": ("integer", "must be a whole number"),
    "int_parsing": ("integer", "must be a whole number"),
    "int_parsing_size": ("integer", "is too long for a whole number"),
    "int_from_float": ("integer", "must be a whole number"),
    "float_type": ("number", "must be a number"),
    "float_parsing": ("number", "must be a number"),
    "finite_number": ("number", "must be a finite number"),
    "greater_than": ("minimum", "must be above {gt}"),
    "greater_than_equal": ("minimum", "must be at least {ge}"),
    "less_than": ("maximum", "must be below {lt}"),
    "less_than_equal": ("maximum", "may be at most {le}"),
    "multiple_of": ("multiple-of", "must be a multiple of {multiple_of}"),
    "too_short": ("min-items", "must have at least {min_length} items"),
    "too_long": ("max-items", "may have at most {max_length} items"),
    "list_type": ("list", "must be a list"),
    "tuple_type": ("list", "must be a list"),
    "set_type": ("list", "must be a list"),
    "frozen_set_type": ("list", "must be a list"),
    "dict_type": ("object", "must be an object"),
    "mapping_type": ("object", "must be an object"),
    "model_type": ("object", "must be an object"),
    "model_attributes_type": ("object", "must be an object"),
    "dataclass_type": ("object", "must be an object"),
    "dataclass_exact_type": ("object", "must be an object"),
    "uuid_type": ("uuid", _AS_A_UUID),
    "uuid_parsing": ("uuid", _AS_A_UUID),
    "uuid_version": ("uuid", "must be a UUID of another version"),
    "date_type": ("date", "must be a date, as 2026-03-10"),
    "date_parsing": ("date", "must be a date, as 2026-03-10"),
    "date_from_datetime_parsing": ("date", "must be a date, as 2026-03-10"),
    "date_from_datetime_inexact": ("date", "must be a date without a time"),
    "datetime_type": ("instant", "must be a time, as 2026-03-10T14:00:00Z"),
    "datetime_parsing": ("instant", "must be a time, as 2026-03-10T14:00:00Z"),
    "datetime_from_date_parsing": ("instant", "must be a time, as 2026-03-10T14:00:00Z"),
    "timezone_aware": ("instant-offset", "must have its offset from UTC, or Z"),
    "union_tag_invalid": ("one-of", "must be one of {expected_tags}"),
    "union_tag_not_found": ("required", "must say of what kind it is"),
    "url_parsing": ("url", "must be a URL"),
    "url_scheme": ("url", "must be a URL of another scheme"),
    "recursion_loop": ("shape", "is nested within itself"),
}
