"""What a file says it holds, where that can be relied on, to tell a recording that was cut short.

Durations in headers are guesses more often than not, so only what a writer has to know exactly is compared: lengths
of what follows in bytes, and counts of samples.

FLAC: RFC 9639, 8.2. Matroska: RFC 9559, 5.1; its numbers: RFC 8794, 4. MP4: ISO/IEC 14496-12, 4.2.
ASF: https://exse.eyewated.com/fls/54b3ed95bbfb1a92.pdf, 3.2. GSM frames have 33 bytes (RFC 3551, 4.5.8).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

from calls_adapters.audio import amr, mpeg, ogg, riff
from calls_adapters.audio.sniffing import Container

_TAIL: Final = 1 << 16
_SLACK_SEC: Final = 0.5
_BOX_LIMIT: Final = 10_000
_GSM_FRAME: Final = 33
_ASF_FILE_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def is_cut_short(file: BinaryIO, size: int, container: Container, decoded_sec: float) -> bool:
    """Whether clearly more was promised than the file holds."""
    check = _CHECKS.get(container.demuxer)
    return check is not None and check(file, size, container.start, decoded_sec)


def _wav(file: BinaryIO, size: int, _start: int, _decoded_sec: float) -> bool:
    return riff.read_wav(file, size).missing > 0


def _flac(file: BinaryIO, _size: int, start: int, decoded_sec: float) -> bool:
    info = _read(file, start + 8, 18)
    packed = int.from_bytes(info[10:18], "big")
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return rate > 0 and samples / rate > decoded_sec + _SLACK_SEC / 10


def _mp3(file: BinaryIO, size: int, start: int, decoded_sec: float) -> bool:
    promised = mpeg.xing_samples(_read(file, start, 64))
    if promised:
        samples, rate = promised
        return samples / rate > decoded_sec + _SLACK_SEC
    return mpeg.ends_inside_frame(_read(file, max(start, size - _TAIL), _TAIL))


def _aac(file: BinaryIO, size: int, start: int, _decoded_sec: float) -> bool:
    return mpeg.ends_inside_frame(_read(file, max(start, size - _TAIL), _TAIL))


def _ogg(file: BinaryIO, size: int, start: int, _decoded_sec: float) -> bool:
    return ogg.ends_inside_page(_read(file, max(start, size - 2 * _TAIL), 2 * _TAIL))


def _mov(file: BinaryIO, size: int, start: int, _decoded_sec: float) -> bool:
    position = start
    for _ in range(_BOX_LIMIT):
        head = _read(file, position, 16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end of the file
            break
        position += length
        if position > size:
            return head[4:8] in {b"mdat", b"moof"}
    return False


def _matroska(file: BinaryIO, size: int, start: int, _decoded_sec: float) -> bool:
    head = _read(file, start, 4096)
    segment = head.find(b"\x18\x53\x80\x67")
    if segment < 0 or segment + 12 > len(head):
        return False
    width = 9 - head[segment + 4].bit_length()
    length = int.from_bytes(head[segment + 4 : segment + 4 + width], "big") & (1 << 7 * width) - 1
    streamed = length == (1 << 7 * width) - 1
    return not streamed and start + segment + 4 + width + length > size


def _asf(file: BinaryIO, size: int, start: int, _decoded_sec: float) -> bool:
    head = _read(file, start, _TAIL)
    found = head.find(_ASF_FILE_PROPERTIES)
    properties = head[found : found + 104]
    if found < 0 or len(properties) < 104:
        return False
    broadcast = properties[88] & 1
    return not broadcast and start + int.from_bytes(properties[40:48], "little") > size


def _amr(file: BinaryIO, size: int, _start: int, _decoded_sec: float) -> bool:
    return amr.survey(_read(file, 0, size)).is_cut


def _gsm(_file: BinaryIO, size: int, start: int, _decoded_sec: float) -> bool:
    return (size - start) % _GSM_FRAME > 0


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


_CHECKS: Final[Mapping[str, Callable[[BinaryIO, int, int, float], bool]]] = MappingProxyType(
    {
        "wav": _wav,
        "flac": _flac,
        "mp3": _mp3,
        "aac": _aac,
        "ogg": _ogg,
        "mov": _mov,
        "matroska": _matroska,
        "asf": _asf,
        "amr": _amr,
        "gsm": _gsm,
    }
)
