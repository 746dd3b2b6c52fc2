"""Strict JSON: what two readers could understand differently is refused at the door."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, islice
from math import isfinite
from typing import Any, Final

import orjson

from shared.chassis.wire.problem import Problem
from shared.chassis.wire.validation_errors import ERROR_LIMIT, INTEGER_LIMIT, error_at, pointer

BODY_LIMIT: Final = 1_048_576
"""Bytes that either door takes: of a body, of a message's value."""

DEPTH_LIMIT: Final = 64
VALUES_LIMIT: Final = 20_000
"""Values in a body, lists and objects counted too: what is judged one by one must have an end."""

# Of what it cannot read the quick parser keeps many times the size.
_QUICK_LIMIT: Final = 65_536

KEYS_LIMIT: Final = 200
"""Keys of one object."""

# Whoever opens more than this many brackets has opened too much in any case.
_BOM: Final = b"\xef\xbb\xbf"
_DIGITS_OF_THE_LIMIT: Final = len(str(INTEGER_LIMIT))

# Possessive, so that no text can make it start again; a string that never ends reaches the end.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Every digit as 0, what else a number has as itself, all the rest blank: three quick searches in
# this find any number that could be too large, some twenty times faster than an expression.
_FOLDED: Final = bytes(
    ord("0") if byte in b"0123456789" else byte if byte in b"eE+" else ord(" ")
    for byte in range(256)
).replace(b"E", b"e")
_LONG_NUMBERS: Final = (b"0" * 16, b"0e000", b"0e+000")
_DOUBTFUL_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


class _NotReadable(ValueError):
    """Raised inside the parser; its text is a sentence of ours."""


class _Crowded(Exception):
    """Raised inside the parser: an object has too many keys."""


class _CrowdedObject(dict[str, Any]):
    """An object with too many keys, marked where it stands."""


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """What can be read in two ways or in none, marked where it stands."""

    why: str


@dataclass(frozen=True, slots=True)
class FaultyItem:
    """An item of a list that ``read`` would refuse by itself, and the problem it is."""

    item: Any
    problem: Problem


_TWICE: Final = "A key stands twice in one object."
_TOO_LARGE: Final = object()
_DOUBTFUL: Final = object()


def read(body: bytes) -> Any:
    """The JSON value in a body.

    Raises ``Problem``: ``unreadable-json`` for what is not JSON or could be read in two ways,
    ``content-invalid`` with pointers for a NUL, an integer beyond 2^53 and an object of too many
    keys.
    """
    text = _text_of(body)
    value = _read_quickly(body)
    return _read_carefully(body, text) if value is _DOUBTFUL else value


def read_each(body: bytes, key: str, most: int) -> Any:
    """The JSON value in a body, in whose list under ``key`` each item is judged by itself.

    An item that ``read`` would refuse is a ``FaultyItem`` there, with pointers within it. Of a
    longer list than ``most`` and of all else that the body holds, the first fault is the body's.
    Raises ``Problem`` as ``read`` does.
    """
    text = _text_of(body)
    value = _read_quickly(body)
    if value is not _DOUBTFUL:
        return value
    try:
        return _read_carefully(body, text)
    except Problem:
        whole = _decoded(_MARKING, text)
        items = whole.get(key) if type(whole) is dict else None
        if type(items) is not list or len(items) > most:
            raise
    _judge({**whole, key: []})
    return {**whole, key: [_judged(item) for item in items]}


def _judged(item: Any) -> Any:
    try:
        _must_be_readable(item)
        _judge(item)
    except Problem as problem:
        return FaultyItem(item, problem)
    return item


def _must_be_readable(item: Any) -> None:
    """Refuse what stops the reading of an item alone, before anything is said of what it holds."""
    inside = [item]
    for one in inside:  # which grows meanwhile
        if isinstance(one, _Unreadable):
            raise _unreadable(one.why)
        if isinstance(one, dict):
            inside += one.values()
        elif isinstance(one, list):
            inside += one


def _text_of(body: bytes) -> str:
    if body.startswith(_BOM):
        raise _unreadable("It starts with a byte order mark.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _unreadable("It is not UTF-8.") from None
    judge_size(body)
    return text


def _read_quickly(body: bytes) -> Any:
    """The value of a body about which there is no doubt, by a parser that is kinder than we are.

    Without escapes each text stands between two quotes: where as many come back as were written,
    no key stood twice. Whatever this parser may take in another way is left to the careful one.
    """
    if len(body) > _QUICK_LIMIT or b"\\" in body:
        return _DOUBTFUL
    try:
        value = orjson.loads(body)
    except ValueError:
        return _DOUBTFUL
    texts, inside = 0, [value]
    for one in inside:  # which grows meanwhile
        kind = type(one)
        if kind is str:
            texts += 1
        elif kind is dict:
            if len(one) > KEYS_LIMIT:
                return _DOUBTFUL
            texts += len(one)
            inside += one.values()
        elif kind is list:
            inside += one
        elif kind is float or (kind is int and abs(one) > INTEGER_LIMIT):
            return _DOUBTFUL
    return value if body.count(b'"') == 2 * texts else _DOUBTFUL


def _read_carefully(body: bytes, text: str) -> Any:
    has_long_number = _may_have_long_number(body)
    try:
        value = _decoded(_CAREFUL if has_long_number else _PLAIN, text)
    except _Crowded:
        # Read once more: whoever is told of it is told where.
        value = _decoded(_MARKING, text)
        _judge(value)
    if has_long_number or (b"\\u" in body and _DOUBTFUL_ESCAPE.search(body)):
        _judge(value)
    return value


def _decoded(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return decoder.decode(text)
    except _NotReadable as error:
        raise _unreadable(str(error)) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _unreadable(f"It is not JSON; the mistake is at or before {where}.") from None
    except (ValueError, RecursionError):
        raise _unreadable("It is not JSON.") from None


def _may_have_long_number(body: bytes) -> bool:
    folded = body.translate(_FOLDED)
    return any(long in folded for long in _LONG_NUMBERS)


def judge_size(body: bytes, *, depth: int = DEPTH_LIMIT, values_limit: int = VALUES_LIMIT) -> None:
    """Refuse what is nested too deep or holds too much, before anything is made of it."""
    enough_to_see = 2 * values_limit
    opened = body.count(b"[") + body.count(b"{")
    if opened <= depth and opened + body.count(b",") < values_limit:
        return
    # A key and its value have two quotes each; those within a text are escaped.
    is_too_much = body.count(b'"') - body.count(b'\\"') > 4 * values_limit
    # Up to the first mistake in its form this counts as the parser does, and it stops there.
    signs = _STRING.sub(b"", body[:enough_to_see] if is_too_much else body)
    steps = signs.translate(_STEPS, _NOT_BRACKETS)[:enough_to_see]
    if max(accumulate(memoryview(steps).cast("b")), default=0) > depth:
        raise _unreadable(f"It is nested deeper than {depth}.")
    values = signs.count(b"[") + signs.count(b"{") + signs.count(b",")
    if is_too_much or values >= values_limit:
        raise _too_much(f"A body may hold at most {values_limit} values.")


def _too_much(message: str) -> Problem:
    return Problem("content-invalid", message, errors=[error_at("", "values-limit", message)])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _NotReadable(_TWICE)
    if len(made) > KEYS_LIMIT:
        raise _Crowded
    return made


def _marked_object(pairs: list[tuple[str, Any]]) -> Any:
    made = dict(pairs)
    if len(made) != len(pairs):
        return _Unreadable(_TWICE)
    return _CrowdedObject(made) if len(made) > KEYS_LIMIT else made


def _constant(_name: str) -> Any:
    raise _NotReadable("JSON has no NaN and no Infinity.")


def _integer(digits: str) -> Any:
    # Its length first: reading a hundred thousand digits would take longer than the request.
    if len(digits.lstrip("-")) > _DIGITS_OF_THE_LIMIT:
        return _TOO_LARGE
    number = int(digits)
    return number if abs(number) <= INTEGER_LIMIT else _TOO_LARGE


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _NotReadable("A number is too large.")
    # JSON has one kind of number: a contract that takes 5 takes 5.0, and so does every door.
    is_whole = number.is_integer() and abs(number) <= INTEGER_LIMIT
    return int(number) if is_whole and not _is_rounded(number, text) else number


def _float_with_limit(text: str) -> Any:
    return _TOO_LARGE if _is_rounded(number := _float(text), text) else number


def _marked_float(text: str) -> Any:
    try:
        return _float_with_limit(text)
    except _NotReadable as error:
        return _Unreadable(str(error))


def _is_rounded(number: float, text: str) -> bool:
    """True for what lies beyond the limit, and is rounded to it."""
    return abs(number) == INTEGER_LIMIT and abs(Decimal(text)) != INTEGER_LIMIT


_PLAIN: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
)
_CAREFUL: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_constant,
    parse_int=_integer,
    parse_float=_float_with_limit,
)
# Reads on where the others stop: what is wrong stays marked where it stands.
_MARKING: Final = json.JSONDecoder(
    object_pairs_hook=_marked_object,
    parse_constant=_constant,
    parse_int=_integer,
    parse_float=_marked_float,
)


def _judge(value: Any) -> None:
    errors = []
    for path, rule, message in islice(_faults(value), ERROR_LIMIT):
        errors.append(error_at(pointer(*path), rule, message))
    if errors:
        raise Problem("content-invalid", errors=errors)


def _faults(whole: Any) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What no body may hold, in the order in which it stands there."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), whole)]
    while waiting:
        path, value = waiting.pop()
        if fault := _fault_of(value):
            yield path, *fault
        elif type(value) is dict:
            inside = []
            for key, item in value.items():
                if _has_nul(key):
                    yield path, "no-nul", "A key may not hold the character NUL."
                else:
                    inside.append(((*path, key), item))
            waiting += reversed(inside)
        elif isinstance(value, list):
            waiting += reversed([((*path, index), item) for index, item in enumerate(value)])


def _fault_of(value: Any) -> tuple[str, str] | None:
    """What is wrong with a value that has no fault within it."""
    if isinstance(value, _Unreadable):
        raise _unreadable(value.why)
    if value is _TOO_LARGE:
        return "integer-limit", "A whole number may be at most 2^53."
    if isinstance(value, _CrowdedObject):
        return "values-limit", f"An object may have at most {KEYS_LIMIT} keys."
    if isinstance(value, str) and _has_nul(value):
        return "no-nul", "A text may not hold the character NUL."
    return None


def _has_nul(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _unreadable("It has half of a surrogate pair.") from None
    return "\x00" in text


def _unreadable(why: str) -> Problem:
    return Problem("unreadable-json", why)
