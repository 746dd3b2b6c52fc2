"""What is JSON for everybody passes; what two readers could understand differently does not."""

import asyncio
import inspect
import json
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from shared.chassis.http.body import read_body
from shared.chassis.wire import strict_json
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import VALUES_LIMIT, FaultyItem, read, read_each
from shared.chassis.wire.validation_errors import error_at

JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXT, inner, max_size=4),
    max_leaves=12,
)


def problem_of(body: bytes) -> Problem:
    with pytest.raises(Problem) as raised:
        read(body)
    return raised.value


CODES = (None, "unreadable-json", "content-invalid")


def code_of(body: bytes) -> str | None:
    try:
        read(body)
    except Problem as problem:
        return problem.code
    return None


def deep(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + b"1" + closing * levels


@given(JSON, st.booleans())
def test_what_the_standard_library_writes_is_read_back_the_same(
    value: Any, ascii_only: bool
) -> None:
    assert read(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


SPACES = st.sampled_from(["", "", "", " ", "\n", "\t"])
TEXTS = st.sampled_from(
    ['""', '"a"', '"b"', '":"', '"\\""', '"é"', '"\\u0061"', '"\\u0000"', '"\\ud800"', '"a']
)
WORDS = st.sampled_from(
    [*("0", "-0", "7", "5.0", "1e2", "0.1", "1e400", "01", "NaN", "true", "false", "null", "nul")]
    + [str(sign * (2**53 + more)) for sign in (1, -1) for more in (0, 1)]
    + [str(2**64)]
)
# As nobody writes it: keys twice, space anywhere, escapes, odd numbers and mistakes.
ODD_JSON = st.recursive(
    WORDS | TEXTS,
    lambda inner: (
        st.lists(st.tuples(SPACES, inner, SPACES).map("".join), max_size=3).map(
            lambda items: f"[{','.join(items)}]"
        )
        | st.lists(
            st.tuples(SPACES, TEXTS, SPACES, st.just(":"), inner, SPACES).map("".join), max_size=3
        ).map(lambda members: f"{{{','.join(members)}}}")
    ),
    max_leaves=8,
)


def outcome(reading: Callable[[], Any]) -> str:
    """What came of it; texts tell whole numbers from others, and the order of keys."""
    try:
        return repr(reading())
    except Problem as problem:
        return repr((problem.code, problem.detail, problem.errors))


@settings(max_examples=5 * settings().max_examples)
@given(st.tuples(SPACES, ODD_JSON, SPACES).map(lambda parts: "".join(parts).encode()))
def test_whichever_parser_reads_it_the_outcome_is_the_same(body: bytes) -> None:
    """The quick one takes only what the careful one takes, and as the same value."""
    carefully = outcome(lambda: strict_json._read_carefully(body, body.decode()))
    assert outcome(lambda: read(body)) == carefully


@given(st.lists(ODD_JSON, min_size=1, max_size=4))
def test_an_item_of_many_comes_to_what_it_comes_to_by_itself(items: list[str]) -> None:
    """Of an item that cannot be read for two reasons either may be told."""
    assume(all(map(is_json, items)))
    alone = [whatever_the_reason(partial(read, text.encode())) for text in items]

    body = f'{{"contributions": [{",".join(items)}]}}'.encode()
    told = read_each(body, "contributions", 4)["contributions"]

    assert [whatever_the_reason(partial(value_of, one)) for one in told] == alone


def is_json(text: str) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


def whatever_the_reason(reading: Callable[[], Any]) -> str:
    try:
        return repr(reading())
    except Problem as problem:
        return repr((problem.code, problem.errors))


def value_of(item: Any) -> Any:
    if isinstance(item, FaultyItem):
        raise item.problem
    return item


def test_an_ordinary_body_is_read_quickly() -> None:
    """Or the quick parser would be there for nothing."""
    body = (
        b'{"contribution_id": "0199c0de-0000-7000-8000-00000000000e", "content": {"a": [1, "x"]}}'
    )
    assert strict_json._read_quickly(body) == json.loads(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_are_a_problem(body: bytes) -> None:
    code = code_of(body)

    assert code in CODES
    assert code is not None or read(body) == json.loads(body)


@given(
    st.lists(st.sampled_from([*'[]{}",:\\ue0159-.+', "\\u0000", "\\ud800", "e999"]), max_size=60)
)
def test_anything_that_looks_like_json_is_read_or_is_a_problem(parts: list[str]) -> None:
    assert code_of("".join(parts).encode()) in CODES


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{",
        b'{"a": 1} x',
        b'{"a": 1}{}',
        b"{'a': 1}",
        b"[1,]",
        b"[01]",
        b'["\x00"]',
        b'["a\nb"]',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": [{"c": 1, "c": 1}]}}',
        b'{"a": 1, "\\u0061": 2}',
        b"NaN",
        b'{"a": Infinity}',
        b"[-Infinity]",
        b"[1e400]",
        b"[-1E+400]",
        b"[1e0000400]",
        b"1" * 400 + b".5",
        b'["\\ud800"]',
        b'["\\udc00\\ud800"]',
        b'{"\\uDFFF": 1}',
        b'["\xed\xa0\x80"]',
        b'["\xff"]',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        deep(65),
        deep(65, b'{"a":', b"}"),
        b'{"a":' + deep(64) + b"}",
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'["' * 500_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_cannot_be_read_in_one_way_only_is_unreadable(body: bytes) -> None:
    problem = problem_of(body)

    assert (problem.code, problem.status) == ("unreadable-json", 400)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'{"a": "x\\u0000"}', ["/a"]),
        (b'{"a": [1, {"b/c": "\\u0000"}]}', ["/a/1/b~1c"]),
        (b"[9007199254740993]", ["/0"]),
        (b"[-9007199254740993, 1, 99999999999999999999]", ["/0", "/2"]),
        (b"[9007199254740993.0, -9007199254740993.0]", ["/0", "/1"]),
        (b"[9007199254740992.5, 9007199254740993e0]", ["/0", "/1"]),
        (b'{"content": {"n": ' + b"7" * 100_000 + b"}}", ["/content/n"]),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_a_nul_or_a_number_too_large_is_named_by_its_place(
    body: bytes, pointers: list[str]
) -> None:
    problem = problem_of(body)

    assert (problem.code, problem.status) == ("content-invalid", 422)
    assert [error["pointer"] for error in problem.errors] == pointers


def test_a_nul_in_a_key_is_named_by_the_object_that_has_it() -> None:
    assert [e["pointer"] for e in problem_of(b'{"a": {"b\\u0000": 1}}').errors] == ["/a"]


def test_what_only_looks_doubtful_is_read() -> None:
    assert read(b'["\\\\u0000", "\\\\ud800", "9999999999999999999", "1e999"]') == [
        "\\u0000",
        "\\ud800",
        "9999999999999999999",
        "1e999",
    ]
    assert read(b'["\\ud83d\\ude42", 9007199254740992, 1e99, -0]') == ["🙂", 2**53, 1e99, 0]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    (exact, also, below) = read(b"[9007199254740992.0, -9.007199254740992e15, 5.0]")
    assert [exact, also, below] == [2**53, -(2**53), 5]
    assert [type(one) for one in (exact, also, below)] == [int] * 3
    (rounded,) = read(b"[90071992547409.93e2]")
    assert isinstance(rounded, float), "no contract takes it for a whole number"


def test_brackets_in_texts_are_no_depth() -> None:
    texts = ['[[[{{{"\\'] * 50
    assert read(json.dumps(texts).encode()) == texts
    assert read(deep(64)) is not None
    assert read(b"[" + b",".join([deep(63)] * 20) + b"]") is not None


@given(st.integers(1, 80), st.lists(JSON_TEXT, max_size=3), st.booleans())
def test_depth_is_judged_by_levels_alone(levels: int, texts: list[str], as_objects: bool) -> None:
    value: Any = texts
    for _ in range(levels - 1):
        value = {"[": value, "]": "{"} if as_objects else ["]", value]
    body = json.dumps(value).encode()

    if levels > 64:
        assert problem_of(body).code == "unreadable-json"
    else:
        assert read(body) == value


def refused_at_little_cost(body: bytes) -> tuple[Problem, Counter[str]]:
    """The problem, and what was called for it: it is as often on a slow machine.

    What starts again and again within one search takes an hour: the time-out of every test ends it.
    """
    called: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _what: Any) -> None:
        if event in ("call", "c_call"):
            called[frame.f_code.co_qualname if event == "call" else "of C"] += 1

    tracemalloc.start()
    sys.setprofile(count)
    try:
        problem = problem_of(body)
    finally:
        sys.setprofile(None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert called.total() < 10 * VALUES_LIMIT
    assert peak < 12_000_000
    return problem, called


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"9" * 1_000_000 + b"]",
        b"1e" + b"9" * 1_000_000,
        b'["' + b'\\"' * 500_000,
        b'["' + b'\\"[' * 340_000,
        b"[" * 1_000_000,
    ],
    ids=["digits", "exponent", "a string without end", "brackets in it", "brackets"],
)
def test_a_hostile_body_costs_little(body: bytes) -> None:
    refused_at_little_cost(body)


TOO_MUCH = {
    "numbers": b"[" + b"1," * 500_000 + b"1]",
    "objects": b"[" + b"{}," * 340_000 + b"{}]",
    "keys": b"{" + b",".join(b'"%x":1' % n for n in range(90_000)) + b"}",
    "texts with a NUL far down": deep(20, b'{"a":', b"}").replace(
        b"1", b"[" + b'"\\u0000",' * 110_000 + b'""]'
    ),
    "too deep and too many": b"[[" * 250_000 + b"1" + b"]]" * 250_000,
}


@pytest.mark.parametrize("body", TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_holds_too_much_is_refused_before_anything_is_made_of_it(body: bytes) -> None:
    assert len(body) <= 1_300_000
    problem, called = refused_at_little_cost(body)

    assert problem.code in ("content-invalid", "unreadable-json")
    assert len(problem.errors) <= 1
    assert called[read.__qualname__] == 1
    for parser in (json.JSONDecoder.decode, strict_json._read_quickly):
        assert called[parser.__qualname__] == 0


MANY_FAULTS = {
    "a NUL and many values": b"[" + b"1," * 19_000 + b'"\\u0000"]',
    "many NULs": b"[" + b'"\\u0000",' * 19_000 + b'""]',
    "many numbers too large": b"[" + b"9007199254740993," * 19_000 + b"1]",
}


@pytest.mark.parametrize("body", MANY_FAULTS.values(), ids=MANY_FAULTS)
def test_no_more_faults_are_looked_for_than_are_told(body: bytes) -> None:
    problem, called = refused_at_little_cost(body)

    assert problem.code == "content-invalid"
    assert called[error_at.__qualname__] == len(problem.errors) <= 100


def test_values_in_texts_are_not_counted() -> None:
    texts = ["one, two, [three], {four}, " * 200] * 100
    assert read(json.dumps(texts).encode()) == texts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5.0", 5),
        ("5e0", 5),
        ("50E-1", 5),
        ("-0.0", 0),
        ("1e2", 100),
        ("5.5", 5.5),
        ("1e300", 1e300),
    ],
)
def test_a_whole_number_is_one_however_it_is_written(text: str, number: float) -> None:
    assert read(f'{{"a": [{text}]}}'.encode()) == {"a": [number]}
    assert type(read(text.encode())) is type(number)


def test_recursion_never_escapes() -> None:
    def at_the_bottom(levels: int) -> str | None:
        return code_of(deep(60)) if levels == 0 else at_the_bottom(levels - 1)

    free = sys.getrecursionlimit() - len(inspect.stack())
    # With little of the stack left the parser may give up; it says so as a problem.
    for levels in range(free - 120, free - 20):
        assert at_the_bottom(levels) in CODES


def request_of(chunks: Sequence[bytes], *headers: tuple[str, str]) -> tuple[Request, list[bytes]]:
    """A request, and the chunks that have not been taken from it."""
    left = list(chunks)

    async def receive() -> Message:
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw}
    return Request(scope, receive), left


JSON_TYPE = ("content-type", "application/json")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
async def test_a_body_is_read_whole(content_type: str) -> None:
    request, _ = request_of([b'{"a"', b": 1}"], ("content-type", content_type))

    assert await read_body(request) == b'{"a": 1}'


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "")],
        [("content-type", "text/plain")],
        [("content-type", "application/jsonp")],
        [("content-type", "application/json; charset=utf-16")],
        [("content-type", "application/json, text/plain")],
        [JSON_TYPE, JSON_TYPE],
        [JSON_TYPE, ("content-encoding", "gzip")],
        [JSON_TYPE, ("content-encoding", "identity")],
        [("content-type", "multipart/form-data; boundary=x")],
    ],
    ids=str,
)
async def test_another_type_or_an_encoding_is_refused(headers: list[tuple[str, str]]) -> None:
    request, _ = request_of([b"{}"], *headers)

    with pytest.raises(Problem) as raised:
        await read_body(request)

    assert (raised.value.code, raised.value.status) == ("unsupported-media-type", 415)


@pytest.mark.asyncio
async def test_a_body_that_does_not_come_is_not_waited_for_without_end() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nothing comes")

    headers = [(name.encode(), value.encode()) for name, value in [JSON_TYPE]]
    request = Request({"type": "http", "headers": headers}, receive)

    with pytest.raises(Problem) as raised:
        await read_body(request, patience=0.01)

    assert (raised.value.code, raised.value.status) == ("bad-request", 400)


@pytest.mark.asyncio
@pytest.mark.parametrize("announced", ["5242880", "9" * 5_000, "00001048577"])
async def test_a_body_announced_too_large_is_refused_unread(announced: str) -> None:
    request, left = request_of([b"x" * 1024] * 5, JSON_TYPE, ("content-length", announced))

    with pytest.raises(Problem) as raised:
        await read_body(request)

    assert (raised.value.code, raised.value.status) == ("body-too-large", 413)
    assert len(left) == 5


@pytest.mark.asyncio
@pytest.mark.parametrize("headers", [[], [("content-length", "10")], [("content-length", "²")]])
async def test_a_body_that_turns_out_too_large_is_refused_on_the_way(
    headers: list[tuple[str, str]],
) -> None:
    request, left = request_of([b"x" * 65_536] * 80, JSON_TYPE, *headers)

    with pytest.raises(Problem) as raised:
        await read_body(request)

    assert raised.value.code == "body-too-large"
    assert len(left) == 80 - 17


@pytest.mark.asyncio
async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    request, _ = request_of([b"x" * 65_536] * 16, JSON_TYPE)

    assert len(await read_body(request)) == 1_048_576


@pytest.mark.parametrize(
    ("body", "place"),
    [(b'{"a": 1,\n "b" 2}', "line 2, column 6"), (b"", "line 1, column 1")],
)
def test_what_is_not_json_is_told_where(body: bytes, place: str) -> None:
    assert problem_of(body).detail == f"It is not JSON; the mistake is at or before {place}."
