"""Samples in, a transcript out."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from calls_core.findings import Transcript
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio, DecodedAudio

from calls_whisper.cutting import Cutter, Span
from calls_whisper.languages import tag
from calls_whisper.packing import Packer, Piece
from calls_whisper.scribe import Scribe
from calls_whisper.sharing import SharedEngine
from calls_whisper.speech import RATE_HZ
from calls_whisper.survey import Survey, survey

_FULL_SCALE: Final = 32_768.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcriber:
    """Writes down what each channel says, with the time of every word. What is silent is never listened to.

    It holds half a minute of every channel at a time, however long the recording is.
    """

    engine: SharedEngine
    options: AnalysisOptions
    language: str | None = None

    async def __call__(self, audio: Audio) -> Transcript:
        """Return the transcript; of an audio in which nobody speaks, an empty one.

        Raises:
            ModelUnavailable: there is no model to do it with.
        """
        found = await survey(audio, self.options)
        async with audio.decoded(sample_rate_hz=RATE_HZ) as samples:
            apart = samples.channels > 1 and not found.dual_mono
            scribe = Scribe(self.engine, self.language, apart=apart)
            channels = range(samples.channels if apart else 1)
            tracks = [Track(channel, found.silences[channel], scribe) for channel in channels]
            async for share, heard in _blocks(samples, found):
                for track in tracks:
                    await track.hear(heard[track.channel])
                audio.progress(share)
            for track in tracks:
                await track.finish()
        segments = await scribe.finish()
        audio.progress(1.0)
        return Transcript(
            text=" ".join(segment.text for segment in segments),
            segments=segments,
            language=tag(scribe.language) if segments else None,
            caveat=samples.caveat,
        )


class Track:
    """One channel on its way to the scribe: cut, freed of what is no speech, and packed."""

    def __init__(self, channel: int, silences: Sequence[tuple[float, float]], scribe: Scribe) -> None:
        self.channel = channel
        self._cutter = Cutter(silences)
        self._packer = Packer(channel)
        self._scribe = scribe

    async def hear(self, data: bytes) -> None:
        samples = np.frombuffer(data, np.int16).astype(np.float32) / _FULL_SCALE
        for span in self._cutter.cut(samples):
            await self._pack(span)

    async def finish(self) -> None:
        for span in self._cutter.finish():
            await self._pack(span)
        await self._write(self._packer.finish())

    async def _pack(self, span: Span) -> None:
        for first, last in await self._scribe.speech(span.samples):
            await self._write(self._packer.add(span.part(first, last)))

    async def _write(self, pieces: Iterator[Piece]) -> None:
        for piece in pieces:
            await self._scribe.take(piece)


async def _blocks(samples: DecodedAudio, found: Survey) -> AsyncIterator[tuple[float, tuple[bytes, ...]]]:
    """Return the blocks, each with the share of the recording that is behind it."""
    frames = 0
    async for block in samples:
        yield min(0.99, frames / RATE_HZ / found.duration_sec) if found.duration_sec else 0.0, block
        frames += len(block[0]) // 2
