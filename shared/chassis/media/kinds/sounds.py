"""Sound, walked through to its last byte."""

import mmap
import re
from typing import Final

from shared.chassis.media.kinds.pictures import judge_riff
from shared.chassis.media.kinds.walking import NotOfThisKind, Walk

# Kilobits a second by the index in a frame's head: of MPEG 1, and of MPEG 2 and 2.5; layer III.
_RATES_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLES_A_SECOND: Final = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_TAG_AT_THE_END: Final = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_LONGEST_TAG: Final = 1_048_576
_BLANK: Final = re.compile(rb"\x00*\Z")
_FRAMES: Final = 2


def judge_wav(data: mmap.mmap) -> str:
    """One RIFF of the length it says."""
    judge_riff(data, b"WAVE")
    return "audio/wav"


def judge_mp3(data: mmap.mmap) -> str:
    """Frames of layer III from end to end, with the usual tags before and after them."""
    walk = Walk(data)
    while walk.peek(3) == b"ID3":
        head = walk.take(10)
        size = 0
        for seven_bits in head[6:10]:
            size = size << 7 | (seven_bits & 0x7F)
        walk.skip(size + (10 if head[5] & 0x10 else 0))
    frames = 0
    while walk.left >= 4 and (size := _frame_size(walk.peek(4))):
        walk.skip(min(size, walk.left))
        frames += 1
    is_tag = walk.left <= _LONGEST_TAG and walk.peek(11).startswith(_TAG_AT_THE_END)
    if frames < _FRAMES or not (is_tag or _BLANK.match(data, walk.at)):
        raise NotOfThisKind
    return "audio/mpeg"


def _frame_size(head: bytes) -> int:
    """How long the frame with this head is; 0 where it is none of layer III."""
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, samples = head[2] >> 4, head[2] >> 2 & 3
    if head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or version == 1 or layer != 1:
        return 0
    if not 0 < rate < 15 or samples == 3:
        return 0
    a_second = _SAMPLES_A_SECOND[version][samples]
    kilobits = (_RATES_1 if version == 3 else _RATES_2)[rate]
    return (144 if version == 3 else 72) * kilobits * 1000 // a_second + (head[2] >> 1 & 1)
