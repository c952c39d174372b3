"""What the analyzer ``signal`` tells of a sound, for analyzers that build on it."""

import math
from collections.abc import Sequence

from calls_core.findings import LEVEL_FLOOR_DBFS, Peaks, Signal, SilenceMark
from calls_core.testing.sounds import FULL_SCALE, Sound


def signal_in(sound: Sound, silence_marks: Sequence[SilenceMark] = ()) -> Signal:
    """Return the finding of ``signal``, with levels and peaks as they are in *sound*; silences are those given."""
    planes = [memoryview(plane).cast("h") for plane in sound.planes]
    step = max(1, sound.sample_rate_hz // 100)
    peaks = bytearray()
    for start in range(0, sound.frames, step):
        for plane in planes:
            peaks += bytes(pick(plane[start : start + step]) >> 8 & 0xFF for pick in (min, max))
    return Signal(
        duration_sec=round(sound.duration_sec, 3),
        codec="pcm_s16le",
        channels=len(planes),
        sample_rate_hz=sound.sample_rate_hz,
        silence_marks=tuple(silence_marks),
        levels_dbfs=tuple(
            tuple(_level(plane[at : at + sound.sample_rate_hz]) for at in range(0, sound.frames, sound.sample_rate_hz))
            for plane in planes
        ),
        peaks=Peaks(
            channels=len(planes), sample_rate_hz=sound.sample_rate_hz, samples_per_point=step, data=bytes(peaks)
        ),
    )


def _level(samples: memoryview) -> float:
    power = sum(sample * sample for sample in samples) / len(samples) / FULL_SCALE**2
    return round(max(LEVEL_FLOOR_DBFS, 10 * math.log10(power)), 1) if power else LEVEL_FLOOR_DBFS
