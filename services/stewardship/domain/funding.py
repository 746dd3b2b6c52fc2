"""Where the money for the care comes from: the source alone, never an amount."""

from typing import Annotated

from shared.ledger import (
    PROFESSIONAL,
    Amendment,
    Carries,
    ChangeReason,
    CodedText,
    Creation,
    Entry,
    Refusal,
    Withdrawal,
    changes,
    creates,
    must_say_something,
    titled,
    withdraws,
)

Source = Annotated[
    CodedText,
    titled("Source", "Who pays: an organisation by its ODS code, or in words."),
    Carries(""),
]

NEEDS_CODE_OR_TEXT = Refusal(
    "funding-needs-code-or-text", "The source says nothing", "Say who pays, in words or by code."
)


@titled("Funding")
class Funding(Entry):
    """One source of funding, until it ends; amounts and terms are kept elsewhere."""

    carries = ("Care and support plan > Care funding source",)
    may_contribute = (PROFESSIONAL,)
    already_out = Refusal(
        "funding-ended", "The funding has ended", "This funding has ended. Name a new source."
    )

    @titled("Source of funding named")
    class SourceNamed(Creation):
        """It is known who pays."""

        source: Source

    @titled("Source of funding changed")
    class SourceChanged(Amendment):
        """Somebody else pays."""

        source: Source

    @titled("Funding ended")
    class Ended(Withdrawal):
        """They no longer pay."""

        reason: ChangeReason

    @creates(SourceNamed, "Name a source of funding")
    @staticmethod
    def name_source(said: SourceNamed) -> None:
        """Say who pays, and never how much."""
        must_say_something(said.source, NEEDS_CODE_OR_TEXT, "source")

    @changes(SourceChanged, "Change the source of funding")
    def change_source(self, said: SourceChanged) -> None:
        """Say who pays instead."""
        must_say_something(said.source, NEEDS_CODE_OR_TEXT, "source")

    @withdraws(Ended, "End the funding")
    def end(self, said: Ended) -> None:
        """They no longer pay."""
