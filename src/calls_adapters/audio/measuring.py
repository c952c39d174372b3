"""Has a decoder process measure a recording, and turns its answer into a finding."""

import struct
from dataclasses import replace
from typing import Final

from calls_adapters.audio import wire
from calls_adapters.audio.decoder import DecoderLimits, task_for
from calls_adapters.audio.process import decoder_process
from calls_adapters.audio.wire import Action, Measured
from calls_core.errors import DecoderDied
from calls_core.findings import LEVEL_FLOOR_DBFS, Peaks, Signal, SilenceMark
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio

_MARK: Final = struct.Struct("=iii")
_MS: Final = 1000
_TENTHS: Final = 10


async def measured(audio: Audio, action: Action, options: AnalysisOptions, limits: DecoderLimits) -> Signal:
    """Measure in a child process and report its progress.

    Raises:
        AudioRefused: it cannot be measured, and never will be.
        DecoderDied: the child process crashed.
    """
    task = task_for(
        action,
        audio.path,
        audio.filename,
        limits,
        silence_threshold_dbfs=options.silence_threshold_dbfs,
        silence_min_sec=options.silence_min_sec,
    )
    signal: Signal | None = None
    async with decoder_process(task, limits.silent_limit_sec) as messages:
        async for kind, payload in messages:
            if kind == wire.PROGRESS:
                audio.progress(*wire.FRACTION.unpack(payload))
            elif kind == wire.MEASURED:
                signal = _signal(payload)
            elif kind == wire.END and signal:
                return replace(signal, caveat=wire.caveat(payload))
    raise DecoderDied("The decoder process ended without a result.")


def _signal(payload: bytes) -> Signal:
    try:
        facts = Measured.unpack(payload)
        levels = tuple(max(LEVEL_FLOOR_DBFS, level / _TENTHS) for (level,) in struct.iter_unpack("=h", facts.levels))
        seconds = len(levels) // facts.channels
        return Signal(
            duration_sec=facts.duration_sec,
            codec=facts.codec,
            channels=facts.channels,
            sample_rate_hz=facts.sample_rate_hz,
            silence_marks=tuple(
                SilenceMark(start_sec=start / _MS, end_sec=end / _MS, channel=channel if channel >= 0 else None)
                for channel, start, end in _MARK.iter_unpack(facts.marks)
            ),
            levels_dbfs=tuple(levels[row * seconds : (row + 1) * seconds] for row in range(facts.channels)),
            peaks=Peaks(
                channels=facts.channels,
                sample_rate_hz=facts.sample_rate_hz,
                samples_per_point=facts.samples_per_point,
                data=facts.peaks,
            ),
        )
    except (struct.error, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise DecoderDied("The decoder process sent a result that makes no sense.") from error
