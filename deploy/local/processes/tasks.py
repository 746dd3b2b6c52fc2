"""Things done side by side that succeed or fail as one."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def first_error() -> Iterator[None]:
    """Around a TaskGroup: its first error by itself, once the other tasks have been cancelled."""
    try:
        yield
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
