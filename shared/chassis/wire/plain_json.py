"""JSON bytes of values, the same that ``plain`` and then JSON would give, in one pass."""

from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import orjson
from asyncpg.pgproto.pgproto import UUID as DriversUUID  # noqa: N811 - the one of stored rows

from shared.chassis.wire.remembered import Remembered
from shared.ledger import Agent, Provenance, instant, plain

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
# An agent takes some three times its JSON, and about so much beside.
_REMEMBERED_BYTES: Final = 4 * 2**20
_OF_EACH_AGENT: Final = 1_024


def plain_json(given: Any, *, sort_keys: bool = False) -> bytes:
    """A value as JSON; a value type leaves out what is empty, a map keeps it.

    The keys of an agent are not sorted: they have an order of their own.
    """
    return orjson.dumps(
        given, default=_plainer, option=_OPTIONS | (orjson.OPT_SORT_KEYS if sort_keys else 0)
    )


def fitted(json: bytes) -> bytes:
    """The same bytes in no more memory than they need, for JSON that is kept.

    What ``orjson.dumps`` returns holds on to the buffer it was written in: 4 KiB or more.
    """
    return bytes(memoryview(json))


def _plainer(given: Any) -> Any:
    """One step towards plain: what is inside comes here by itself, if it has to."""
    kind: Any = type(given)
    if kind is DriversUUID:
        return str(given)
    if kind is datetime:
        return instant(given)
    if kind is Provenance:
        return _of_provenance(given)
    if kind is Agent:
        return _agent_json(given)
    return _named(given) if _is_value(kind) else plain(given)


@cache
def _is_value(kind: type[Any]) -> bool:
    return is_dataclass(kind)


def _of_provenance(given: Provenance) -> dict[str, Any]:
    told = _named(given)
    # Looked up here and once: who recorded it is mostly the one who said it.
    told["recorded_by"] = recorded_by = _agent_json(given.recorded_by)
    is_the_same = given.stated_by is given.recorded_by
    told["stated_by"] = recorded_by if is_the_same else _agent_json(given.stated_by)
    return told


def _agent_json(agent: Agent) -> orjson.Fragment:
    # Who is behind a contribution contributes often.
    found = _AGENTS.get(agent)
    if found is None:
        json = fitted(plain_json(_named(agent)))
        found = orjson.Fragment(json)
        _AGENTS.put(agent, found, _OF_EACH_AGENT + 3 * len(json))
    return found


_AGENTS: Final[Remembered[Agent, orjson.Fragment]] = Remembered(_REMEMBERED_BYTES)


def _named(given: Any) -> dict[str, Any]:
    # Compared by type: the equality of an id is a call for each of them.
    return {
        name: item
        for name, item in vars(given).items()
        if item is not None and not (type(item) is tuple and not item)
    }
