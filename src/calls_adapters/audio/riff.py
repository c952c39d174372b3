"""The chunks of a WAV file, without believing them.

RIFF and WAVE: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html. RF64 and BW64: EBU Tech 3306,
ITU-R BS.2088.
"""

import struct
from typing import BinaryIO, Final, NamedTuple

from calls_core.errors import NoAudioStream, NotAudio

PCM: Final = 0x0001
FLOAT: Final = 0x0003
ALAW: Final = 0x0006
MULAW: Final = 0x0007

_EXTENSIBLE: Final = 0xFFFE
_UNKNOWN: Final = 0xFFFFFFFF
# Recorders that cannot seek back write 0xFFFFFFFF, or the most that a signed or unsigned length holds less a header.
_STREAMED: Final = 0x7FFFF000
_KNOWN_CHUNKS: Final = frozenset({b"LIST", b"fact", b"cue ", b"bext", b"id3 ", b"ID3 ", b"smpl", b"iXML", b"JUNK"})
_CHUNK_LIMIT: Final = 10_000


class Wav(NamedTuple):
    """What the header says. *data_size* is what there really is of it; *missing* how much more was promised."""

    tag: int
    channels: int
    sample_rate_hz: int
    frame_bytes: int
    bits: int
    data_start: int
    data_size: int
    missing: int


def read_wav(file: BinaryIO, file_size: int) -> Wav:
    """Raises ``NotAudio`` for a header that cannot be read, ``NoAudioStream`` when there is no data chunk."""
    file.seek(0)
    magic = file.read(12)[:4]
    fmt = b""
    big_size = 0
    position = 12
    for _ in range(_CHUNK_LIMIT):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            break
        name, size = struct.unpack("<4sI", head)
        start = position + 8
        if name == b"data":
            if len(fmt) < 16:
                raise NotAudio("The WAV file does not say how its samples are coded.")
            return _described(fmt, start, *_extent(file, start, size, big_size, file_size, streams=magic == b"RIFF"))
        if name == b"fmt ":
            fmt = file.read(min(size, 64))
        elif name == b"ds64":
            big_size = int.from_bytes(file.read(16)[8:], "little")
        position = start + size + size % 2
    if len(fmt) < 16:
        raise NotAudio("The header of the WAV file is cut off or broken.")
    raise NoAudioStream("The WAV file has no data chunk: it holds no samples.")


def _extent(file: BinaryIO, start: int, size: int, big_size: int, file_size: int, *, streams: bool) -> tuple[int, int]:
    present = file_size - start
    if size == _UNKNOWN and big_size:
        size = big_size
    elif size >= _STREAMED and (streams or not big_size) and size > present:
        return present, 0
    if size == 0 and present:
        file.seek(start)
        following = file.read(8)
        ends_there = following[:4] in _KNOWN_CHUNKS and int.from_bytes(following[4:], "little") + 8 <= present
        return (0 if ends_there else present), 0
    return min(size, present), max(0, size - present)


def _described(fmt: bytes, start: int, size: int, missing: int) -> Wav:
    tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", fmt[:16])
    if tag == _EXTENSIBLE and len(fmt) >= 26:
        (tag,) = struct.unpack("<H", fmt[24:26])
    return Wav(tag, channels, rate, frame_bytes, bits, start, size, missing)
