"""A memory that is bounded in bytes: what was used longest ago is forgotten first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Remembered(Generic[KeyT, ValueT]):
    """Values by their keys; together they weigh no more than ``limit``."""

    def __init__(self, limit: int) -> None:
        self.weight = 0
        self._limit = limit
        self._held: OrderedDict[KeyT, tuple[ValueT, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: KeyT) -> ValueT | None:
        """The value, which counts as used; ``None`` where it is not remembered."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: KeyT, value: ValueT, weight: int) -> None:
        """Remember a value of so many bytes; one that is heavier than the limit is not kept."""
        self.forget(key)
        if weight > self._limit:
            return
        self._held[key] = value, weight
        self.weight += weight
        while self.weight > self._limit:
            _, (_, freed) = self._held.popitem(last=False)
            self.weight -= freed

    def forget(self, key: KeyT) -> None:
        """Remember it no longer."""
        found = self._held.pop(key, None)
        if found is not None:
            self.weight -= found[1]

    def keep_only(self, is_kept: Callable[[ValueT], bool]) -> None:
        """Forget every value but those."""
        for key in [key for key, (value, _) in self._held.items() if not is_kept(value)]:
            self.forget(key)
