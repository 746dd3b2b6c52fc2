"""What can be said no to, each with a code that never changes."""

from dataclasses import dataclass
from typing import Any, Final

from shared.ledger.text import says_something
from shared.ledger.words import Titled, titled


class LedgerError(Exception):
    """Root of everything the ledger raises by itself."""


_DECLARED: Final[dict[str, "Refusal"]] = {}


@dataclass(frozen=True)
class Refusal:
    """A rule that can say no, declared once: its code, its title, and what would be right.

    ``code`` is a kebab-case sentence from the contract and never changes its meaning. Two that
    differ under one code stop the program with ``ValueError``.
    """

    code: str
    title: str
    detail: str

    def __post_init__(self) -> None:
        if _DECLARED.setdefault(self.code, self) != self:
            raise ValueError(
                f"{self.code} is declared twice, with other words: import the first one, and give "
                "Refused another detail where it needs one"
            )

    @property
    def titled(self) -> Titled:
        """The words for a screen."""
        return titled(self.title, self.detail)


class Refused(LedgerError):
    """A rule said no. An answer, not a failure: it is kept and given as a refused receipt.

    It is raised with the ``Refusal`` declared, or with a code. ``detail`` is a sentence for people
    without any of the caller's content, ``field`` the path of what it is about (``aim`` in the
    content, or ``provenance.stated_at``, ``visibility.reason`` beside it), and ``facts`` what the
    receipt says besides (``existing_plan_id``).
    """

    def __init__(
        self, refusal: Refusal | str, detail: str = "", *, field: str | None = None, **facts: Any
    ) -> None:
        if isinstance(refusal, Refusal):
            code, detail = refusal.code, detail or refusal.detail
        else:
            code = refusal
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.field = field
        self.facts = facts


def declared_refusal(code: str) -> Refusal | None:
    """The refusal that was declared with this code, by whatever of this program is loaded."""
    return _DECLARED.get(code)


REASON_MISSING = Refusal("reason-missing", "A reason is missing", "Say why.")
ROLE_MAY_NOT = Refusal(
    "role-may-not-contribute",
    "The role may not use this command",
    "Only the person, or somebody on their behalf, may say this. Name who said it in "
    "`provenance.stated_by`.",
)


def need_reason(reason: str | None, field: str = "reason") -> str:
    """The reason given; ``reason-missing`` where there is none."""
    if reason is None or not says_something(reason):
        raise Refused(REASON_MISSING, field=field)
    return reason
