"""The audio of a recording with what may not be heard made silent."""

import struct
import sys
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from calls_core.errors import TooLarge
from calls_core.findings import MutedSpan, Redaction
from calls_core.hearing import COPY_NAME
from calls_core.job import Claim
from calls_core.ports import AudioDecoder, JobQueue
from calls_core.recording import Recording, StoredCopy
from calls_core.use_cases.receive_recording import ReceiveRecording, UploadLimits

HIGHEST_RATE_HZ: Final = 16_000
"""Speech needs no more, and uncompressed audio of more would be too large to keep."""
FADE_SEC: Final = 0.005
LARGEST_WAV: Final = 2**32 - 1

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _SAMPLE_BYTES = 1, 2


@dataclass(frozen=True, slots=True)
class MakeRedactedCopy:
    """Decode, mute, and store as WAV, which plays everywhere; it takes as little memory as a few seconds of samples.

    The copy has a key and a hold of its own, like an upload. One transaction, fenced by the claim, makes it the copy of
    the recording and gives the one before to the sweep.
    """

    jobs: JobQueue
    receive: ReceiveRecording
    decoder: AudioDecoder

    async def __call__(self, claim: Claim, recording: Recording, path: Path, redaction: Redaction) -> Recording:
        """Return *recording* with its copy; unchanged if there is nothing to mute.

        Raises:
            AudioRefused, DecoderDied: it cannot be decoded.
            TooLarge: it does not fit into a WAV file.
            LeaseLost: the job is somebody else's by now.
            UploadExpired: it took longer than a hold lasts.
        """
        if not redaction.spans:
            return recording
        receive = replace(self.receive, limits=UploadLimits(max_bytes=LARGEST_WAV))
        async with receive(COPY_NAME, self._wav(path, recording.filename, redaction.spans)) as received:
            copy = StoredCopy(received.storage_key, received.size_bytes, received.sha256)
            await self.jobs.keep_copy(claim, recording.id, copy)
        return replace(recording, redacted_copy=copy)

    async def _wav(self, path: Path, filename: str, spans: Sequence[MutedSpan]) -> AsyncIterator[bytes]:
        """Yield the file. The header tells how long it is, so everything is decoded twice."""
        channels, rate, frames = await self._measured(path, filename)
        size = frames * channels * _SAMPLE_BYTES
        if size > LARGEST_WAV - _HEADER.size:
            raise TooLarge("the redacted copy of the audio would not fit into a WAV file")
        yield header(channels, rate, size)
        done = 0
        async with self.decoder.decode(path, filename, sample_rate_hz=rate) as samples:
            async for block in samples:
                planes = [array("h", plane[: (frames - done) * _SAMPLE_BYTES]) for plane in block]
                for plane in planes:
                    mute(plane, done, rate, spans)
                done += len(planes[0])
                yield interleaved(planes)
        yield bytes((frames - done) * channels * _SAMPLE_BYTES)

    async def _measured(self, path: Path, filename: str) -> tuple[int, int, int]:
        """Return how many channels there are, at which sample rate, and how many samples in each."""
        rate = None
        async with self.decoder.decode(path, filename) as samples:
            if samples.sample_rate_hz <= HIGHEST_RATE_HZ:
                frames = [len(block[0]) // _SAMPLE_BYTES async for block in samples]
                return samples.channels, samples.sample_rate_hz, sum(frames)
            rate = HIGHEST_RATE_HZ
        async with self.decoder.decode(path, filename, sample_rate_hz=rate) as samples:
            return samples.channels, rate, sum([len(block[0]) // _SAMPLE_BYTES async for block in samples])


def header(channels: int, rate: int, size: int) -> bytes:
    """Return the header of a WAV file with *size* bytes of 16-bit samples."""
    frame = channels * _SAMPLE_BYTES
    return _HEADER.pack(
        *(b"RIFF", _HEADER.size - 8 + size, b"WAVE"),
        *(b"fmt ", 16, _PCM, channels, rate, rate * frame, frame, 8 * _SAMPLE_BYTES),
        *(b"data", size),
    )


def mute(plane: "array[int]", begins: int, rate: int, spans: Sequence[MutedSpan]) -> None:
    """Make what *spans* cover of *plane* silent, whose first sample is number *begins* of the channel.

    The sound around fades within 5 ms, so that it does not click.
    """
    fade = max(1, round(FADE_SEC * rate))
    for span in spans:
        start, end = int(span.start_sec * rate) - begins, int(span.end_sec * rate) + 1 - begins
        for place in range(max(start - fade, 0), min(start, len(plane))):
            plane[place] = plane[place] * (start - place) // fade
        first, last = max(start, 0), min(end, len(plane))
        if first < last:
            plane[first:last] = array("h", bytes((last - first) * _SAMPLE_BYTES))
        for place in range(max(end, 0), min(end + fade, len(plane))):
            plane[place] = plane[place] * (place - end) // fade


def interleaved(planes: Sequence["array[int]"]) -> bytes:
    """Return the samples of all channels in turns, as WAV has them."""
    whole = array("h", bytes(sum(len(plane) for plane in planes) * _SAMPLE_BYTES))
    for channel, plane in enumerate(planes):
        whole[channel :: len(planes)] = plane
    if sys.byteorder == "big":
        whole.byteswap()
    return whole.tobytes()
