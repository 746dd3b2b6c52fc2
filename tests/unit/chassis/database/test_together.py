"""Many who wait are answered by one statement, each with what was true after they came."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.chassis.database.together import Together

pytestmark = pytest.mark.asyncio


class TooMany(Exception):
    """Made without arguments, as several of ours are."""

    def __init__(self) -> None:
        super().__init__("too many wait")
        self.retryable = True


class Asked:
    """Answers when it is let; notes who was asked for together."""

    def __init__(self) -> None:
        self.batches: list[Sequence[int]] = []
        self.begun = asyncio.Event()
        self.let = asyncio.Event()
        self.error: BaseException | None = None

    async def __call__(self, questions: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(questions))
        self.begun.set()
        await self.let.wait()
        if self.error is not None:
            raise self.error
        return [question * 10 for question in questions]


async def test_those_who_come_while_one_is_asked_are_asked_together() -> None:
    asked = Asked()
    together = Together(asked)
    first = asyncio.create_task(together(1))
    await asked.begun.wait()
    rest = [asyncio.create_task(together(n)) for n in (2, 3, 2)]
    await asyncio.sleep(0)
    asked.let.set()
    assert await asyncio.gather(first, *rest) == [10, 20, 30, 20]
    assert asked.batches == [[1], [2, 3, 2]]
    assert await together(4) == 40


async def test_who_goes_away_takes_nobody_along() -> None:
    asked = Asked()
    together = Together(asked)
    waiting = [asyncio.create_task(together(n)) for n in (1, 1, 2)]
    await asked.begun.wait()
    waiting[0].cancel()
    asked.let.set()
    assert await asyncio.gather(*waiting[1:]) == [10, 20]
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]


async def test_nothing_is_asked_for_those_who_went_while_they_waited() -> None:
    asked = Asked()
    together = Together(asked)
    first = asyncio.create_task(together(1))
    await asked.begun.wait()
    rest = [asyncio.create_task(together(n)) for n in (2, 3)]
    await asyncio.sleep(0)
    rest[0].cancel()
    await asyncio.sleep(0)
    asked.let.set()
    assert (await first, await rest[1]) == (10, 30)
    assert asked.batches == [[1], [3]]


async def test_nobody_is_asked_where_all_have_gone() -> None:
    asked = Asked()
    together = Together(asked)
    first = asyncio.create_task(together(1))
    await asked.begun.wait()
    gone = asyncio.create_task(together(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    asked.let.set()
    assert await first == 10
    assert await together(3) == 30
    assert asked.batches == [[1], [3]]


async def test_an_error_of_any_kind_comes_to_each() -> None:
    asked = Asked()
    together = Together(asked)
    asked.error = TooMany()
    asked.let.set()
    answers = await asyncio.gather(*(together(n) for n in (1, 2)), return_exceptions=True)
    told = [(str(one), one.retryable) for one in answers if isinstance(one, TooMany)]
    assert told == [("too many wait", True)] * 2


async def test_what_the_asking_raises_is_raised_to_each_and_the_next_are_asked_again() -> None:
    asked = Asked()
    together = Together(asked)
    asked.error = OSError("away")
    asked.let.set()
    answers = await asyncio.gather(*(together(n) for n in (1, 2)), return_exceptions=True)
    assert [(type(answer), str(answer)) for answer in answers] == [(OSError, "away")] * 2
    assert answers[0] is not answers[1]  # or each who raises it would lengthen the other's trace
    causes = [answer.__cause__ for answer in answers if isinstance(answer, OSError)]
    assert causes == [asked.error] * 2
    asked.error = None
    assert await together(3) == 30
