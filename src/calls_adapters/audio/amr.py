"""AMR files: RFC 4867, section 5, one frame of 20 ms after the other."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import av
import numpy as np

from calls_adapters.audio.source import Samples, Source, regrouped
from calls_core.errors import NoAudioStream

_NARROW: Final = b"#!AMR\n"
_WIDE: Final = b"#!AMR-WB\n"
# Bytes of a frame with its header byte, by the frame type in that byte; types that do not occur are one byte long.
_NARROW_SIZES: Final = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
_WIDE_SIZES: Final = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
_NARROW_SPEECH: Final = 8
_WIDE_SPEECH: Final = 9
_GOOD: Final = 4
_FRAMES_AT_ONCE: Final = 50


class Survey(NamedTuple):
    """*has_pauses*: frames without speech, or marked bad, that FFmpeg's own decoders drop together with their time."""

    frames: int
    has_pauses: bool
    is_cut: bool


def survey(data: bytes) -> Survey:
    """Walk over the frames of a whole file."""
    sizes, speech, position = _layout(data)
    steps = [sizes[byte >> 3 & 15] for byte in range(256)]
    counts = [0] * 256
    end = len(data)
    while position < end:
        head = data[position]
        counts[head] += 1
        position += steps[head]
    pauses = any(count and (head >> 3 & 15 >= speech or not head & _GOOD) for head, count in enumerate(counts))
    return Survey(sum(counts), pauses, position > end)


class AmrSource(Source):
    """Decodes frame by frame with the OpenCORE decoders, which know what a pause is."""

    channels = 1

    def __init__(self, data: bytes) -> None:
        wide = data.startswith(_WIDE)
        self.codec = "amr_wb" if wide else "amr_nb"
        self.sample_rate_hz = 16_000 if wide else 8_000
        self.skipped = 0
        self._data = data
        self.expected_frames = survey(data).frames * self.sample_rate_hz // 50
        if not self.expected_frames:
            raise NoAudioStream("The AMR file holds no samples.")

    def chunks(self, frames: int) -> Iterator[Samples]:
        return regrouped(self._decoded(), frames)

    def _decoded(self) -> Iterator[Samples]:
        context = av.CodecContext.create(f"libopencore_{self.codec.replace('_', '')}", "r")
        assert isinstance(context, av.AudioCodecContext)  # noqa: S101 (mypy cannot know)
        context.sample_rate = self.sample_rate_hz
        context.layout = "mono"
        sizes, _, position = _layout(self._data)
        pieces = []
        while position < len(self._data):
            size = sizes[self._data[position] >> 3 & 15]
            try:
                frames = context.decode(av.Packet(self._data[position : position + size]))
            except av.error.InvalidDataError:
                self.skipped += 1
                frames = []
            pieces += [bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames]
            position += size
            if len(pieces) == _FRAMES_AT_ONCE:
                yield np.frombuffer(b"".join(pieces), np.int16).reshape(1, -1)
                pieces = []
        if pieces:
            yield np.frombuffer(b"".join(pieces), np.int16).reshape(1, -1)


def _layout(data: bytes) -> tuple[tuple[int, ...], int, int]:
    if data.startswith(_WIDE):
        return _WIDE_SIZES, _WIDE_SPEECH, len(_WIDE)
    return _NARROW_SIZES, _NARROW_SPEECH, len(_NARROW)
