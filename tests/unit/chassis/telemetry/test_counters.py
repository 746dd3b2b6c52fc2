"""Counters: what is counted, under which labels."""

from opentelemetry.metrics import CallbackOptions

from shared.chassis.telemetry.counters import Counter


def test_no_more_organisations_are_told_apart_than_a_process_can_keep() -> None:
    """Kind: whoever sends under ever new names fills the memory, and the metrics' readers."""
    counter = Counter()
    for _ in range(2):
        for number in range(1_000):
            counter.add(1, {"organisation": f"ZZ{number}", "outcome": "stored"})
    told = counter.observe(CallbackOptions())
    by_name = {(one.attributes or {})["organisation"]: one.value for one in told}
    assert len(by_name) == 201
    assert by_name["ZZ0"] == by_name["ZZ199"] == 2
    assert by_name["other"] == 1_600
