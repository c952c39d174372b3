"""What must be known of a recording before it is transcribed: its silences, its length, if its channels differ."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from calls_core.findings import Signal
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio
from numpy.typing import NDArray

from calls_whisper.likeness import Likeness

Stretch: TypeAlias = tuple[float, float]
"""Start and end, in seconds of the recording."""

SURVEY_RATE_HZ: Final = 8_000
_BLOCK: Final = SURVEY_RATE_HZ // 100
_FULL_SCALE: Final = 32_768.0
_TWO: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """*silences* has a row per channel. *dual_mono*: both channels carry the same sound."""

    duration_sec: float
    silences: Sequence[Sequence[Stretch]]
    dual_mono: bool = False


async def survey(audio: Audio, options: AnalysisOptions) -> Survey:
    """Take it from a ``Signal`` among the findings; decode the audio for what that does not tell."""
    signal = next((finding for finding in audio.findings.values() if isinstance(finding, Signal)), None)
    if signal and signal.channels != _TWO:
        return Survey(duration_sec=signal.duration_sec, silences=_marked(signal))
    async with audio.decoded(sample_rate_hz=SURVEY_RATE_HZ) as samples:
        quiet = [Quiet(options.silence_threshold_dbfs) for _channel in range(samples.channels)]
        likeness = Likeness(SURVEY_RATE_HZ) if samples.channels == _TWO else None
        frames = 0
        async for block in samples:
            planes = [np.frombuffer(data, np.int16) for data in block]
            frames += len(planes[0])
            if not signal:
                for channel, plane in zip(quiet, planes, strict=True):
                    channel.add(plane)
            if likeness:
                await asyncio.to_thread(likeness.add, planes[0], planes[1])
    return Survey(
        duration_sec=frames / SURVEY_RATE_HZ,
        silences=_marked(signal) if signal else [channel.stretches(options.silence_min_sec) for channel in quiet],
        dual_mono=likeness is not None and likeness.is_dual_mono,
    )


def _marked(signal: Signal) -> Sequence[Sequence[Stretch]]:
    lanes = [None] if signal.channels == 1 else range(signal.channels)
    return [[(m.start_sec, m.end_sec) for m in signal.silence_marks if m.channel == lane] for lane in lanes]


class Quiet:
    """Finds silences as the analyzer ``signal`` defines them: 10 ms blocks whose RMS is below the threshold."""

    def __init__(self, threshold_dbfs: float) -> None:
        self._below = (_FULL_SCALE * 10 ** (threshold_dbfs / 20)) ** 2
        self._rest = np.empty(0, np.float32)
        self._blocks: list[NDArray[np.bool_]] = []

    def add(self, plane: NDArray[np.int16]) -> None:
        samples = np.concatenate((self._rest, plane.astype(np.float32)))
        whole = len(samples) // _BLOCK * _BLOCK
        self._rest = samples[whole:]
        self._blocks.append(np.square(samples[:whole]).reshape(-1, _BLOCK).mean(axis=1) < self._below)

    def stretches(self, shortest_sec: float) -> Sequence[Stretch]:
        quiet = np.concatenate((np.zeros(1, np.bool_), *self._blocks, np.zeros(1, np.bool_)))
        edges = np.flatnonzero(quiet[1:] != quiet[:-1]) * _BLOCK / SURVEY_RATE_HZ
        return [stretch for stretch in _pairs(edges.tolist()) if stretch[1] - stretch[0] >= shortest_sec]


def _pairs(edges: Sequence[float]) -> Iterator[Stretch]:
    return zip(edges[::2], edges[1::2], strict=True)
