"""Which of PostgreSQL's errors pass by themselves: every class of them is in its place."""

from typing import Any

import asyncpg
import pytest

from shared.chassis.database.database import TRANSIENT
from shared.chassis.http.answers import problem_handlers

FOR_A_WHILE = ("08", "40", "53", "57", "58", "25006", "25P03", "25P04", "55006", "55P03")
ERRORS: list[Any] = sorted(
    (
        one
        for one in vars(asyncpg.exceptions).values()
        if isinstance(one, type)
        and issubclass(one, asyncpg.PostgresError)
        and vars(one).get("sqlstate")
    ),
    key=lambda error: str(vars(error)["sqlstate"]),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{error.sqlstate} {error.__name__}")
def test_what_passes_is_tried_again_and_answered_503_and_nothing_else_is(
    error: type[asyncpg.PostgresError],
) -> None:
    """Kind: trouble for a while that a reader stops at, and that a writer is told is for good."""
    passes = str(error.sqlstate).startswith(FOR_A_WHILE)
    assert issubclass(error, TRANSIENT) == passes
    answered = [kind for kind in error.__mro__ if kind in problem_handlers()]
    assert (answered[0] is not Exception) == passes
