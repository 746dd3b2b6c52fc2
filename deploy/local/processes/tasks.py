"""Tasks that run at the same time and succeed or fail together."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def first_error() -> Iterator[None]:
    """Around a TaskGroup: raises the first error alone, once the other tasks are cancelled."""
    try:
        yield
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
