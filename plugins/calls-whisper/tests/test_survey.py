"""What is known before transcribing: silences as ``signal`` finds them, and whether two channels are one."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from calls_adapters.audio.decoder import ChildDecoder
from calls_adapters.audio.signal import SignalAnalyzer
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio
from calls_whisper.survey import Survey, survey
from numpy.typing import NDArray

pytestmark = pytest.mark.anyio

Plane = NDArray[np.int16]
Spoken = Callable[[str], Awaitable[Plane]]
RATE = 16_000


def audio_of(path: Path) -> Audio:
    return Audio(path=path, filename=path.name, decoder=ChildDecoder())


async def surveyed(path: Path) -> Survey:
    return await survey(audio_of(path), AnalysisOptions())


async def pair(spoken: Spoken) -> tuple[Plane, Plane]:
    """Both speakers at once, equally long, with silence around."""
    kennedy, austen = await spoken("kennedy"), await spoken("austen")
    silent = np.zeros(RATE, np.int16)
    return np.concatenate((silent, kennedy[: len(austen)], silent)), np.concatenate((silent, austen, silent))


async def test_silences_without_signal_are_those_of_signal(spoken: Spoken, written: Callable[..., Path]) -> None:
    """Each channel has the same silences, to a block of 10 ms, whether signal ran or not."""
    path = written(*(await pair(spoken)))
    signal = await SignalAnalyzer(AnalysisOptions()).analyze(audio_of(path))
    audio = audio_of(path)
    by_signal = await survey(
        Audio(path=path, filename=path.name, decoder=audio.decoder, findings={"signal": signal}), AnalysisOptions()
    )
    alone = await surveyed(path)
    assert alone.duration_sec == pytest.approx(by_signal.duration_sec, abs=0.01)
    for mine, theirs in zip(alone.silences, by_signal.silences, strict=True):
        assert len(mine) >= 2
        assert np.array(mine) == pytest.approx(np.array(theirs), abs=0.021)


async def test_two_speakers_are_two(spoken: Spoken, written: Callable[..., Path]) -> None:
    """Also when they talk at once, and when each is heard in the other's channel, 14 dB weaker, and with mains hum."""
    a, b = await pair(spoken)
    hum = (300 * np.sin(2 * np.pi * 50 * np.arange(len(a)) / RATE)).astype(np.int16)
    assert not (await surveyed(written(a, b))).dual_mono
    assert not (await surveyed(written(a + b // 5 + hum, b + a // 5 + hum))).dual_mono
    silent = np.zeros_like(a)
    assert not (await surveyed(written(a, silent))).dual_mono
    assert not (await surveyed(written(silent, silent))).dual_mono


async def test_one_recording_stored_twice_is_one(spoken: Spoken, written: Callable[..., Path]) -> None:
    """Equal, inverted, weaker, later, and with noise of its own."""
    a, _b = await pair(spoken)
    noise = (np.random.default_rng(3).standard_normal(len(a)) * 30).astype(np.int16)
    for other in (a, -a, a // 3, np.roll(a, RATE // 20), a + noise):
        assert (await surveyed(written(a, other))).dual_mono


async def test_mono_needs_no_second_look(recording: Callable[[str], Path]) -> None:
    """With signal's finding, a mono recording is not decoded for the survey."""
    path = recording("kennedy")
    signal = await SignalAnalyzer(AnalysisOptions()).analyze(audio_of(path))
    gone = Path("gone.opus")
    found = await survey(
        Audio(path=gone, filename=gone.name, decoder=ChildDecoder(), findings={"signal": signal}), AnalysisOptions()
    )
    assert found.duration_sec == signal.duration_sec
    assert len(found.silences) == 1
