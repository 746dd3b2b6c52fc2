"""The bytes of a plan leave from one place, where a decision stands beside them."""

import ast
from collections.abc import Iterator
from pathlib import Path

PLAN = Path(__file__).resolve().parents[2] / "services" / "plan"
RELEASE = PLAN / "doors" / "release.py"


def test_nothing_but_release_makes_a_response_of_the_plan() -> None:
    found = [
        f"{path.relative_to(PLAN)}:{line}"
        for path in sorted(PLAN.rglob("*.py"))
        if path != RELEASE
        for line in responses_made(path.read_text("utf-8"))
    ]
    assert not found, f"bytes of a plan leave through doors/release.py only: {', '.join(found)}"
    assert list(responses_made(RELEASE.read_text("utf-8")))


def test_every_door_of_the_plan_answers_by_release() -> None:
    """A route that returns a value of its own would have it sent by the framework."""
    doors = [
        (path, node)
        for path in sorted((PLAN / "doors").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.AsyncFunctionDef) and is_route(node)
    ]
    assert doors
    other = [
        f"{path.name}:{returned.lineno}"
        for path, door in doors
        for returned in ast.walk(door)
        if isinstance(returned, ast.Return) and not is_release(returned.value)
    ]
    assert not other, f"these do not answer by release: {', '.join(other)}"


def test_the_checks_catch_what_is_planted() -> None:
    planted = """
import starlette.responses as r
from fastapi import Response as Answer
x = r.StreamingResponse(plan)
y = Answer(plan)
z = [Response(plan)]
"""
    assert list(responses_made(planted)) == [4, 5, 6]
    (route,) = ast.parse("@router.get('/x')\nasync def x() -> Response:\n    return plan").body
    assert isinstance(route, ast.AsyncFunctionDef)
    assert is_route(route)
    assert not any(is_release(n.value) for n in ast.walk(route) if isinstance(n, ast.Return))


def responses_made(source: str) -> Iterator[int]:
    """Lines that call a class of responses, whatever it is called there."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.endswith("Response")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            if name in names or name.endswith("Response"):
                yield node.lineno


def is_route(node: ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(made, ast.Call)
        and isinstance(made.func, ast.Attribute)
        and isinstance(made.func.value, ast.Name)
        and made.func.value.id == "router"
        for made in node.decorator_list
    )


def is_release(value: ast.expr | None) -> bool:
    """``await release.plan(…)``, or one of the others that keep a record before they answer."""
    call = value.value if isinstance(value, ast.Await) else None
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "release"
        and call.func.attr in ("plan", "current", "list", "each", "found")
    )
