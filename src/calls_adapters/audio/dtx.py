"""AMR with pauses, in which the telephone sent nothing (DTX): FFmpeg drops them together with their time.

That is up to a third of a call. So frames are decoded one by one here, and a pause is as much silence as it lasted.
"""

from collections.abc import Iterator
from typing import Final

import av
import numpy as np

from calls_adapters.audio.amr import FRAMES_PER_SEC, has_speech, is_head, is_wide, layout, survey
from calls_adapters.audio.source import Samples, Source, regrouped

_FRAMES_AT_ONCE: Final = 50
_FULL_SCALE: Final = 32768


class DtxSource(Source):
    """All of *data*, the content of an AMR file."""

    channels = 1

    def __init__(self, data: bytes) -> None:
        wide = is_wide(data)
        self.codec = "amr_wb" if wide else "amr_nb"
        self.sample_rate_hz = 16_000 if wide else 8_000
        found = survey(data)
        self.skipped = found.broken
        self._frame = self.sample_rate_hz // FRAMES_PER_SEC
        self.expected_frames = found.frames * self._frame
        self._data = data

    def chunks(self, frames: int) -> Iterator[Samples]:
        return regrouped(self._batches(), frames)

    def _batches(self) -> Iterator[Samples]:
        waiting = []
        for piece in self._pieces():
            waiting.append(piece)
            if len(waiting) == _FRAMES_AT_ONCE:
                yield _samples(waiting)
                waiting = []
        if waiting:
            yield _samples(waiting)

    def _pieces(self) -> Iterator[bytes]:
        """Yield each frame as 32-bit floats."""
        context = av.CodecContext.create(self.codec.replace("_", ""), "r")
        assert isinstance(context, av.AudioCodecContext)  # noqa: S101 (mypy cannot know)
        context.sample_rate = self.sample_rate_hz
        context.layout = "mono"
        pause = bytes(4 * self._frame)
        steps, position = layout(self._data)
        while position < len(self._data):
            head = self._data[position]
            end = position + steps[head]
            if has_speech(head, wide=is_wide(self._data)) and end <= len(self._data):
                try:
                    frames = context.decode(av.Packet(self._data[position:end]))
                    yield from (bytes(frame.planes[0])[: 4 * frame.samples] for frame in frames)
                except (av.error.InvalidDataError, av.error.PatchWelcomeError):
                    self.skipped += 1
                    yield pause
            elif is_head(head) and end <= len(self._data):
                yield pause
            position = end


def _samples(pieces: list[bytes]) -> Samples:
    floats = np.frombuffer(b"".join(pieces), np.float32) * np.float32(_FULL_SCALE)
    clipped: Samples = floats.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    return clipped.reshape(1, -1)
