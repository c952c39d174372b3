"""AMR with pauses (DTX), which FFmpeg's own decoders drop together with their time: up to a third of a call."""

from collections.abc import Iterator
from typing import Final

import av
import numpy as np

from calls_adapters.audio.amr import FRAMES_PER_SEC, is_head, is_wide, layout, survey
from calls_adapters.audio.source import Samples, Source, regrouped

_FRAMES_AT_ONCE: Final = 50


class OpencoreSource(Source):
    """Decodes frame by frame with the OpenCORE decoders, which know what a pause is."""

    channels = 1

    def __init__(self, data: bytes) -> None:
        wide = is_wide(data)
        self.codec = "amr_wb" if wide else "amr_nb"
        self.sample_rate_hz = 16_000 if wide else 8_000
        found = survey(data)
        self.skipped = found.broken
        self.expected_frames = found.frames * self.sample_rate_hz // FRAMES_PER_SEC
        self._data = data

    def chunks(self, frames: int) -> Iterator[Samples]:
        return regrouped(self._decoded(), frames)

    def _decoded(self) -> Iterator[Samples]:
        context = av.CodecContext.create(f"libopencore_{self.codec.replace('_', '')}", "r")
        assert isinstance(context, av.AudioCodecContext)  # noqa: S101 (mypy cannot know)
        context.sample_rate = self.sample_rate_hz
        context.layout = "mono"
        sizes, _, position = layout(self._data)
        pieces = []
        while position < len(self._data):
            head = self._data[position]
            if is_head(head):
                frames = self._frames(context, self._data[position : position + sizes[head]])
                pieces += [bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames]
            position += sizes[head]
            if len(pieces) == _FRAMES_AT_ONCE:
                yield np.frombuffer(b"".join(pieces), np.int16).reshape(1, -1)
                pieces = []
        if pieces:
            yield np.frombuffer(b"".join(pieces), np.int16).reshape(1, -1)

    def _frames(self, context: av.AudioCodecContext, data: bytes) -> list[av.AudioFrame]:
        try:
            return context.decode(av.Packet(data))
        except av.error.InvalidDataError:
            self.skipped += 1
            return []
