"""The frames of an AMR file: RFC 4867, section 5. Each is 20 ms long and says in its first byte what it is."""

from typing import Final, NamedTuple

_NARROW: Final = b"#!AMR\n"
_WIDE: Final = b"#!AMR-WB\n"
# Bytes of a frame with its first one, by type: speech, then a pause described, then types that do not occur, or
# belong to other systems, and at last frames of nothing: lost, or not sent.
_NARROW_SIZES: Final = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
_WIDE_SIZES: Final = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
_NARROW_SPEECH: Final = 8
_WIDE_SPEECH: Final = 9
_RESERVED: Final = frozenset({10, 11, 12, 13})
_GOOD: Final = 0x04
_SPARE: Final = 0x83

FRAMES_PER_SEC: Final = 50
HIGHEST_BYTES_PER_SEC: Final = max(_WIDE_SIZES) * FRAMES_PER_SEC


class Survey(NamedTuple):
    """*has_pauses*: some frames are no speech, or marked bad. *broken* counts bytes that should begin a frame."""

    frames: int
    has_pauses: bool
    broken: int
    is_cut: bool


def survey(data: bytes) -> Survey:
    """Walk over the frames of a whole file."""
    steps, position = layout(data)
    counts = [0] * 256
    end = len(data)
    while position < end:
        head = data[position]
        counts[head] += 1
        position += steps[head]
    wide = is_wide(data)
    broken = sum(count for head, count in enumerate(counts) if not is_head(head))
    pauses = any(count and not has_speech(head, wide=wide) for head, count in enumerate(counts))
    return Survey(sum(counts) - broken, pauses, broken, position > end)


def is_wide(data: bytes) -> bool:
    return data.startswith(_WIDE)


def layout(data: bytes) -> tuple[list[int], int]:
    """Return the sizes of frames by first byte, and where the first frame begins."""
    sizes, start = (_WIDE_SIZES, len(_WIDE)) if is_wide(data) else (_NARROW_SIZES, len(_NARROW))
    return [sizes[head >> 3 & 15] if is_head(head) else 1 for head in range(256)], start


def is_head(head: int) -> bool:
    """Whether a frame can begin with *head*: its spare bits are zero and its type exists."""
    return not head & _SPARE and head >> 3 & 15 not in _RESERVED


def has_speech(head: int, *, wide: bool) -> bool:
    """Whether *head* begins a frame of speech that arrived well."""
    return is_head(head) and head >> 3 & 15 < (_WIDE_SPEECH if wide else _NARROW_SPEECH) and bool(head & _GOOD)
