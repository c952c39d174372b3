"""Reads uncompressed and G.711 samples without FFmpeg: faster, and nothing to go wrong in."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from calls_adapters.audio import riff
from calls_adapters.audio.source import Samples, Source, planar

_FULL_SCALE: Final = 32768


class PcmSource(Source):
    """The bytes of *file* from *start*, *size* of them, as ``CODECS[key]`` codes them."""

    def __init__(
        self, file: BinaryIO, key: tuple[int, int], *, channels: int, sample_rate_hz: int, start: int, size: int
    ) -> None:
        self.codec, make_converter = CODECS[key]
        self.channels = channels
        self.sample_rate_hz = sample_rate_hz
        self.skipped = 0
        self._file = file
        self._start = start
        self._frame_bytes = channels * key[1]
        self._convert = make_converter()
        self.expected_frames = size // self._frame_bytes

    def chunks(self, frames: int) -> Iterator[Samples]:
        self._file.seek(self._start)
        left = self.expected_frames * self._frame_bytes
        while left:
            data = self._file.read(min(left, frames * self._frame_bytes))
            data = data[: len(data) // self._frame_bytes * self._frame_bytes]
            if not data:
                break
            left -= len(data)
            yield planar(self._convert(data), self.channels)


def _u8(data: bytes) -> Samples:
    centred: Samples = np.frombuffer(data, np.uint8).astype(np.int16) - np.int16(128)
    return centred << 8


def _s16(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.int16, copy=False)


def _s24(data: bytes) -> Samples:
    return _s16(np.frombuffer(data, np.uint8).reshape(-1, 3)[:, 1:].tobytes())


def _s32(data: bytes) -> Samples:
    return np.ascontiguousarray(_s16(data)[1::2])


def _float(kind: str) -> Callable[[bytes], Samples]:
    def convert(data: bytes) -> Samples:
        scaled = np.nan_to_num(np.frombuffer(data, kind)) * _FULL_SCALE
        clipped: Samples = scaled.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
        return clipped

    return convert


def _table(linear: NDArray[np.int32]) -> Callable[[bytes], Samples]:
    """Look two samples up at once: half the look-ups."""
    one = linear.astype(np.int16)
    couples = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    by_pair = one[couples].view(np.int32).reshape(-1)

    def convert(data: bytes) -> Samples:
        even = len(data) // 2
        found = by_pair.take(np.frombuffer(data, np.uint16, even)).view(np.int16)
        return np.append(found, one[data[-1]]) if len(data) % 2 else found

    return convert


def mulaw() -> NDArray[np.int32]:
    """Return the 256 values of u-law on a 16-bit scale (ITU-T G.711, table 2)."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude)


def alaw() -> NDArray[np.int32]:
    """Return the 256 values of A-law on a 16-bit scale (ITU-T G.711, table 1)."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = code >> 4 & 7
    step = ((code & 15) << 4) + 8
    magnitude = np.where(segment == 0, step, step + 0x100 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude)


CODECS: Final[dict[tuple[int, int], tuple[str, Callable[[], Callable[[bytes], Samples]]]]] = {
    (riff.PCM, 1): ("pcm_u8", lambda: _u8),
    (riff.PCM, 2): ("pcm_s16le", lambda: _s16),
    (riff.PCM, 3): ("pcm_s24le", lambda: _s24),
    (riff.PCM, 4): ("pcm_s32le", lambda: _s32),
    (riff.FLOAT, 4): ("pcm_f32le", lambda: _float("<f4")),
    (riff.FLOAT, 8): ("pcm_f64le", lambda: _float("<f8")),
    (riff.MULAW, 1): ("pcm_mulaw", lambda: _table(mulaw())),
    (riff.ALAW, 1): ("pcm_alaw", lambda: _table(alaw())),
}
"""By format tag and bytes per sample: FFmpeg's name, and what makes the converter."""
