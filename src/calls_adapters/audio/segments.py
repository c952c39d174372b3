"""The facts as pydub finds them, in the decoder process."""

from dataclasses import replace
from typing import Final

import numpy as np
from pydub import AudioSegment  # type: ignore[import-untyped]
from pydub.silence import detect_silence  # type: ignore[import-untyped]

from calls_adapters.audio.meter import chunk_frames
from calls_adapters.audio.reading import Progress, Reading
from calls_adapters.audio.tasks import meter_for
from calls_adapters.audio.wire import Measured, Task
from calls_core.errors import AudioTooLong

BYTES_LIMIT: Final = 256 << 20
"""Of decoded audio, which pydub holds all at once and in several copies: 4.6 hours at 8 kHz, mono."""

_STEP_MS: Final = 10
_SECOND_MS: Final = 1000
_INAUDIBLE_DBFS: Final = -200.0
_DECODING_SHARE: Final = 0.3


def measure_by_segments(reading: Reading, task: Task, progress: Progress) -> Measured:
    """Measure as ``tasks.measure`` does, but with duration, silence and levels by pydub.

    Its ``detect_silence`` compares the RMS of a whole window of the least length with the threshold, every 10 ms.

    Raises:
        AudioTooLong: more than pydub can hold.
    """
    source = reading.source
    meter = meter_for(reading, task)
    pieces: list[bytes] = []
    held = 0
    for chunk in reading.chunks(
        chunk_frames(source.channels, source.sample_rate_hz), lambda share: progress(share * _DECODING_SHARE)
    ):
        meter.add(chunk)
        pieces.append(np.ascontiguousarray(chunk.T).tobytes())
        held += len(pieces[-1])
        if held > BYTES_LIMIT:
            raise AudioTooLong(
                f"pydub holds all samples in memory, and these are more than {BYTES_LIMIT >> 20} MiB. "
                "The analyzer 'signal' finds the same facts in audio of any length."
            )
    whole = AudioSegment(
        data=b"".join(pieces), sample_width=2, frame_rate=source.sample_rate_hz, channels=source.channels
    )
    pieces.clear()
    voices = whole.split_to_mono() if source.channels > 1 else [whole]
    rows = [(-1, whole), *enumerate(voices)] if source.channels > 1 else [(-1, whole)]
    marks = []
    for done, (channel, segment) in enumerate(rows):
        progress(_DECODING_SHARE + (1 - _DECODING_SHARE) * done / len(rows))
        found = detect_silence(
            segment,
            min_silence_len=max(1, round(task.silence_min_sec * _SECOND_MS)),
            silence_thresh=task.silence_threshold_dbfs,
            seek_step=_STEP_MS,
        )
        marks += [(channel, start, end) for start, end in found]
    levels = [_tenths(voice[at : at + _SECOND_MS].dBFS) for voice in voices for at in range(0, len(whole), _SECOND_MS)]
    return replace(
        meter.measured(source.codec),
        duration_sec=round(whole.duration_seconds, 3),
        marks=np.asarray(marks, np.int32).tobytes(),
        levels=np.asarray(levels, np.int16).tobytes(),
    )


def _tenths(dbfs: float) -> int:
    return round(10 * max(dbfs, _INAUDIBLE_DBFS))
