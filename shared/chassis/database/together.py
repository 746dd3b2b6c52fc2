"""Many who wait for one answer each: a single statement asks for all who wait at that moment."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

_AT_ONCE: Final = 500


class Together(Generic[Question, Answer]):
    """Asks for all who wait, and again for those who came meanwhile.

    Nobody is given an answer that was asked for before they came. What the asking raises is
    raised to each who waited for it, as an error of their own.
    """

    def __init__(self, ask: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, question: Question) -> Answer:
        """The answer to this question."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_until_nobody_waits())
        return await answer

    async def _ask_until_nobody_waits(self) -> None:
        try:
            while asked := self._next():
                await self._answer(asked)
        finally:
            self._asking = None

    def _next(self) -> "Sequence[tuple[Question, asyncio.Future[Answer]]]":
        """Those who have waited longest; nothing is asked for whoever has gone meanwhile."""
        still = [one for one in self._waiting if not one[1].done()]
        asked, self._waiting = still[:_AT_ONCE], still[_AT_ONCE:]
        return asked

    async def _answer(self, asked: Sequence[tuple[Question, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await self._ask([question for question, _ in asked])
        except BaseException as error:
            for _, waiting in asked:
                if not waiting.done():
                    waiting.set_exception(_one_more(error))
            if not isinstance(error, Exception):
                raise
            return
        for (_, waiting), answer in zip(asked, answers, strict=True):
            if not waiting.done():  # who asked may have gone
                waiting.set_result(answer)


def _one_more(error: BaseException) -> BaseException:
    """For one of those who wait: whoever raises an error adds its own traceback to it."""
    # Not by `copy`, which calls the class: it may take other arguments than it hands on.
    made = type(error).__new__(type(error), *error.args)
    vars(made).update(vars(error))
    made.__cause__ = error
    return made
