"""The analyzer ``ai`` as a worker runs it, over samples from memory, against the real fake service on loopback."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from calls_adapters.ai.analyzer import AiAnalyzer
from calls_adapters.ai.breaker import Breaker
from calls_adapters.audio.measuring import _signal
from calls_adapters.audio.meter import Meter
from calls_core.errors import Reason
from calls_core.findings import Finding, Signal
from calls_core.hookspecs import AiService
from calls_core.ports import Analyzers, Audio, AudioDecoder, DecodedAudio, Scratch
from calls_core.recording import Step
from calls_core.use_cases.run_step import Failed, Outcome, Retry, RunStep
from tests.audio_files import Samples, Span, speech

RATE = 16_000
KEY = "sk-very-secret"


def spoken(duration_sec: float, *silences: Sequence[Span]) -> Samples:
    return speech(duration_sec, silences, rate=RATE)


def signal_of(samples: Samples) -> Signal:
    """Measure *samples* as the analyzer ``signal`` does."""
    meter = Meter(channels=len(samples), sample_rate_hz=RATE, silence_threshold_dbfs=-40.0, silence_min_sec=0.7)
    meter.add(samples)
    return _signal(meter.measured("pcm_s16le").pack())


@dataclass
class PlainAudio(DecodedAudio):
    samples: Samples
    caveat: Reason | None = None
    codec: str = "pcm_s16le"
    sample_rate_hz: int = RATE

    @property
    def channels(self) -> int:  # type: ignore[override]
        return len(self.samples)

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, ...]]:
        for start in range(0, self.samples.shape[1], 4 * RATE):
            yield tuple(row[start : start + 4 * RATE].tobytes() for row in self.samples)


@dataclass
class PlainDecoder(AudioDecoder):
    samples: Samples
    caveat: Reason | None = None
    decoded: int = 0

    @asynccontextmanager
    async def decode(
        self, path: Path, filename: str, *, sample_rate_hz: int | None = None
    ) -> AsyncIterator[DecodedAudio]:
        assert sample_rate_hz == RATE
        self.decoded += 1
        yield PlainAudio(self.samples, self.caveat)


@dataclass
class Desk:
    """One analyzer over one recording, as often as a test likes."""

    url: str
    samples: Samples
    service: AiService = field(default_factory=lambda: AiService(base_url="", api_key=KEY, timeout_sec=5))
    breaker: Breaker = field(default_factory=Breaker)
    caveat: Reason | None = None
    shares: list[float] = field(default_factory=list)
    parts: Scratch = field(default_factory=Scratch)

    def __post_init__(self) -> None:
        self.analyzer = AiAnalyzer(replace(self.service, base_url=self.url), self.breaker)
        self.decoder = PlainDecoder(self.samples, self.caveat)
        self.findings: Mapping[str, Finding] = {"signal": signal_of(self.samples)}

    async def attempt(self) -> Outcome:
        """Run the step as a worker does; a finding, once stored, takes the parts with it."""
        run = RunStep(Analyzers((self.analyzer,)), self.decoder)
        step = Step(analyzer="ai", version=self.analyzer.version)
        outcome = await run(step, Path("a.wav"), "a.wav", self.findings, self.shares.append, self.parts)
        if not isinstance(outcome, Failed | Retry):
            self.parts.kept.clear()
        return outcome

    def audio(self) -> Audio:
        return Audio(path=Path("a.wav"), filename="a.wav", decoder=self.decoder, findings=self.findings)
