"""Contributed text as a page may show it: nothing in it changes what stands beside it.

What is stored is never altered by this, and a form gives a text back as it was written.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from markupsafe import Markup, escape

_RIGHT_TO_LEFT: Final = re.compile(
    "[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Controls other than tab and line breaks, surrogates, and what Unicode says is no character.
_NO_TEXT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane * 0x10000 + end) for plane in range(1, 17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
_MARKS: Final = re.compile("[\u061c\u200e\u200f]")
_DIRECTIONS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ISOLATED: Final = re.compile("(\u2068[^\u202a-\u202e\u2066-\u2069]*\u2069)")
_LINE: Final = re.compile("[^\n\r\u2028\u2029]+")


def to_read(text: str) -> str:
    """A text whose order from left to right is its own affair (Unicode Annex 9).

    Characters that override or embed a direction are left out. A line with letters that run from
    right to left is isolated from what stands beside it; without such letters the marks of
    direction are left out too. A control character is shown as U+FFFD. A text that has been
    through this stays as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    return _LINE.sub(lambda line: _line(line[0]), _NO_TEXT.sub("\ufffd", text))


def together(parts: Iterable[str], between: str) -> str:
    """Several texts in one, each of which keeps its own direction."""
    return between.join(to_read(part) for part in parts)


def shown(value: Any) -> Any:
    """What a template puts on a page: every text goes this way, markup of ours stays."""
    return to_read(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def as_written(text: str) -> Markup:
    """A text for a field of a form, which sends it back: escaped, and otherwise untouched."""
    return escape(text)


def _line(line: str) -> str:
    parts = _ISOLATED.split(line)
    beside = [_DIRECTIONS.sub("", part) for part in parts[::2]]
    isolated = [
        part if _RIGHT_TO_LEFT.search(part) else _MARKS.sub("", part[1:-1]) for part in parts[1::2]
    ]
    runs_left = any(_RIGHT_TO_LEFT.search(part) for part in beside)
    if not runs_left:
        beside = [_MARKS.sub("", part) for part in beside]
    kept = beside[0] + "".join(a + b for a, b in zip(isolated, beside[1:], strict=True))
    return f"\u2068{kept}\u2069" if runs_left else kept
