"""Reduces samples to a level and a yes or no about speech for every 10 ms, while they pass."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import webrtcvad  # type: ignore[import-untyped]
from numpy.typing import NDArray

from calls_conversation.likeness import Match, loudest_second, match

CELL_MS: Final = 10
"""What a level stands for."""

DETECTOR_RATES_HZ: Final = (8_000, 16_000, 32_000)
"""The detector takes 48 kHz as well, for six times the processor time."""

CLIPPED: Final = 32_000
"""Below the ends of u-law (32,124) and A-law (32,256), which companded telephone audio never passes."""

TENTHS: Final = 10

_FRAME_CELLS: Final = 3
_CHUNK_FRAMES: Final = 100
_SAID_CELLS: Final = 10
_MOST_AGGRESSIVE: Final = 3
_SAMPLE_BYTES: Final = 2
_FULL_SCALE: Final = 32_768.0
_INAUDIBLE: Final = 1e-9

Levels: TypeAlias = NDArray[np.int16]
"""Tenths of dBFS, for every 10 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One channel: levels and speech, cell by cell. *clipped* counts samples."""

    levels: Levels
    speech: NDArray[np.bool_]
    clipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All channels, *frames* long. *matches* tells how alike two channels are, in the loudest second of every three in
    which somebody speaks."""

    sample_rate_hz: int
    frames: int
    tracks: tuple[Track, ...]
    matches: tuple[Match, ...]

    @property
    def duration_ms(self) -> int:
        return round(1000 * round(self.frames / self.sample_rate_hz, 3))


class Ear:
    """Listens to one channel."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._detector = webrtcvad.Vad(_MOST_AGGRESSIVE)
        self._rate = sample_rate_hz
        self._cell = sample_rate_hz * CELL_MS // 1000
        self._levels = bytearray()
        self._speech = bytearray()
        self._clipped = 0

    def hear(self, data: bytes) -> int:
        """Take whole frames of 30 ms, or with the last of them a rest; return how many cells are speech."""
        samples = np.frombuffer(data, np.int16)
        cells = len(samples) // self._cell
        loud = samples[: cells * self._cell].astype(np.float32).reshape(cells, self._cell)
        power = np.einsum("ci,ci->c", loud, loud) / (self._cell * _FULL_SCALE**2)
        decibels = 10 * np.log10(np.maximum(power, _INAUDIBLE))
        self._levels += np.rint(decibels * TENTHS).astype(np.int16).tobytes()
        size = _FRAME_CELLS * self._cell * _SAMPLE_BYTES
        whole = len(data) // size * size
        speech = bytearray()
        for start in range(0, whole, size):
            said = self._detector.is_speech(data[start : start + size], self._rate)
            speech += bytes((said,)) * _FRAME_CELLS
        # What is shorter than a frame, at the end, is taken for silence.
        self._speech += speech + bytes(cells - len(speech))
        self._clipped += int(np.count_nonzero((samples >= CLIPPED) | (samples <= -CLIPPED)))
        return speech.count(1)

    def track(self) -> Track:
        return Track(
            levels=np.frombuffer(bytes(self._levels), np.int16),
            speech=np.frombuffer(bytes(self._speech), np.bool_),
            clipped=self._clipped,
        )


class Listener:
    """Feed it what the decoder yields, in pieces of any length, then ``finish``."""

    def __init__(self, channels: int, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._ears = [Ear(sample_rate_hz) for _ in range(channels)]
        self._waiting = [bytearray() for _ in range(channels)]
        self._chunk = _CHUNK_FRAMES * _FRAME_CELLS * CELL_MS * sample_rate_hz // 1000 * _SAMPLE_BYTES
        self._matches: list[Match] = []
        self._frames = 0

    def hear(self, block: tuple[bytes, ...]) -> None:
        self._frames += len(block[0]) // _SAMPLE_BYTES
        for waiting, data in zip(self._waiting, block, strict=True):
            waiting.extend(data)
        while len(self._waiting[0]) >= self._chunk:
            self._listen(self._chunk)

    def finish(self) -> Heard:
        """Listen to the rest and return everything."""
        self._listen(self._chunk)
        return Heard(
            sample_rate_hz=self._rate,
            frames=self._frames,
            tracks=tuple(ear.track() for ear in self._ears),
            matches=tuple(self._matches),
        )

    def _listen(self, size: int) -> None:
        pieces = [bytes(waiting[:size]) for waiting in self._waiting]
        for waiting in self._waiting:
            del waiting[:size]
        said = [ear.hear(piece) for ear, piece in zip(self._ears, pieces, strict=True)]
        if len(pieces) == 2 and max(said) >= _SAID_CELLS:  # noqa: PLR2004 (a pair)
            window = loudest_second(pieces[0], pieces[1], self._rate)
            found = match(*window) if window is not None else None
            if found is not None:
                self._matches.append(found)
