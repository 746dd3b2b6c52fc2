"""What a break is told as: what changed, by which rule, who is affected, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WAY_OUT: Final = (
    "Keep the field as it was and add an optional one beside it, or publish the next major."
)

_BOTH: Final = "Organisations that send or read it by the contract that they have"
_READERS: Final = "Subscribers, and every service that reads what was recorded before"
_CONTRIBUTORS: Final = "Contributors whose systems send it today"
_CALLERS: Final = "Programs that call this address today"

_KEEP: Final = "Keep it as it was and add something optional beside it, or declare the next major"
_BY_RULE: Final[Mapping[str, tuple[str, str]]] = {
    "x-change-changed": (
        f"{_READERS} would put the entry into the plan, or take it out, where they must not",
        "Declare a new event for the new meaning, and keep this one for what it has recorded",
    ),
    "x-sets-changed": (
        f"{_READERS} would leave a field of the entry as it was, or replace one",
        "Declare a new event, or the next major of this one",
    ),
    "x-entry-type-changed": (
        f"{_READERS} would take the entry for one of another kind",
        "Keep the entry of this type, and declare a new command or event at the other",
    ),
    "x-creates-changed": (
        f"{_CONTRIBUTORS} would send a version where none is taken, or none where one is needed",
        "Declare a command of another name",
    ),
    "may-contribute-narrowed": (
        f"{_CONTRIBUTORS} would be refused from one day to the next",
        "Keep whoever may use it; otherwise declare the next major and announce it",
    ),
    "fixed-id-changed": (
        "Whoever works the id out would name another entry, and a plan would have two of a kind",
        "Keep the derivation; it is for ever",
    ),
    "partitions-changed": (
        "A plan's key would fall into another partition: readers would get its events out of order",
        "Keep the number. To grow, declare the topic's next version and drain this one",
    ),
    "retention-changed": (
        "Readers that come back late would miss messages that they were promised",
        "Keep the time, or declare the topic's next version",
    ),
    "key-changed": (
        "What belongs together would come out of order",
        "Keep the key, or declare the topic's next version",
    ),
    "topic-removed": (
        "Whoever writes it or reads it would have nowhere to go",
        "Keep the topic; a section that ends keeps its events",
    ),
    "code-removed": (
        "Programs that act on the code would not know what they were told",
        "Keep the code, whatever its sentence says; a further rule gets a further code",
    ),
    "status-changed": (
        "Programs that act on the status would retry what is final, or give up what is not",
        "Keep the status; another meaning is another code",
    ),
    "route-removed": (
        f"{_CALLERS} would be answered 404",
        "Keep the old address beside the new one",
    ),
    "answer-removed": (
        f"{_CALLERS} would get an answer that they do not expect",
        "Keep answering with this status and type",
    ),
    "parameter-removed": (
        f"{_CALLERS} would be refused: an unknown parameter is an error",
        "Keep taking it",
    ),
    "parameter-required": (
        f"{_CALLERS} would be refused, since they do not send it",
        "Let it be left out, with what was meant until now",
    ),
    "default-changed": (
        f"{_BOTH} would mean something else by leaving it out",
        "Keep the default; whoever wants the other says so",
    ),
    "discriminator-changed": (
        "Programs generated from the contract would choose the wrong form",
        _KEEP,
    ),
    "choice-changed": (
        f"{_BOTH} would judge the alternatives otherwise: `oneOf` forbids what `anyOf` allows",
        _KEEP,
    ),
    "type-removed": (
        f"{_READERS} would meet a type that has no contract any more",
        "Keep its declaration, even where nothing leads to it",
    ),
}
_OTHERWISE: Final = (f"{_BOTH} would be refused, or would not understand what they get", _KEEP)


@dataclass(frozen=True)
class Break:
    """One difference that is not allowed within a major version."""

    pointer: str
    rule: str
    message: str

    @property
    def said(self) -> str:
        """The rule, what changed, who is affected, and what to do."""
        affected, to_do = _BY_RULE.get(self.rule, _OTHERWISE)
        return f"{self.rule}: {self.message.rstrip('.')}. {affected}. {to_do}."

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.said}"
