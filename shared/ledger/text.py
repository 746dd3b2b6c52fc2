"""Whether a text says anything that somebody could read; it never alters one."""

import re
from typing import Final

# What is drawn as nothing: controls, formats and blanks (categories Cc, Cf, Zs, Zl, Zp of Unicode),
# Default_Ignorable_Code_Point, and signs that are blank although they count as letters or symbols
# (Hangul and Khitan fillers, the braille pattern without dots, the null notehead). Written out, so
# that doors, contracts and every version of Python mean the same.
_DRAWN_AS_NOTHING: Final = (
    (0x0000, 0x0020),
    (0x007F, 0x00A0),
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),
    (0x1680, 0x1680),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0x2800, 0x2800),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x16FE4, 0x16FE4),
    (0x1BCA0, 0x1BCA3),
    (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)


def _written(code: int) -> str:
    # The form that every dialect of regular expressions has; beyond four digits there is none.
    return f"\\u{code:04X}" if code <= 0xFFFF else chr(code)  # noqa: PLR2004 - what \u holds


_RANGES: Final = "".join(
    _written(first) if first == last else f"{_written(first)}-{_written(last)}"
    for first, last in _DRAWN_AS_NOTHING
)
CAN_BE_SEEN: Final = f"[^{_RANGES}]"
"""Matches a text that says something; a regular expression for Python, Rust and JSON Schema."""

_CAN_BE_SEEN: Final = re.compile(CAN_BE_SEEN)


def says_something(text: str) -> bool:
    """True where at least one character can be seen.

    Joiners and variation selectors beside something that can be seen (within an emoji, say) take
    nothing away from it; alone they are no text.
    """
    return _CAN_BE_SEEN.search(text) is not None
