"""The built-in analyzer ``signal``: duration, codec, silence, levels and peaks in one pass over the samples."""

from collections.abc import Sequence

from calls_adapters.audio.decoder import DecoderLimits
from calls_adapters.audio.measuring import measured
from calls_adapters.audio.wire import Action
from calls_core.findings import Signal
from calls_core.hookspecs import AnalysisOptions, hookimpl
from calls_core.ports import Analyzer, Audio


class SignalAnalyzer(Analyzer):
    """Silence is an RMS of 10 ms below the threshold, for the least length or longer.

    All channels together are silent while each of them is: dead air.
    """

    name = "signal"
    version = "1"
    after: Sequence[str] = ()

    def __init__(self, options: AnalysisOptions) -> None:
        self._options = options
        self._limits = DecoderLimits(max_duration_sec=options.max_duration_sec)

    async def analyze(self, audio: Audio) -> Signal:
        return await measured(audio, Action.MEASURE, self._options, self._limits)


@hookimpl
def calls_analyzers(options: AnalysisOptions) -> list[Analyzer]:
    return [SignalAnalyzer(options)]
