"""A strength: what the person is good at, or can count on."""

from typing import Annotated

from eventsourcing.domain import event

from services.needs.domain.rules import beside_the_words
from shared.ledger import (
    Amendment,
    CanBeSetAside,
    Carries,
    CodedText,
    Creation,
    Refusal,
    changes,
    creates,
    must_say_something,
    titled,
)
from shared.ledger.codes.care import HEALTHCARE_MATTERS

Strong = Annotated[
    CodedText,
    titled("Strength", "What the person is good at or can count on."),
    HEALTHCARE_MATTERS,
    Carries(""),
]
STRENGTH_NEEDS = Refusal(
    "strength-needs-code-or-text", "The strength says nothing", "Say it in words or by code."
)


@titled("Strength")
class Strength(CanBeSetAside):
    """Something that the person is good at, or can count on."""

    carries = ("Care and support plan > Strengths",)
    already_out = Refusal(
        "strength-already-set-aside",
        "The strength was set aside",
        "This strength was set aside; resume it first.",
    )
    not_out = Refusal(
        "strength-not-set-aside",
        "The strength is not set aside",
        "This strength is part of the current plan.",
    )

    @titled("Strength recognised")
    class Recognised(Creation):
        """A strength of the person was recognised."""

        what: Strong

    @titled("Strength reworded")
    class Reworded(Amendment):
        """The strength was said better."""

        what: Strong

    @creates(Recognised, "Recognise a strength")
    @staticmethod
    def recognise(said: Recognised) -> None:
        """Say what the person is good at, or can count on."""
        must_say_something(said.what, STRENGTH_NEEDS, "what")

    @changes(Reworded, "Reword the strength")
    def reword(self, said: Reworded) -> Reworded:
        """Say it better; a code alone stands beside the words that there are."""
        must_say_something(said.what, STRENGTH_NEEDS, "what")
        return said.having(what=beside_the_words(said.what, self.words))

    words: str | None = None

    @event(Recognised)
    def __init__(self, what: CodedText) -> None:
        self.words = what.text

    @event(Reworded)
    def _apply_reworded(self, what: CodedText) -> None:
        self.words = what.text
