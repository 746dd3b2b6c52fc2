"""Beyond the limit of dead letters a batch stops at the first record that is too many."""

from typing import Any, cast
from uuid import uuid4

import pytest

from shared.chassis.database.database import Database
from shared.chassis.kafka.offsets import DeadLetterLimitReached, Transaction
from shared.chassis.settings import Settings
from shared.testing.events import History, record_of

pytestmark = pytest.mark.asyncio


class Counted:
    """A connection that knows how many dead letters there are already."""

    def __init__(self, before: int) -> None:
        self._before = before

    async def fetch(self, *_: object) -> list[dict[str, Any]]:
        return [{"consumer": "plan", "letters": self._before}]

    async def execute(self, *_: object) -> None:
        pass


async def there_is(_: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("before", "unreadable", "from_earlier", "first"),
    [(2, [1, 3], 0, 1), (1, [1, 3], 0, 3), (2, [], 1, 0), (1, [3], 2, 3), (0, [1], 2, 1)],
)
async def test_the_first_that_is_too_many_is_one_of_the_batch(
    before: int, unreadable: list[int], from_earlier: int, first: int
) -> None:
    """Also where what had waited since an earlier batch leaves with this one: it has no place."""
    history = History()
    made = [
        record_of(history.event("goals", "agreed", uuid4(), "created", {"n": n}), offset=n)
        for n in range(5 + from_earlier)
    ]
    records, earlier = made[:5], made[5:]
    settings = Settings(service="plan", dead_letter_limit=2)
    transaction = Transaction("plan", cast(Database, None), settings, records, there_is)
    for record in [*(records[n] for n in unreadable), *earlier]:
        transaction.dead_letter(record, "It cannot be read.")
    with pytest.raises(DeadLetterLimitReached) as stopped:
        await transaction._count_dead_letters(cast(Any, Counted(before)))
    assert stopped.value.first is records[first]
