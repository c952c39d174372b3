"""The built-in analyzer ``pydub``: the same facts as ``signal``, found with pydub, for comparison and habit."""

from collections.abc import Sequence
from typing import Final

from calls_adapters.audio.decoder import DecoderLimits
from calls_adapters.audio.measuring import measured
from calls_adapters.audio.wire import Action
from calls_core.findings import Signal
from calls_core.hookspecs import AnalysisOptions, hookimpl
from calls_core.ports import Analyzer, Audio

# pydub holds the samples several times over, as bytes and in slices.
_MEMORY_BYTES: Final = 2 << 30


class PydubAnalyzer(Analyzer):
    """Silence is what ``pydub.silence.detect_silence`` finds: an RMS of the least length, taken every 10 ms.

    All channels together are measured as one. Audio that pydub could not hold in memory is refused.
    """

    name = "pydub"
    version = "1"
    after: Sequence[str] = ()

    def __init__(self, options: AnalysisOptions) -> None:
        self._options = options
        self._limits = DecoderLimits(max_duration_sec=options.max_duration_sec, memory_bytes=_MEMORY_BYTES)

    async def analyze(self, audio: Audio) -> Signal:
        return await measured(audio, Action.PYDUB, self._options, self._limits)


@hookimpl
def calls_analyzers(options: AnalysisOptions) -> list[Analyzer]:
    return [PydubAnalyzer(options)]
