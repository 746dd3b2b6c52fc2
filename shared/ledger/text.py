"""Whether a text says anything that somebody could read; it never alters one."""

from bisect import bisect_right
from typing import Final
from unicodedata import category

# Unicode's Default_Ignorable_Code_Point, which the standard library does not know, and signs that
# are drawn as nothing although they count as letters or symbols: the blank braille pattern, the
# null notehead, the Khitan filler. Each pair is a first and a last code point.
_DRAWN_AS_NOTHING: Final = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x16FE4, 0x16FE4),
    (0x1BCA0, 0x1BCA3),
    (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_FIRST: Final = [first for first, _ in _DRAWN_AS_NOTHING]
# Controls, formats, surrogates, and the separators of words, lines and paragraphs.
_NOT_DRAWN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})


def says_something(text: str) -> bool:
    """True where at least one character can be seen.

    Joiners and variation selectors beside something that can be seen (within an emoji, say) take
    nothing away from it; alone they are no text.
    """
    return any(map(_can_be_seen, text))


def _can_be_seen(character: str) -> bool:
    if "!" <= character <= "~":
        return True
    if category(character) in _NOT_DRAWN:
        return False
    code = ord(character)
    at = bisect_right(_FIRST, code) - 1
    return at < 0 or code > _DRAWN_AS_NOTHING[at][1]
