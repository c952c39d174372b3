"""A real model on real speech."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from calls_adapters.audio.decoder import ChildDecoder
from calls_core.findings import Transcript, faults
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio
from calls_whisper import WhisperAnalyzer, WhisperSettings
from calls_whisper.sharing import SharedEngine
from numpy.typing import NDArray

pytestmark = pytest.mark.anyio

Plane = NDArray[np.int16]
Transcribe = Callable[..., Awaitable[Transcript]]
RATE = 16_000


def silence(sec: float) -> Plane:
    return np.zeros(round(sec * RATE), np.int16)


def noise(sec: float, level_dbfs: float) -> Plane:
    samples = np.random.default_rng(7).standard_normal(round(sec * RATE))
    return (samples * 32_768 * 10 ** (level_dbfs / 20)).clip(-32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize("signal", [True, False], ids=["after signal", "alone"])
@pytest.mark.parametrize(("name", "most"), [("kennedy", 0.05), ("austen", 0.1)])
async def test_writes_down_what_is_said(
    transcribe: Transcribe,
    recording: Callable[[str], Path],
    said: Mapping[str, str],
    word_error_rate: Callable[[str, str], float],
    *,
    name: str,
    most: float,
    signal: bool,
) -> None:
    """The word error rate of the smallest model stays low, with the marks of signal and with our own."""
    transcript = await transcribe(recording(name), signal=signal)
    assert word_error_rate(said[name], transcript.text) <= most
    assert transcript.language == "en"
    assert transcript.caveat is None
    assert {segment.channel for segment in transcript.segments} == {None}
    assert not list(faults(transcript))


async def test_words_have_times_that_fit(transcribe: Transcribe, recording: Callable[[str], Path]) -> None:
    """Words come one after the other, inside of their segment, and make up its text."""
    transcript = await transcribe(recording("kennedy"))
    assert transcript.text == " ".join(segment.text for segment in transcript.segments)
    for segment in transcript.segments:
        assert segment.text.split() == [word.text for word in segment.words]
        times = [time for word in segment.words for time in (word.start_sec, word.end_sec)]
        assert times == sorted(times)
        assert (segment.start_sec, segment.end_sec) == (times[0], times[-1])
    [country] = [w for s in transcript.segments[:1] for w in s.words if w.text.startswith("country")]
    assert 5.9 <= country.start_sec <= 6.6  # heard there


async def test_each_channel_is_a_speaker(
    transcribe: Transcribe,
    spoken: Callable[[str], Awaitable[Plane]],
    written: Callable[..., Path],
    said: Mapping[str, str],
    word_error_rate: Callable[[str, str], float],
) -> None:
    """Of two speakers who take turns, each is written down under the own channel, in the order of time, and nothing
    where the channel is silent."""
    kennedy, austen = await spoken("kennedy"), await spoken("austen")
    a, b = len(kennedy) / RATE, len(austen) / RATE
    left = np.concatenate((silence(2), kennedy, silence(3 + b + 40), kennedy, silence(1)))
    right = np.concatenate((silence(2 + a + 3), austen, silence(40 + a + 1)))
    turns = [(0, 2, 2 + a), (1, 5 + a, 5 + a + b), (0, 45 + a + b, 45 + 2 * a + b)]

    transcript = await transcribe(written(left, right))

    for channel, start, end in turns:
        inside = [s for s in transcript.segments if s.channel == channel and start <= s.start_sec < end]
        truth = said["austen" if channel else "kennedy"]
        assert word_error_rate(truth, " ".join(s.text for s in inside)) <= 0.1
    for segment in transcript.segments:
        for word in segment.words:
            assert any(
                channel == segment.channel and start <= word.start_sec and word.end_sec <= end
                for channel, start, end in turns
            ), (segment.channel, word)
    starts = [segment.start_sec for segment in transcript.segments]
    assert starts == sorted(starts)


async def test_a_mono_call_in_two_channels_is_written_down_once(
    transcribe: Transcribe, spoken: Callable[[str], Awaitable[Plane]], written: Callable[..., Path]
) -> None:
    """Dual mono, one side a little weaker and later: one transcript, without channels."""
    austen = await spoken("austen")
    later = np.concatenate((silence(0.005), austen // 2))[: len(austen)].astype(np.int16)
    transcript = await transcribe(written(austen, later))
    assert {segment.channel for segment in transcript.segments} == {None}
    assert transcript.text.lower().count("dashwood") == 1


@pytest.mark.parametrize("signal", [True, False], ids=["after signal", "alone"])
@pytest.mark.parametrize(
    "sound",
    [silence(20), noise(20, -20), noise(20, -38), noise(20, -60), silence(0.02)],
    ids=["silence", "noise", "soft noise", "line noise", "hardly anything"],
)
async def test_nobody_speaks(
    transcribe: Transcribe, written: Callable[..., Path], sound: Plane, *, signal: bool
) -> None:
    """Silence and noise are no words."""
    transcript = await transcribe(written(sound), signal=signal)
    assert transcript == Transcript(text="")


async def test_ringing_is_no_speech(
    transcribe: Transcribe, spoken: Callable[[str], Awaitable[Plane]], written: Callable[..., Path]
) -> None:
    """A ring-back tone that is as loud as the speech after it leaves no words."""
    ring = (6_000 * np.sin(2 * np.pi * 425 * np.arange(RATE) / RATE)).astype(np.int16)
    tones = np.concatenate([np.concatenate((ring, silence(4))) for _ring in range(3)])
    transcript = await transcribe(written(np.concatenate((tones, await spoken("austen")))))
    assert transcript.segments[0].start_sec >= 14.9
    assert transcript.text.lower().startswith("and mr")


async def test_progress_rises_to_one(transcribe: Transcribe, recording: Callable[[str], Path]) -> None:
    """Progress never falls, and ends with 1."""
    shares: list[float] = []
    await transcribe(recording("kennedy"), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 2


async def test_the_event_loop_goes_on_meanwhile(
    engine: SharedEngine, transcribe: Transcribe, recording: Callable[[str], Path]
) -> None:
    """The longest stall of the loop is a small part of the time that transcribing takes."""
    stalls: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            stalls.append(time.perf_counter() - before)

    await engine.run(lambda loaded: loaded)
    watching = asyncio.create_task(watch())
    before = time.perf_counter()
    await transcribe(recording("kennedy"))
    took = time.perf_counter() - before
    watching.cancel()
    assert max(stalls) < took / 2
    assert len(stalls) > 100


async def test_is_cancelled_at_once(model: Path, recording: Callable[[str], Path]) -> None:
    """A cancelled step ends while its piece is being written, and the same analyzer serves the next one."""
    path = recording("kennedy")
    begun = asyncio.Event()
    audio = Audio(path=path, filename=path.name, decoder=ChildDecoder(), progress=lambda _share: begun.set())
    analyzer = WhisperAnalyzer(WhisperSettings(model=str(model)), AnalysisOptions())
    step = asyncio.create_task(analyzer.analyze(audio))
    await begun.wait()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    transcript = await analyzer.analyze(audio)
    assert "country" in transcript.text
