"""Frame headers of MPEG audio and of AAC in ADTS, which have no file header to be recognised by.

MPEG audio: ISO/IEC 11172-3 and 13818-3, http://www.mp3-tech.org/programmer/frame_header.html. ADTS: ISO/IEC 13818-7,
https://wiki.multimedia.cx/index.php/ADTS. The Xing header: http://gabriel.mp3-tech.org/mp3infotag.html.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_CANDIDATE: Final = re.compile(rb"\xff(?=[\xe2-\xff][\x00-\xfe])")
_CHAIN: Final = 3

_RATES: Final = (44100, 48000, 32000)
_ADTS_RATES: Final = 13
# In kbit/s, by (MPEG-1, layer) and the four bits of the header.
_BIT_RATES: Final = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class Frame(NamedTuple):
    """One frame: *demuxer* is FFmpeg's name for a file of such, *length* in bytes, *samples* per channel."""

    demuxer: str
    length: int
    samples: int
    sample_rate_hz: int
    header_bytes: int


def mpeg_frame(data: bytes, at: int) -> Frame | None:
    """Return the MPEG audio frame that begins at *at*, by its first four bytes; None if there is none."""
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    bit_rate_index, rate_index, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or bit_rate_index in {0, 15} or rate_index == 3:
        return None
    first = version == 3
    rate = _RATES[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    bit_rate = 1000 * _BIT_RATES[first, layer][bit_rate_index]
    samples = 384 if layer == 1 else 1152 if layer == 2 or first else 576
    length = (12 * bit_rate // rate + padding) * 4 if layer == 1 else samples // 8 * bit_rate // rate + padding
    mono = data[at + 3] >> 6 == 3
    side = (17 if mono else 32) if first else (9 if mono else 17)
    return Frame("mp3", length, samples, rate, 4 + side)


def adts_frame(data: bytes, at: int) -> Frame | None:
    """Return the ADTS frame that begins at *at*, by its first seven bytes; None if there is none."""
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] >> 2 & 15 >= _ADTS_RATES:
        return None
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return Frame("aac", length, 1024, 0, 7) if length >= 7 else None


def recognise(head: bytes, *, whole: bool) -> tuple[str, int] | None:
    """Return FFmpeg's name of the format and where the first of several frames in a row starts in *head*.

    *whole* says that *head* is all there is of the file: fewer frames will then do, if they reach to its end.
    """
    for found in _CANDIDATE.finditer(head):
        for read in (mpeg_frame, adts_frame):
            first = read(head, found.start())
            if first and _chains(head, found.start(), read, whole=whole):
                return first.demuxer, found.start()
    return None


def ends_inside_frame(tail: bytes) -> bool:
    """Whether the last of the frames in *tail*, the last bytes of a file, is cut off."""
    for found in _CANDIDATE.finditer(tail):
        for read in (mpeg_frame, adts_frame):
            if read(tail, found.start()) and _chains(tail, found.start(), read, whole=False):
                *_, (start, last) = _walk(tail, found.start(), read)
                return start + last.length > len(tail)
    return False


def xing_samples(frame: bytes) -> tuple[int, int] | None:
    """Return how many samples per channel the Xing or Info header in the first *frame* promises, and their rate."""
    first = mpeg_frame(frame, 0)
    if first is None:
        return None
    tag = frame[first.header_bytes : first.header_bytes + 12]
    if len(tag) < 12 or tag[:4] not in {b"Xing", b"Info"} or not tag[7] & 1:
        return None
    return int.from_bytes(tag[8:12], "big") * first.samples, first.sample_rate_hz


def _walk(data: bytes, at: int, read: Callable[[bytes, int], Frame | None]) -> Iterator[tuple[int, Frame]]:
    while (frame := read(data, at)) is not None:
        yield at, frame
        at += frame.length


def _chains(data: bytes, at: int, read: Callable[[bytes, int], Frame | None], *, whole: bool) -> bool:
    rates = set()
    for count, (start, frame) in enumerate(_walk(data, at, read), 1):
        rates.add(frame.sample_rate_hz)
        if len(rates) > 1:
            return False
        if count == _CHAIN or (whole and start + frame.length == len(data)):
            return True
    return False
