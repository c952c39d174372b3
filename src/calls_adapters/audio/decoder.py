"""The audio decoder: a confined child process for each file."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from calls_adapters.audio import wire
from calls_adapters.audio.process import SILENT_LIMIT_SEC, Message, decoder_process
from calls_adapters.audio.wire import Action, Task
from calls_core.errors import DecoderDied, Reason
from calls_core.ports import AudioDecoder, DecodedAudio

_DEFAULT_MAX_DURATION_SEC: Final = 8 * 3600.0
_SAMPLE_BYTES: Final = 2
_STARTING_CPU_SEC: Final = 30
_AUDIO_SEC_PER_CPU_SEC: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderLimits:
    """What one decoder process may use up. *memory_bytes* is address space: twice or more of what is in use."""

    max_duration_sec: float = _DEFAULT_MAX_DURATION_SEC
    memory_bytes: int = 512 << 20
    silent_limit_sec: float = SILENT_LIMIT_SEC

    @property
    def cpu_sec(self) -> int:
        """The slowest codecs take 5 seconds of processor time for an hour of audio; this allows for 60 and a start."""
        return _STARTING_CPU_SEC + int(self.max_duration_sec / _AUDIO_SEC_PER_CPU_SEC)


def task_for(
    action: Action,
    path: Path,
    filename: str,
    limits: DecoderLimits,
    *,
    sample_rate_hz: int | None = None,
    silence_threshold_dbfs: float = 0.0,
    silence_min_sec: float = 0.0,
) -> Task:
    return Task(
        action=action,
        path=str(path.absolute()),
        extension=PurePath(filename).suffix.lower().removeprefix("."),
        max_duration_sec=limits.max_duration_sec,
        memory_bytes=limits.memory_bytes,
        cpu_sec=limits.cpu_sec,
        sample_rate_hz=sample_rate_hz,
        silence_threshold_dbfs=silence_threshold_dbfs,
        silence_min_sec=silence_min_sec,
    )


class ChildDecoder(AudioDecoder):
    def __init__(self, limits: DecoderLimits | None = None) -> None:
        self._limits = limits or DecoderLimits()

    @asynccontextmanager
    async def decode(
        self, path: Path, filename: str, *, sample_rate_hz: int | None = None
    ) -> AsyncGenerator[DecodedAudio]:
        task = task_for(Action.DECODE, path, filename, self._limits, sample_rate_hz=sample_rate_hz)
        async with decoder_process(task, self._limits.silent_limit_sec) as messages:
            kind, payload = await anext(messages)
            if kind != wire.FORMAT:
                raise DecoderDied("The decoder process did not say what it decodes.")
            yield ChildAudio(messages, **json.loads(payload))


class ChildAudio(DecodedAudio):
    """Samples as they come out of a decoder process."""

    def __init__(self, messages: AsyncIterator[Message], *, codec: str, channels: int, sample_rate_hz: int) -> None:
        self.codec = codec
        self.channels = channels
        self.sample_rate_hz = sample_rate_hz
        self.caveat: Reason | None = None
        self._messages = messages

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, ...]]:
        async for kind, payload in self._messages:
            if kind == wire.SAMPLES:
                plane = len(payload) // self.channels
                if plane * self.channels != len(payload) or plane % _SAMPLE_BYTES:
                    raise DecoderDied("The decoder process sent half a sample.")
                yield tuple(payload[start : start + plane] for start in range(0, len(payload), plane))
            elif kind == wire.END:
                self.caveat = wire.caveat(payload)
