"""An answer that is not as its contract says is found; whatever goes out has its words."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.contracts import discover
from shared.testing.contracts.holding import BreaksContract, contract_of, must_hold

PLAN_ID = "0199c0de-0000-7000-8000-0000000000a1"
PLAN = {
    "plan_id": PLAN_ID,
    "plan_version": 1,
    "state": "open",
    "opened_at": "2026-03-10T14:00:00Z",
    "last_updated": None,
    "complete": True,
    "sections": {},
    "parked": [],
}
PROBLEM = {
    "type": "https://careplan.example/problems/plan-unknown",
    "title": "No such plan",
    "status": 404,
    "detail": "No such plan.",
    "instance": f"/v1/plans/{PLAN_ID}",
    "code": "plan-unknown",
    "errors": [],
    "correlation_id": "1",
    "retryable": False,
}


def answer(
    body: Any, status: int = 200, kind: str = "application/json", path: str = "", **headers: str
) -> httpx.Response:
    request = httpx.Request("GET", f"http://plan/v1/plans/{PLAN_ID}{path}")
    given = {"content-type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
    return httpx.Response(status, json=body, headers=given, request=request)


def problem(body: Any, status: int) -> httpx.Response:
    return answer(body, status, "application/problem+json")


def test_what_is_as_declared_holds() -> None:
    must_hold("plan", answer(PLAN, etag='"1-0"'))
    must_hold("plan", problem(PROBLEM, 404))
    must_hold("plan", answer({"items": [], "next": None}, path="/history"))


BROKEN = {
    "a member that nothing declares": (answer({**PLAN, "colour": "red"}), "colour"),
    "a missing one": (answer({k: v for k, v in PLAN.items() if k != "state"}), "state"),
    "a value outside a closed list": (answer({**PLAN, "state": "lost"}), "/state"),
    "a time that is none": (answer({**PLAN, "opened_at": "yesterday"}), "/opened_at"),
    "another media type": (answer(PLAN, kind="application/xml"), "application/xml"),
    "a status that nothing declares": (answer(PLAN, 202), "202"),
    "a header that nothing declares": (answer(PLAN, ledger_mood="good"), "ledger-mood"),
    "an address that nothing declares": (answer(PLAN, path="/colours"), "no such address"),
    "a code that nothing declares": (problem({**PROBLEM, "code": "plan-lost"}, 404), "plan-lost"),
    "a code with another status": (problem({**PROBLEM, "status": 410}, 410), "410"),
    "a status that is not the answer's": (problem(PROBLEM, 403), "403"),
    "a problem without its detail": (
        problem({k: v for k, v in PROBLEM.items() if k != "detail"}, 404),
        "detail",
    ),
    "a member deep inside": (
        answer({**PLAN, "parked": [{"section": "goals"}]}),
        "/parked/0",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_as_declared_is_found(case: str) -> None:
    given, told = BROKEN[case]
    with pytest.raises(BreaksContract, match=told):
        must_hold("plan", given)


def without_words(service: str) -> Iterator[str]:
    for path, methods in contract_of(service).document["paths"].items():
        for method, operation in methods.items():
            for one in operation.get("parameters", ()):
                if not one.get("description"):
                    yield f"{method} {path} {one['name']}"
            for status, response in operation["responses"].items():
                yield from _of_a_response(f"{method} {path} {status}", response)


def _of_a_response(where: str, response: Any) -> Iterator[str]:
    if not response.get("description"):
        yield where
    for name, header in response.get("headers", {}).items():
        if not header["description"]:
            yield f"{where} {name}"
    for kind, content in response.get("content", {}).items():
        if not content["schema"]:
            yield f"{where} {kind} has no schema"


@pytest.mark.parametrize("service", discover.apis())
def test_every_parameter_header_and_answer_is_described(service: str) -> None:
    assert [*without_words(service)] == []


def references_in(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, inner in part.items():
            if key == "$ref":
                yield inner
            else:
                yield from references_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references_in(inner)


@pytest.mark.parametrize("service", discover.apis())
def test_a_document_refers_to_nothing_outside_itself(service: str) -> None:
    document = contract_of(service).document
    schemas = document["components"]["schemas"]
    for reference in references_in(document):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference


@pytest.mark.parametrize("service", discover.apis())
def test_an_answer_that_is_recorded_as_an_access_names_its_record(service: str) -> None:
    asked = [
        (method, path, status, response)
        for path, methods in contract_of(service).document["paths"].items()
        for method, operation in methods.items()
        if any(one["name"] == "Ledger-Purpose" for one in operation["parameters"])
        for status, response in operation["responses"].items()
        if status not in ("default", "429")  # who asks too often is shown nothing
    ]
    unnamed = [one[:3] for one in asked if "Ledger-Access-Id" not in one[3].get("headers", {})]
    assert unnamed == []


def of_answers(service: str) -> Iterator[tuple[str, Any]]:
    """The members of everything that goes out, by where they stand."""
    document = contract_of(service).document
    schemas = document["components"]["schemas"]
    ahead = [
        content["schema"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]
    seen: set[str] = set()
    while ahead:
        part = ahead.pop()
        for name, member in part.get("properties", {}).items():
            yield f"{part.get('title', '')}/{name}", member
        for reference in {*references_in(part)} - seen:
            seen.add(reference)
            ahead.append(schemas[reference.removeprefix("#/components/schemas/")])


@pytest.mark.parametrize(
    "service", [name for name in discover.readers() if name in discover.apis()]
)
def test_every_member_of_an_answer_has_its_words(service: str) -> None:
    bare = [where for where, member in of_answers(service) if not _has_words(member)]
    assert bare == []


def _has_words(member: Any) -> bool:
    choices = (member, *member.get("anyOf", ()))
    return "const" in member or any(one.get("title") and one.get("description") for one in choices)
