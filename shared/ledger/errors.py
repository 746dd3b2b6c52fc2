"""What can be said no to, each with a code that never changes."""

from typing import Any

from shared.ledger.text import says_something


class LedgerError(Exception):
    """Root of everything the ledger raises by itself."""


class Refused(LedgerError):
    """A rule said no. An answer, not a failure: it is kept and given as a refused receipt.

    ``code`` is a kebab-case sentence from the contract, ``detail`` a sentence for people without
    any of the caller's content, ``field`` the path of what it is about (``aim`` in the content, or
    ``provenance.stated_at``, ``visibility.reason`` beside it), and ``facts`` what the receipt says
    besides (``existing_plan_id``).
    """

    def __init__(
        self, code: str, detail: str = "", *, field: str | None = None, **facts: Any
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.field = field
        self.facts = facts


def need_reason(reason: str | None, field: str = "reason") -> str:
    """The reason given; ``reason-missing`` where there is none."""
    if reason is None or not says_something(reason):
        raise Refused("reason-missing", "Say why.", field=field)
    return reason
