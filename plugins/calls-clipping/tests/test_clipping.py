"""The example plugin, as an author would test it: alone, and found by Calls."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from calls_adapters.plugins import load_plugins
from calls_clipping import ClippingAnalyzer
from calls_core.errors import Reason
from calls_core.findings import Facts
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio, AudioDecoder, DecodedAudio

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Samples(DecodedAudio):
    codec = "pcm_s16le"
    sample_rate_hz = 8
    caveat: Reason | None = None

    def __init__(self, *channels: list[int]) -> None:
        self.channels = len(channels)
        self._block = tuple(struct.pack(f"={len(c)}h", *c) for c in channels)

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, ...]]:
        yield self._block
        yield self._block


class Decoder(AudioDecoder):
    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    @asynccontextmanager
    async def decode(
        self, path: Path, filename: str, *, sample_rate_hz: int | None = None
    ) -> AsyncIterator[DecodedAudio]:
        yield self._samples


async def test_counts_clipped_samples_per_channel() -> None:
    """Both ends of the scale count, quiet channels do not, and blocks add up."""
    decoder = Decoder(Samples([0, 32767, -32768, 100], [0, 0, 31999, -31999]))
    finding = await ClippingAnalyzer().analyze(Audio(path=Path("x"), filename="x.wav", decoder=decoder))
    assert finding == Facts(values={"clipped_share": [0.5, 0.0], "clipped_sec": [0.5, 0.0]})


async def test_passes_a_caveat_on() -> None:
    """What could not be decoded limits this finding too."""
    samples = Samples([0])
    samples.caveat = Reason("truncated", "half of it")
    finding = await ClippingAnalyzer().analyze(Audio(path=Path("x"), filename="x.wav", decoder=Decoder(samples)))
    assert finding.caveat == Reason("truncated", "half of it")


async def test_calls_finds_it() -> None:
    """Installed beside Calls, it is offered by its entry point."""
    [plugin] = [p for p in load_plugins(AnalysisOptions()) if p.distribution == "calls-clipping"]
    assert plugin.error is None
    assert [analyzer.name for analyzer in plugin.analyzers] == ["clipping"]
