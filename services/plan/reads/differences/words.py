"""What differs between two texts, word by word."""

import re
from difflib import SequenceMatcher
from itertools import groupby
from typing import Final

Word = list[str]
"""``=``, ``-`` or ``+``, and the words themselves."""

# A word, what stands between two of them, or one sign: joined they are the text again.
_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_PAIRS: Final = 40_000
"""Comparing so many words with each other takes a few milliseconds; longer texts differ whole."""


def words_between(before: str, after: str) -> list[Word]:
    """The words that both have, and those of the one and of the other, in their order.

    ``=`` and ``-`` joined are the text before, ``=`` and ``+`` the one after.
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    first = _alike(old, new)
    last = _alike(old[first:][::-1], new[first:][::-1])
    told = [("=", word) for word in old[:first]]
    told += _between(old[first : len(old) - last], new[first : len(new) - last])
    told += [("=", word) for word in old[len(old) - last :]]
    return [
        [kind, "".join(word for _, word in words)]
        for kind, words in groupby(told, key=lambda one: one[0])
    ]


def _between(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    if len(old) * len(new) > _MOST_PAIRS:
        return [("-", word) for word in old] + [("+", word) for word in new]
    told: list[tuple[str, str]] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            told += [("=", word) for word in old[a:b]]
            continue
        told += [("-", word) for word in old[a:b]]
        told += [("+", word) for word in new[c:d]]
    return told


def _alike(old: list[str], new: list[str]) -> int:
    """How many words both begin with."""
    for number, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return number
    return min(len(old), len(new))
