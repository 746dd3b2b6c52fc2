"""``python -m tests.faults.guards GUARD SERVICE``: one service, after taking the guard away."""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from shared.chassis import run
from tests.faults.guards import in_memory, in_messages
from tests.faults.guards.known import CONTROL

_ALTERED: Final[Mapping[str, Callable[[], None]]] = {
    "mark": in_memory.without_mark,
    "offset-transaction": in_memory.without_offset_transaction,
    "fence": in_memory.without_fence,
    "seek": in_memory.without_seek,
    "natural-key": in_memory.without_natural_key,
    "parking": in_memory.without_parking,
    "plan-lock": in_memory.without_plan_lock,
    "comparison": in_memory.without_comparison,
    "rehash": in_memory.without_rehash,
    "kept-fields": in_messages.without_keep,
    "stated-time": in_messages.without_stated_time,
    CONTROL: in_memory.with_every_guard,
}
"""Where nothing stands here, the guard is taken away in the database alone."""


if __name__ == "__main__":
    guard, service = sys.argv[1:]
    if guard in _ALTERED:
        _ALTERED[guard]()
    sys.argv = ["run", service]
    run.main()
