"""What people see of a log line, or of a start that failed: what happened, in words."""

from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from deploy.local import __main__ as make_run
from deploy.local.processes.plain_line import plain_line
from deploy.local.processes.problem import Problem
from deploy.local.stack import place
from shared.broker.refused import BrokerRefused, OrganisationsUnreadable


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            (
                '{"timestamp":"2026-11-30T08:00:00Z","level":"warning","event":"relay.interrupted",'
                '"service":"goals","error_type":"aiokafka.errors.KafkaConnectionError",'
                '"wait_seconds":0.4,"trace_id":"0123"}'
            ),
            "warning: relay: interrupted (KafkaConnectionError, waiting 0.4 s)",
        ),
        (
            (
                '{"level":"warning","event":"library.logged","logger":"uvicorn.error",'
                '"message":"Invalid HTTP request received.","repeated":3}'
            ),
            "warning: uvicorn.error (Invalid HTTP request received., 3 more like it)",
        ),
        (
            '{"level":"error","event":"consumer.jumped","partition":3,"offset":17}',
            "error: consumer: jumped (partition 3, offset 17)",
        ),
        ('{"level":"info","event":"relay.active"}', "relay: active"),
        (
            '2026-11-30 08:00:00.123 UTC [42] FATAL:  password authentication failed for user "x"',
            'error: password authentication failed for user "x"',
        ),
        (
            "2026-11-30T08:00:00,922 WARN [Log partition=a-0] Slow disk (kafka.log.Log)",
            "warning: [Log partition=a-0] Slow disk",
        ),
        ('{"half', '{"half'),
        ("[1]", "[1]"),
        ("{}", "{}"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("", ""),
    ],
)
def test_a_line_for_people(line: str, shown: str) -> None:
    assert str(plain_line(line)) == shown


def test_a_field_of_an_odd_type_is_shown_all_the_same() -> None:
    line = '{"level":7,"event":["x"],"wait_seconds":"long","error_type":null,"topic":{"a":1}}'
    assert str(plain_line(line)).endswith("({'a': 1}, long)")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Problem("port 19092 is in use"), "port 19092 is in use"),
        (BrokerRefused("no connection"), "Kafka: no connection"),
        (OrganisationsUnreadable("organisations.json is none"), "organisations.json is none"),
        (KafkaConnectionError("nobody"), "Kafka: KafkaConnectionError: nobody"),
        (PermissionError(13, "Permission denied", "tls"), "tls: permission denied"),
    ],
)
def test_whatever_keeps_the_stack_from_starting_is_one_line(
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def taken(_: Path) -> None:
        raise error

    monkeypatch.setattr(place, "taken", taken)
    monkeypatch.setattr(make_run, "_quiet_libraries", lambda: None)
    assert make_run.main([]) == 1
    assert capsys.readouterr().err == f"make run: {said}\n"
