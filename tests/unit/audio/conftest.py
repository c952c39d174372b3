"""What the tests of audio share."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from calls_adapters.audio.decoder import ChildDecoder
from calls_adapters.audio.signal import SignalAnalyzer
from calls_core.findings import Signal
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio

Measure = Callable[..., Awaitable[Signal]]


@pytest.fixture
def measure() -> Measure:
    """Analyse a file with ``signal``, under its own name or another."""

    async def measure(path: Path, filename: str | None = None, **options: float) -> Signal:
        audio = Audio(path=path, filename=filename or path.name, decoder=ChildDecoder())
        return await SignalAnalyzer(AnalysisOptions(**options)).analyze(audio)

    return measure
