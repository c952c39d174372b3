"""What can be asked of the decoder process."""

import json
from typing import BinaryIO, Final

from calls_adapters.audio import wire
from calls_adapters.audio.meter import Meter, chunk_frames
from calls_adapters.audio.reading import Progress, Reading
from calls_adapters.audio.wire import Measured, Task, send

_LONGEST_SENT_SEC: Final = 4.0


def send_samples(reading: Reading, task: Task, pipe: BinaryIO) -> None:
    """Send the format and then all samples, resampled if the task says so."""
    source = reading.source
    rate = task.sample_rate_hz or source.sample_rate_hz
    facts = {"codec": source.codec, "channels": source.channels, "sample_rate_hz": rate}
    send(pipe, wire.FORMAT, json.dumps(facts).encode())
    frames = chunk_frames(source.channels, source.sample_rate_hz, longest_sec=_LONGEST_SENT_SEC)
    chunks = reading.chunks(frames, lambda _share: None)
    if rate != source.sample_rate_hz:
        from calls_adapters.audio.ffmpeg import resampled  # noqa: PLC0415 (WAV files get by without PyAV)

        chunks = resampled(chunks, source.channels, source.sample_rate_hz, rate)
    for chunk in chunks:
        send(pipe, wire.SAMPLES, *(plane.tobytes() for plane in chunk))


def measure(reading: Reading, task: Task, progress: Progress) -> Measured:
    """Find the facts in one pass."""
    source = reading.source
    meter = meter_for(reading, task)
    for chunk in reading.chunks(chunk_frames(source.channels, source.sample_rate_hz), progress):
        meter.add(chunk)
    return meter.measured(source.codec)


def meter_for(reading: Reading, task: Task) -> Meter:
    return Meter(
        channels=reading.source.channels,
        sample_rate_hz=reading.source.sample_rate_hz,
        silence_threshold_dbfs=task.silence_threshold_dbfs,
        silence_min_sec=task.silence_min_sec,
    )
