"""Lends sounds to analyzers as the service lends recordings, without decoding anything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pluggy

from calls_core import hookspecs
from calls_core.errors import CallsError, Reason
from calls_core.findings import Finding
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Analyzer, Audio, AudioDecoder, DecodedAudio
from calls_core.testing.sounds import Sound

BLOCK_SEC: Final = 4.0
NO_FILE: Final = Path("no-such-file.wav")


@dataclass(slots=True)
class FakeDecoder(AudioDecoder):
    """Hands out a sound in blocks of at most *block_sec*.

    *caveat* is told after the last block. With *refusal*, decoding begins and then raises it, as a damaged file does.
    With *stalls*, what comes after the first block never arrives, and ``stalled`` is set.

    Of what happened, *lent* counts how often it was asked, *open* how many have not been given back, and *read_out* how
    often somebody came to the end.
    """

    sound: Sound
    caveat: Reason | None = None
    refusal: CallsError | None = None
    stalls: bool = False
    block_sec: float = BLOCK_SEC
    lent: int = 0
    open: int = 0
    read_out: int = 0
    stalled: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def decode(
        self,
        path: Path,  # noqa: ARG002 (the port's signature)
        filename: str,  # noqa: ARG002 (the port's signature)
        *,
        sample_rate_hz: int | None = None,
    ) -> AsyncIterator[DecodedAudio]:
        self.lent += 1
        self.open += 1
        resampled = sample_rate_hz not in {None, self.sound.sample_rate_hz}
        try:
            yield _Samples(self, self.sound.resampled(sample_rate_hz) if resampled and sample_rate_hz else self.sound)
        finally:
            self.open -= 1


class _Samples(DecodedAudio):
    codec = "pcm_s16le"

    def __init__(self, decoder: FakeDecoder, sound: Sound) -> None:
        self.channels = len(sound.planes)
        self.sample_rate_hz = sound.sample_rate_hz
        self.caveat: Reason | None = None
        self._decoder = decoder
        self._sound = sound

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, ...]]:
        size = 2 * max(1, round(self._decoder.block_sec * self.sample_rate_hz))
        for start in range(0, len(self._sound.planes[0]), size):
            await asyncio.sleep(0)
            yield tuple(plane[start : start + size] for plane in self._sound.planes)
            if self._decoder.refusal or self._decoder.stalls:
                break
        if self._decoder.refusal:
            raise self._decoder.refusal
        if self._decoder.stalls:
            self._decoder.stalled.set()
            await asyncio.Event().wait()
        self.caveat = self._decoder.caveat
        self._decoder.read_out += 1


def lent(
    sound: Sound | FakeDecoder,
    *,
    findings: Mapping[str, Finding] | None = None,
    path: Path = NO_FILE,
    progress: Callable[[float], None] = lambda _share: None,
) -> Audio:
    """Return *sound* as the audio that an analyzer is given. There is no file unless *path* names one."""
    decoder = sound if isinstance(sound, FakeDecoder) else FakeDecoder(sound)
    return Audio(path=path, filename=path.name, decoder=decoder, findings=findings or {}, progress=progress)


def found(analyzer: Analyzer, sound: Sound, *, findings: Mapping[str, Finding] | None = None) -> Finding:
    """Return what *analyzer* finds in *sound*. For tests that are no coroutines: it runs an event loop of its own."""

    async def analysis() -> Finding:
        return await analyzer.analyze(lent(sound, findings=findings))

    return asyncio.run(analysis())


def offered(plugin: object, options: AnalysisOptions | None = None) -> tuple[Analyzer, ...]:
    """Return the analyzers that a module or object offers by its hook, as the service asks for them.

    Raises:
        pluggy.PluginValidationError: a hook of it has a name or an argument that Calls does not know.
    """
    manager = pluggy.PluginManager("calls")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    given = options or AnalysisOptions()
    return tuple(analyzer for analyzers in manager.hook.calls_analyzers(options=given) for analyzer in analyzers)
