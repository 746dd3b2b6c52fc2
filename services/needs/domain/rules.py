"""What strengths and needs have in common."""

from dataclasses import replace

from shared.ledger import CodedText


def beside_the_words(what: CodedText, words: str | None) -> CodedText:
    """Coding changes none of the words: a code that comes alone is put beside those that stand."""
    return replace(what, text=words) if what.text is None else what
