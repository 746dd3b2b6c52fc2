"""Every no is a problem of the same form, with none of the caller's content in it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, HTTPException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from shared.chassis.http.answers import CorrelationIds, HeadLikeGet, problem_handlers
from shared.chassis.wire.problem import (
    OF_THE_SECTION,
    STATUS,
    TITLES,
    Problem,
    problem_body,
    status_of_refusal,
    title_of,
)
from shared.chassis.wire.validation_errors import errors_from_validation, pointer, sentence_of
from shared.ledger import (
    CodedText,
    EntryRef,
    Instant,
    Organisation,
    Refusal,
    Score,
    Status,
    When,
    declared_refusal,
    value,
)

SECRET = "Edith keeps her key under the blue pot"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("unreadable-json", 400),
        ("parameter-invalid", 400),
        ("position-of-another-plan", 400),
        ("token-missing", 401),
        ("token-invalid", 401),
        ("token-expired", 401),
        ("role-may-not-contribute", 403),
        ("no-live-relationship", 403),
        ("proxy-not-live", 403),
        ("not-permitted", 403),
        ("organisation-claim-differs", 403),
        ("entry-unknown", 404),
        ("plan-unknown", 404),
        ("contribution-unknown", 404),
        ("version-unknown", 404),
        ("contribution-id-reused", 409),
        ("entry-already-exists", 409),
        ("plan-not-open", 409),
        ("base-version-stale", 412),
        ("body-too-large", 413),
        ("unsupported-media-type", 415),
        ("content-invalid", 422),
        ("command-unknown", 422),
        ("base-version-missing", 428),
        ("too-many-requests", 429),
        ("internal-error", 500),
        ("overloaded", 503),
        ("unavailable", 503),
        ("projection-behind", 503),
    ],
)
def test_a_code_has_its_status(code: str, status: int) -> None:
    assert STATUS[code] == status
    assert Problem(code).status == status


def test_a_body_has_the_members_of_the_standard_and_ours() -> None:
    problem = Problem(
        "base-version-stale",
        "The goal is at version 5; the contribution was based on 3.",
        errors=[{"pointer": "/based_on", "rule": "current", "message": "Base it on 5."}],
        receipt={"outcome": "refused"},
        existing_plan_id="0199",
        status_text="x",
    )

    assert problem_body(problem, "/v1/contributions", "c-1") == {
        "type": "https://careplan.example/problems/base-version-stale",
        "title": "The change is not based on the current version of the entry",
        "status": 412,
        "detail": "The goal is at version 5; the contribution was based on 3.",
        "instance": "/v1/contributions",
        "code": "base-version-stale",
        "errors": [{"pointer": "/based_on", "rule": "current", "message": "Base it on 5."}],
        "correlation_id": "c-1",
        "retryable": False,
        "receipt": {"outcome": "refused"},
        "existing_plan_id": "0199",
        "status_text": "x",
    }


def test_a_further_member_never_replaces_one_of_the_standards() -> None:
    body = problem_body(Problem("plan-unknown", instance="elsewhere", title="x"), "/here", "c-1")

    assert (body["instance"], body["title"]) == ("/here", "No such plan")


_OF_A_READER_TOO = {"media-unknown", "conflict-of-interest"}
_SAYS_ITSELF = {"not-permitted", "too-many-requests"}


def test_no_title_is_made_from_its_code() -> None:
    for code in STATUS:  # one place each: listed here, or declared beside its rule
        declared = declared_refusal(code)
        assert (code in TITLES) != (declared is not None) or code in _OF_A_READER_TOO
        assert code not in TITLES or declared is None or declared.title == TITLES[code]
    for code in [*STATUS, "walk-needs-a-shoe"]:
        assert title_of(code) != code.replace("-", " ").capitalize() or code in _SAYS_ITSELF
    of_a_rule = Problem("walk-needs-a-shoe", status=status_of_refusal("walk-needs-a-shoe"))
    assert problem_body(of_a_rule, "/", "c")["detail"] == f"{OF_THE_SECTION}."


def test_a_rule_has_the_title_that_its_section_declares() -> None:
    Refusal("walk-needs-a-stick", "The walk has no stick", "Name the stick.")
    of_a_rule = Problem("walk-needs-a-stick", status=status_of_refusal("walk-needs-a-stick"))
    assert problem_body(of_a_rule, "/", "c")["title"] == "The walk has no stick"


def test_a_code_is_declared_with_one_title_and_one_detail() -> None:
    Refusal("walk-needs-a-coat", "The walk has no coat", "Name the coat.")
    Refusal("walk-needs-a-coat", "The walk has no coat", "Name the coat.")
    with pytest.raises(ValueError, match="walk-needs-a-coat is declared twice"):
        Refusal("walk-needs-a-coat", "It is cold", "Name the coat.")


def test_a_code_that_nobody_lists_is_a_rules_or_a_mistake() -> None:
    assert status_of_refusal("goal-already-set-aside") == 409
    assert status_of_refusal("base-version-stale") == 412
    with pytest.raises(LookupError, match="base-version-stail"):
        Problem("base-version-stail")


def test_the_first_errors_stand_in_the_detail_in_one_sentence() -> None:
    assert sentence_of(errors_of({"aim": SECRET})) == "`aim` must be an object."
    assert sentence_of(errors_of({})) == "`aim` is missing."
    two = [{"pointer": "/content/aim", "message": "This must be an object."},
           {"pointer": "/content/need_ids", "message": "This is missing."}]  # fmt: skip
    assert Problem("content-invalid", errors=two).detail == (
        "`aim` must be an object; `need_ids` is missing."
    )
    more = [{"pointer": f"/content/{n}", "message": "This is missing."} for n in range(4)]
    assert sentence_of(two + more).endswith("`need_ids` is missing; `0` is missing; and 3 more.")
    assert sentence_of([{"pointer": "", "message": "This must be an object."}]) == (
        "This must be an object."
    )
    deep = {"pointer": "/provenance/stated_by/kind", "message": "This must be a text."}
    assert sentence_of([deep]) == "`provenance.stated_by.kind` must be a text."


@pytest.mark.parametrize(
    ("pointer_", "rule", "said"),
    [
        ("/content/{}", "unknown-key", "`content` has a key that is not known here."),
        ("/{}", "unknown-key", "This has a key that is not known here."),
        ("/content/aim/{}", "unknown-key", "`aim` has a key that is not known here."),
        ("/content/{}/aim", "text", "`content` must be it."),
        ("/content/{}", "no-nul", "This must be it."),
    ],
)
@pytest.mark.parametrize("key", ["Wilma Tarn-Synth has cancer", SECRET])
def test_no_sentence_quotes_a_key_that_is_the_senders(
    pointer_: str, rule: str, said: str, key: str
) -> None:
    """A sentence travels to receipts, dead letters and the audit; a pointer stays in the answer."""
    where = pointer_.format(key)
    assert sentence_of([{"pointer": where, "rule": rule, "message": "This must be it."}]) == said


@pytest.mark.parametrize("code", ["overloaded", "unavailable", "projection-behind"])
def test_what_passes_may_be_sent_again(code: str) -> None:
    assert Problem(code).retryable
    assert not Problem("plan-unknown").retryable
    assert Problem("plan-unknown", retryable=True).retryable


# ------------------------------------------------------------------------------ the application


def failing(error: Exception) -> FastAPI:
    app = FastAPI(exception_handlers=problem_handlers())
    app.add_middleware(CorrelationIds)

    @app.get("/fails")
    async def fails() -> None:
        raise error

    @app.get("/lists/{number}")
    async def lists(number: int, limit: Annotated[int, Field(ge=1, le=200)] = 50) -> int:
        return number + limit

    @app.post("/takes")
    async def takes(body: dict[str, Score]) -> int:
        return len(body)

    return app


async def answer(
    app: FastAPI, path: str = "/fails", method: str = "GET", **request: Any
) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, **request)


def is_a_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["correlation_id"] == response.headers["x-correlation-id"]
    assert SECRET not in response.text
    return body


@pytest.mark.asyncio
async def test_another_method_is_told_which_one_to_use() -> None:
    response = await answer(failing(Problem("plan-unknown")), method="POST")

    body = is_a_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, HEAD"
    assert body["detail"] == "Use GET or HEAD here."


@pytest.mark.asyncio
async def test_a_problem_is_answered_with_its_headers() -> None:
    app = failing(Problem("plan-unknown", retryable=True, headers={"Retry-After": "2"}))

    response = await answer(app)

    body = is_a_problem(response, 404, "plan-unknown")
    assert (body["instance"], body["retryable"]) == ("/fails", True)
    assert response.headers["retry-after"] == "2"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("code", "challenge"),
    [("token-missing", "Bearer"), ("token-expired", 'Bearer error="invalid_token"')],
)
async def test_a_401_says_what_is_wanted(code: str, challenge: str) -> None:
    response = await answer(failing(Problem(code)))

    is_a_problem(response, 401, code)
    assert response.headers["www-authenticate"] == challenge


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(SECRET),
        TimeoutError(SECRET),
        asyncpg.InterfaceError(SECRET),
        asyncpg.CannotConnectNowError(SECRET),
        asyncpg.ConnectionDoesNotExistError(SECRET),
        asyncpg.AdminShutdownError(SECRET),
        asyncpg.TooManyConnectionsError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_is_away_is_unavailable(error: Exception) -> None:
    response = await answer(failing(error))

    assert is_a_problem(response, 503, "unavailable")["retryable"] is True
    assert response.headers["retry-after"] == "1"


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), RecursionError(SECRET)])
async def test_anything_unexpected_is_an_internal_error_that_says_nothing(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await answer(failing(error))

    body = is_a_problem(response, 500, "internal-error")
    line = json.loads(capsys.readouterr().out)
    assert line["event"] == "request.failed"
    assert line["error_type"] == type(error).__name__
    assert line["correlation_id"] == body["correlation_id"]
    assert SECRET not in json.dumps(line)


@pytest.mark.asyncio
async def test_what_the_framework_says_is_a_problem_too() -> None:
    app = failing(HTTPException(418, SECRET))

    is_a_problem(await answer(app, "/nowhere"), 404, "not-found")
    response = await answer(app, "/takes")
    is_a_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"
    assert (await answer(app, "/fails", "POST")).headers["allow"] == "GET, HEAD"
    is_a_problem(await answer(app), 418, "bad-request")


@pytest.mark.asyncio
async def test_head_is_answered_wherever_get_is() -> None:
    app = failing(Problem("plan-unknown"))
    app.add_middleware(HeadLikeGet)

    for path, status in (("/lists/7", 200), ("/fails", 404), ("/takes", 405), ("/nowhere", 404)):
        got, head = await answer(app, path), await answer(app, path, "HEAD")
        assert (got.status_code, head.status_code) == (status, status)
        assert head.content == b""
        assert head.headers["content-length"] == got.headers["content-length"]
        assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.asyncio
async def test_a_parameter_that_cannot_be_read_is_named() -> None:
    app = failing(ValueError())

    body = is_a_problem(
        await answer(app, "/lists/7", params={"limit": SECRET}), 400, "parameter-invalid"
    )
    assert body["parameter"] == "limit"
    said = "`limit` must be a whole number."
    assert body["errors"] == [{"pointer": "/limit", "rule": "integer", "message": said}]
    assert body["detail"] == said
    is_a_problem(await answer(app, "/lists/seven"), 400, "parameter-invalid")
    is_a_problem(await answer(app, "/lists/7?limit=201"), 400, "parameter-invalid")


@pytest.mark.asyncio
async def test_a_body_that_the_framework_reads_is_judged_alike() -> None:
    app = failing(ValueError())

    body = is_a_problem(
        await answer(app, "/takes", "POST", json={"aim": SECRET}), 422, "content-invalid"
    )
    assert [error["pointer"] for error in body["errors"]] == ["/aim"]
    is_a_problem(
        await answer(
            app, "/takes", "POST", content=b"{", headers={"content-type": "application/json"}
        ),
        400,
        "unreadable-json",
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/lists/a b", "/nowhere/%22%3Cscript%3E", "/nowhere/%FF"])
async def test_the_instance_is_the_path_in_the_form_of_a_reference(path: str) -> None:
    body = (await answer(failing(ValueError()), path)).json()

    assert body["instance"].isascii()
    assert not set(body["instance"]) & set('" <>')


@pytest.mark.asyncio
async def test_a_correlation_id_is_echoed_where_it_is_one() -> None:
    app = failing(Problem("plan-unknown"))

    given_one = await answer(app, headers={"X-Correlation-ID": "abc-1", "X-Request-ID": "r-1"})
    assert given_one.json()["correlation_id"] == "abc-1"
    assert given_one.headers["x-request-id"] == "r-1"
    for unfit in ("", "x" * 65, "with blanks", '"><script>'):
        response = await answer(app, headers={"X-Correlation-ID": unfit, "X-Request-ID": unfit})
        assert response.json()["correlation_id"] not in ("", unfit)
        assert "x-request-id" not in response.headers


@pytest.mark.asyncio
async def test_an_answer_that_is_no_problem_has_its_ids_too() -> None:
    response = await answer(failing(ValueError()), "/lists/7", headers={"X-Correlation-ID": "a-1"})

    assert (response.status_code, response.headers["x-correlation-id"]) == (200, "a-1")


# ------------------------------------------------------------------------------ validation


@value
class Step:
    """A value with everything in it that makes places hard to read."""

    aim: CodedText
    who: Organisation | CodedText | None = None
    when: When | None = None
    status: Status[Literal["open", "done"]] | None = None
    score: Score | None = None
    at: Instant | None = None


class Content(TypedDict):
    """The content of a command."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012 - pydantic asks for it so
    aim: CodedText
    importance: NotRequired[Score | None]
    need_ids: NotRequired[tuple[EntryRef, ...]]
    responses: NotRequired[dict[str, CodedText | None]]
    steps: NotRequired[list[Step]]
    due: NotRequired[datetime | Literal["never"]]


CONTENT: TypeAdapter[Content] = TypeAdapter(Content)


def errors_of(content: Any, *, is_given: bool = True) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as raised:
        CONTENT.validate_json(json.dumps(content), strict=True)
    if is_given:
        return errors_from_validation(raised.value, given=content)
    return errors_from_validation(raised.value)


AIM = {"text": "Walk to the shop"}


@dataclass
class Case:
    """A content that is wrong, and where."""

    content: Any
    found: list[tuple[str, str]]


CASES = [
    Case({}, [("/content/aim", "required")]),
    Case([], [("/content", "object")]),
    Case({"aim": SECRET}, [("/content/aim", "object")]),
    Case({"aim": {"text": 5}}, [("/content/aim/text", "text")]),
    Case(
        {"aim": {"code": {"code": ""}}},
        [
            ("/content/aim/code/system", "required"),
            ("/content/aim/code/code", "says-something"),
        ],
    ),
    Case({"aim": AIM, SECRET: 1}, [(f"/content/{SECRET}", "unknown-key")]),
    Case({"aim": AIM, "a/b~c": 1}, [("/content/a~1b~0c", "unknown-key")]),
    Case({"aim": AIM, "x" * 100: 1}, [(f"/content/{'x' * 64}", "unknown-key")]),
    Case({"aim": AIM, "importance": 11}, [("/content/importance", "maximum")]),
    Case({"aim": AIM, "importance": "9"}, [("/content/importance", "integer")]),
    Case({"aim": AIM, "importance": 9.5}, [("/content/importance", "integer")]),
    Case(
        {"aim": AIM, "need_ids": [{"section": "NEEDS", "entry_id": SECRET}]},
        [("/content/need_ids/0/section", "pattern"), ("/content/need_ids/0/entry_id", "uuid")],
    ),
    Case({"aim": AIM, "need_ids": {}}, [("/content/need_ids", "list")]),
    Case(
        {"aim": AIM, "responses": {"how_i_talk": {"words": SECRET}}},
        [("/content/responses/how_i_talk/words", "unknown-key")],
    ),
    Case(
        {"aim": AIM, "steps": [{"aim": AIM}, {"aim": AIM, "when": {"date": "soon"}}]},
        [("/content/steps/1/when/date", "date")],
    ),
    Case({"aim": AIM, "steps": [{"aim": AIM, "when": {}}]}, [("/content/steps/0/when", "rule")]),
    Case(
        {"aim": AIM, "steps": [{"aim": AIM, "status": {"value": SECRET}}]},
        [("/content/steps/0/status/value", "one-of")],
    ),
    Case(
        {"aim": AIM, "steps": [{"aim": AIM, "at": "2026-03-10T14:00:00"}]},
        [("/content/steps/0/at", "instant-offset")],
    ),
    Case(
        {"aim": AIM, "steps": [{"aim": AIM, "at": "0001-01-01T00:00:00+14:00"}]},
        [("/content/steps/0/at", "instant")],
    ),
    Case({"aim": AIM, "due": SECRET}, [("/content/due", "shape")]),
    Case({"aim": AIM, "steps": [{"aim": AIM, "who": 5}]}, [("/content/steps/0/who", "object")]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.found)[:60])
@pytest.mark.parametrize("is_given", [True, False])
def test_an_error_has_the_place_and_the_rule(case: Case, *, is_given: bool) -> None:
    errors = errors_of(case.content, is_given=is_given)

    assert [(error["pointer"], error["rule"]) for error in errors] == case.found
    assert all(SECRET not in error["message"] for error in errors)
    assert all(set(error) == {"pointer", "rule", "message"} for error in errors)


def test_keys_that_look_like_branches_are_told_from_them_by_the_value() -> None:
    given_one = {"aim": AIM, "responses": {"str": {"text": 1}, "CodedText": {"text": 1}}}

    assert [error["pointer"] for error in errors_of(given_one)] == [
        "/content/responses/str/text",
        "/content/responses/CodedText/text",
    ]


def test_a_thousand_errors_are_cut() -> None:
    assert len(errors_of({"aim": AIM, "steps": [5] * 1_000})) == 100


def test_the_sentences_of_our_own_types_are_passed_on_and_others_are_not() -> None:
    assert errors_of({"aim": AIM, "steps": [{"aim": AIM, "when": {}}]})[0]["message"] == (
        "Give exactly one of `date`, `at`, `period`, `interval`, `timing` and `as_needed`."
    )

    def quotes(said: str) -> str:
        raise ValueError(said)

    adapter = TypeAdapter(Annotated[str, AfterValidator(quotes)])
    with pytest.raises(ValidationError) as raised:
        adapter.validate_python(SECRET)
    assert SECRET not in str(errors_from_validation(raised.value))


@given(st.lists(st.text() | st.integers(0, 1_000), max_size=5))
def test_a_pointer_can_be_followed_back(path: list[str | int]) -> None:
    steps = pointer(*path).split("/")[1:]

    back = [step.replace("~1", "/").replace("~0", "~") for step in steps]
    assert back == [step[:64] if isinstance(step, str) else str(step) for step in path]


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=8, max_size=12
).map(lambda text: f"§{text}§")
JSON = st.recursive(
    WORDS | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["aim", "text", "code", "steps", "when", "who", "responses", "date"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def words_in(given_value: Any) -> list[str]:
    if isinstance(given_value, str):
        return [given_value]
    inner = given_value.values() if isinstance(given_value, dict) else given_value
    if not isinstance(given_value, dict | list):
        return []
    return [word for item in inner for word in words_in(item)]


@given(JSON)
def test_no_value_stands_in_an_error_and_every_place_exists(content: Any) -> None:
    try:
        CONTENT.validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        errors = errors_from_validation(error, given=content)
    else:
        return

    assert errors
    said = json.dumps(errors, ensure_ascii=False)
    assert not [word for word in words_in(content) if word in said]
    for one in errors:
        assert is_a_place(content, one["pointer"].split("/")[2:], one["rule"])


def is_a_place(at: Any, steps: list[str], rule: str) -> bool:
    """The pointer leads to something that was sent, or to a key that is missing where it ends."""
    for index, step in enumerate(steps):
        if isinstance(at, list):
            at = at[int(step)]
        elif isinstance(at, dict) and step in at:
            at = at[step]
        else:
            return rule == "required" and index == len(steps) - 1 and isinstance(at, dict)
    return True
