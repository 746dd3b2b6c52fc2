"""When lines are written: together at the end of a turn, at once in trouble, always in order."""

import asyncio
import sys
import threading

import pytest

from shared.chassis.telemetry.line_writer import LineWriter


class Written:
    """What reached the standard output, one item a write."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> None:
        self.texts.append(text)

    def flush(self) -> None:
        pass

    @property
    def lines(self) -> list[str]:
        return "".join(self.texts).splitlines()


def taken(monkeypatch: pytest.MonkeyPatch) -> Written:
    """The standard output from here on; no fixture, which pytest's own would replace."""
    there = Written()
    monkeypatch.setattr(sys, "stdout", there)
    return there


def test_lines_of_one_turn_are_one_write_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    written = taken(monkeypatch)
    writer = LineWriter()

    async def speak() -> None:
        for turn in range(3):
            for number in range(4):
                writer.info(f"{turn}.{number}")
            assert len(written.texts) == turn
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(written.texts) == turn + 1

    asyncio.run(speak())
    assert written.lines == [f"{turn}.{number}" for turn in range(3) for number in range(4)]


def test_an_error_is_written_at_once_after_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    written = taken(monkeypatch)
    writer = LineWriter()

    async def speak() -> None:
        writer.info("before")
        writer.error("error")
        assert written.texts == ["before\nerror\n"]
        writer.info("after")

    asyncio.run(speak())
    writer.write_held()
    assert written.lines == ["before", "error", "after"]


def test_without_a_loop_a_line_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = taken(monkeypatch)
    LineWriter().info("line")
    assert written.texts == ["line\n"]


def test_a_turn_without_an_end_is_written_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    written = taken(monkeypatch)
    writer = LineWriter()

    async def speak() -> None:
        for number in range(1_000):
            writer.info(str(number))
        assert len(written.lines) > 700

    asyncio.run(speak())
    writer.write_held()
    assert written.lines == [str(number) for number in range(1_000)]


def test_a_loop_that_ended_early_leaves_its_lines_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = taken(monkeypatch)
    writer = LineWriter()

    async def speak(line: str) -> None:
        writer.info(line)

    for line in ("first", "second"):
        loop = asyncio.new_event_loop()
        loop.call_soon(writer.info, line)
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
    asyncio.run(speak("third"))
    writer.write_held()
    assert written.lines == ["first", "second", "third"]


def test_a_line_from_another_thread_comes_after_those_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = taken(monkeypatch)
    writer = LineWriter()

    async def speak() -> None:
        writer.info("loop")
        thread = threading.Thread(target=writer.info, args=("thread",))
        thread.start()
        thread.join()
        assert written.lines == ["loop", "thread"]

    asyncio.run(speak())


def test_nobody_is_stopped_by_an_output_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Written):
        def write(self, _: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    writer = LineWriter()
    writer.info("line")
    writer.error("line")
