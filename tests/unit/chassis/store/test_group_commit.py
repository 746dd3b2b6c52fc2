"""The flusher: one that has died says so, in the log and to whoever asks for its health."""

from typing import Any

import pytest
import structlog

from shared.chassis.store.group_commit import GroupCommit, Unavailable
from shared.chassis.store.rows import Append, appends

pytestmark = pytest.mark.asyncio


class _Mistaken:
    """A connection on which a mistake of ours comes to light."""

    def is_closed(self) -> bool:
        return False

    def terminate(self) -> None: ...

    async def fetch(self, *_: Any) -> Any:
        raise LookupError


async def test_a_dead_flusher_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connected(_: Any) -> _Mistaken:
        return _Mistaken()

    monkeypatch.setattr(GroupCommit, "_connect", connected)
    commits = appends("")
    with structlog.testing.capture_logs() as captured:
        async with commits:
            assert (await commits.part()).as_json() == {
                "ready": True,
                "detail": "storing",
                "lag": 0,
            }
            with pytest.raises(Unavailable):
                await commits.append(Append())
            part = await commits.part()
    assert (part.ready, part.detail, part.alive) == (False, "stopped: LookupError", False)
    (line,) = [line for line in captured if line["event"] == "appends.stopped"]
    assert line["log_level"] == "critical"
    assert isinstance(line["error"], LookupError)
