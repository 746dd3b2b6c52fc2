"""Cases of an operation, as Schemathesis makes them: the same number gives the same ones."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis import GenerationMode


def cases_of(operation: Any, mode: GenerationMode, examples: int, number: int) -> list[Any]:
    """At most so many, as the contract allows or as it does not."""
    found: list[Any] = []

    @seeded(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case: Any) -> None:
        found.append(case)

    draw()
    return found
