"""The pages of an Ogg file: RFC 3533, section 6."""

import re
from typing import BinaryIO, Final

_WINDOW: Final = 1 << 20
_FIRST_PAGE: Final = re.compile(rb"OggS\0[\x02\x06]")
_HEADER: Final = 27
_LONGEST_PAGE: Final = _HEADER + 255 + 255 * 255
_LINK_LIMIT: Final = 1_000


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
