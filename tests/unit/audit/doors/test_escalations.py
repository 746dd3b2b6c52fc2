"""Whoever looks for what has to be said aloud says so when they no longer can."""

import asyncio
from typing import Any, cast

import pytest

from services.audit.doors.escalations import BreadthWatch


class Breaks:
    """Stands for the store: whoever looks there meets a fault of ours."""

    def __init__(self) -> None:
        self.looked = asyncio.Event()

    async def tell(self) -> int:
        self.looked.set()
        raise LookupError


@pytest.mark.asyncio
async def test_a_watch_that_has_ended_is_no_longer_alive() -> None:
    store = Breaks()
    watch = BreadthWatch(cast("Any", store), lambda: None)
    assert not (await watch.part()).ready
    await watch.__aenter__()
    assert (await watch.part()).ready
    await store.looked.wait()
    part = await watch.part()
    assert (part.ready, part.alive) == (False, False)
    with pytest.raises(LookupError):
        await watch.__aexit__()
