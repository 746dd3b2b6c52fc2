"""A text counts only where something in it can be seen, whatever characters it is made of."""

import sys
from unicodedata import category

import pytest

from shared.ledger import is_blank
from shared.ledger.text import says_something

INVISIBLE = {
    "nothing": "",
    "blanks": " \t\r\n\u00a0\u2003\u3000",
    "controls": "\x00\x07\x1b\x7f\x85\u2028\u2029",
    "zero width space": "\u200b",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "Hangul filler": "\u3164",
    "halfwidth Hangul filler": "\uffa0",
    "Hangul jamo fillers": "\u115f\u1160",
    "blank braille": "\u2800",
    "right-to-left override": "\u202e",
    "variation selectors": "\ufe00\ufe0f\U000e0100",
    "joiners": "\u200c\u200d",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "Mongolian separators": "\u180b\u180e",
    "combining grapheme joiner": "\u034f",
    "Khmer inherent vowels": "\u17b4\u17b5",
    "null notehead": "\U0001d159",
    "Khitan filler": "\U00016fe4",
    "shorthand controls": "\U0001bca0",
    "musical beams": "\U0001d173",
    "Arabic number sign": "\u0600",
}
VISIBLE = {
    "a letter": "a",
    "a digit": "0",
    "punctuation": ".",
    "a letter between invisible ones": "\u200b\u202ex\ufeff",
    "Arabic": "\u0628",
    "Hangul": "\ud55c\uae00",
    "braille that is written": "\u2801",
    "a family joined together": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a heart with its selector": "\u2764\ufe0f",
    "a flag of tags": "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    "Persian with a non-joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
}


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE)
def test_text_that_cannot_be_seen_says_nothing(text: str) -> None:
    assert not says_something(text)
    assert is_blank(text)


@pytest.mark.parametrize("text", VISIBLE.values(), ids=VISIBLE)
def test_text_that_can_be_seen_says_something(text: str) -> None:
    assert says_something(text)
    assert not is_blank(text)


def test_no_control_says_anything_and_every_letter_does_but_the_blank_ones() -> None:
    by_category: dict[str, set[str]] = {}
    for code in range(sys.maxunicode + 1):
        by_category.setdefault(category(chr(code)), set()).add(chr(code))
    # What is not assigned, and what is private, is most of them and is asked about nowhere below.
    asked = set().union(*(by_category[name] for name in by_category.keys() - {"Cn", "Co", "Cs"}))
    quiet = {char for char in asked if not says_something(char)}
    for name in ("Cc", "Cf", "Zs", "Zl", "Zp"):
        assert by_category[name] <= quiet
    letters = {char for name in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd") for char in by_category[name]}
    assert letters & quiet == set("\u115f\u1160\u3164\uffa0")
