"""AMR files: RFC 4867, section 5, one frame of 20 ms after the other."""

from typing import Final, NamedTuple

_NARROW: Final = b"#!AMR\n"
_WIDE: Final = b"#!AMR-WB\n"
# Bytes of a frame with its header byte, by the frame type in that byte; types that do not occur are one byte long.
_NARROW_SIZES: Final = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
_WIDE_SIZES: Final = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
_NARROW_SPEECH: Final = 8
_WIDE_SPEECH: Final = 9
_GOOD: Final = 0x04
_SPARE: Final = 0x83
# In both kinds; 9 is a pause in one and belongs to other systems in the other.
_RESERVED: Final = frozenset({10, 11, 12, 13})

FRAMES_PER_SEC: Final = 50
HIGHEST_BYTES_PER_SEC: Final = max(_WIDE_SIZES) * FRAMES_PER_SEC


class Survey(NamedTuple):
    """*has_pauses*: frames without speech, or marked bad, that FFmpeg's own decoders drop together with their time.

    *broken* counts bytes that should have begun a frame, but cannot.
    """

    frames: int
    has_pauses: bool
    broken: int
    is_cut: bool


def survey(data: bytes) -> Survey:
    """Walk over the frames of a whole file."""
    steps, speech, position = layout(data)
    counts = [0] * 256
    end = len(data)
    while position < end:
        head = data[position]
        counts[head] += 1
        position += steps[head]
    broken = sum(count for head, count in enumerate(counts) if not is_head(head))
    pauses = any(count and (head >> 3 & 15 >= speech or not head & _GOOD) for head, count in enumerate(counts))
    return Survey(sum(counts) - broken, pauses, broken, position > end)


def is_head(byte: int) -> bool:
    """Whether a frame can begin with *byte*: its spare bits are zero, and its type is speech, a pause or nothing."""
    return not byte & _SPARE and byte >> 3 & 15 not in _RESERVED


def is_wide(data: bytes) -> bool:
    return data.startswith(_WIDE)


def layout(data: bytes) -> tuple[list[int], int, int]:
    """Return the sizes of frames by first byte, how many types hold speech, and where the first frame begins."""
    narrow = (_NARROW_SIZES, _NARROW_SPEECH, len(_NARROW))
    sizes, speech, start = (_WIDE_SIZES, _WIDE_SPEECH, len(_WIDE)) if is_wide(data) else narrow
    return [sizes[byte >> 3 & 15] if is_head(byte) else 1 for byte in range(256)], speech, start
