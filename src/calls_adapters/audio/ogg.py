"""The pages of an Ogg file: RFC 3533, section 6. What packets of Opus last: RFC 6716, section 3.1; RFC 7845."""

import os
import re
import struct
from typing import BinaryIO, Final

_WINDOW: Final = 1 << 20
_FIRST_PAGE: Final = re.compile(rb"OggS\0[\x02\x06]")
_HEADER: Final = 27
_LONGEST_PAGE: Final = _HEADER + 255 + 255 * 255
_LINK_LIMIT: Final = 1_000

_PAGE: Final = struct.Struct("<4sxBqIIxxxxB")
_CONTINUED: Final = 1
_LAST: Final = 4
_OPUS_HEADS: Final = (b"OpusHead", b"OpusTags")
_LONGEST_START: Final = _HEADER + 255 + len(_OPUS_HEADS[0])
# Samples at 48 kHz by the first five bits of a packet: SILK, hybrid, CELT.
_FRAME_TICKS: Final = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
_FEW_PACKETS: Final = 5


def links(file: BinaryIO, start: int, size: int) -> list[tuple[int, int]]:
    """Return where each of the recordings in a file begins and ends: people join Ogg files by writing them in a row.

    FFmpeg would take the second one for the past and leave it out.
    """
    begins = [start]
    position = start
    following = start
    while position < size and len(begins) < _LINK_LIMIT:
        file.seek(position)
        window = file.read(_WINDOW + _LONGEST_PAGE)
        for found in _FIRST_PAGE.finditer(window, 0, _WINDOW + len("OggS")):
            at = position + found.start()
            # Streams that belong together have their first pages side by side.
            if at > following:
                begins.append(at)
            following = max(following, at + page_length(window[found.start() :]))
        position += _WINDOW
    return list(zip(begins, [*begins[1:], size], strict=True))


def tells_time(file: BinaryIO, start: int, end: int) -> bool:
    """Whether these are pages of one Opus stream without a gap, each of which ends when its packets end.

    False too where looking would take longer than it saves, because there are few packets in a page.
    """
    position, following, ended = start, None, 0
    heads = list(_OPUS_HEADS)
    while position < end:
        page = os.pread(file.fileno(), _LONGEST_START, position)
        position += page_length(page)
        if position > end:
            return False
        magic, flags, granule, serial, number, segments = _PAGE.unpack_from(page)
        body = page[_HEADER + segments :]
        packets = segments - page.count(255, _HEADER, _HEADER + segments)
        due = ended + packets * _packet_ticks(body)
        if magic != b"OggS" or flags & _CONTINUED or following not in {None, (serial, number)}:
            return False
        following = serial, number + 1
        if heads:
            if not body.startswith(heads.pop(0)):
                return False
        elif not ended and granule > 0:  # it may begin at any time
            ended = granule
        elif flags & _LAST:  # it may be cut within its packets
            return ended < granule <= due and position == end
        elif granule != due or packets < _FEW_PACKETS:
            return False
        else:
            ended = due
    return ended > 0


def _packet_ticks(packet: bytes) -> int:
    if len(packet) < 2:
        return 0
    frames = (1, 2, 2, packet[1] & 63)[packet[0] & 3]
    return frames * _FRAME_TICKS[packet[0] >> 3]


def ends_inside_page(tail: bytes) -> bool:
    """Whether the last of the pages in *tail*, the last bytes of a file, is cut off."""
    last = tail.rfind(b"OggS")
    return page_length(tail[last:]) > len(tail) - last if last >= 0 else len(tail) >= _LONGEST_PAGE


def page_length(page: bytes) -> int:
    """Return how many bytes the page that begins here has; more than there are, if even its header is cut off."""
    if len(page) < _HEADER or len(page) < _HEADER + page[_HEADER - 1]:
        return _LONGEST_PAGE
    table = page[_HEADER : _HEADER + page[_HEADER - 1]]
    return _HEADER + len(table) + sum(table)
