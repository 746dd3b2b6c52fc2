"""What is remembered is bounded in bytes, however long the names are that somebody sends."""

from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.wire import plain_json as module
from shared.chassis.wire.plain_json import plain_json
from shared.chassis.wire.remembered import Remembered
from shared.ledger import Agent


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    memory: Remembered[str, int] = Remembered(30)
    for number, name in enumerate("abc"):
        memory.put(name, number, 10)
    assert memory.get("a") == 0
    memory.put("d", 3, 10)

    assert [memory.get(name) for name in "abcd"] == [0, None, 2, 3]


def test_what_is_too_heavy_is_not_kept_and_pushes_nothing_out() -> None:
    memory: Remembered[str, int] = Remembered(30)
    memory.put("a", 0, 10)
    memory.put("b", 1, 31)

    assert (memory.get("a"), memory.get("b"), memory.weight) == (0, None, 10)


def test_only_what_is_wanted_is_kept() -> None:
    memory: Remembered[int, int] = Remembered(100)
    for number in range(10):
        memory.put(number, number, 10)
    memory.keep_only(lambda value: value % 2 == 0)

    assert (len(memory), memory.weight, memory.get(1), memory.get(2)) == (5, 50, None, 2)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=60))
def test_the_weight_is_what_is_held_and_within_the_limit(steps: list[tuple[int, int]]) -> None:
    memory: Remembered[int, int] = Remembered(60)
    weights: dict[int, int] = {}
    for key, weight in steps:
        memory.put(key, weight, weight)
        weights[key] = weight
        held = [weights[one] for one in weights if memory.get(one) is not None]
        assert memory.weight == sum(held) <= 60


def test_agents_with_long_names_are_not_all_remembered() -> None:
    for number in range(60):
        plain_json(Agent("system", name=f"{number}" + "x" * 100_000))
    for number in range(10_000):
        plain_json(Agent("system", name=f"{number}"))

    assert module._AGENTS.weight <= module._REMEMBERED_BYTES
    assert len(module._AGENTS) * 1_024 <= module._REMEMBERED_BYTES
