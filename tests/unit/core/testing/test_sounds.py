"""The sounds for tests of plugins are what they say, by the service's own decoder and meter."""

from pathlib import Path

import pytest

from calls_adapters.audio.decoder import ChildDecoder
from calls_adapters.audio.signal import SignalAnalyzer
from calls_core.findings import Signal
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio
from calls_core.testing import FakeDecoder, Sound, lent, signal_in, silence, speech_like, stereo, tone

pytestmark = pytest.mark.anyio

CALL = stereo(speech_like(6.0), silence(2.0) + tone(4.0, dbfs=-30.0))


async def measured(path: Path) -> Signal:
    audio = Audio(path=path, filename=path.name, decoder=ChildDecoder())
    return await SignalAnalyzer(AnalysisOptions()).analyze(audio)


@pytest.mark.parametrize(
    "sound", [CALL, tone(2.5, sample_rate_hz=16_000), silence(0.3)], ids=["call", "tone", "silence"]
)
async def test_a_file_of_it_is_measured_as_the_sound_is(sound: Sound, tmp_path: Path) -> None:
    """Duration, rate, channels, and the level of every second are those that ``signal_in`` tells without a decoder."""
    ours, theirs = signal_in(sound), await measured(sound.write_wav(tmp_path / "x.wav"))
    assert (ours.duration_sec, ours.sample_rate_hz, ours.channels) == (
        theirs.duration_sec,
        theirs.sample_rate_hz,
        theirs.channels,
    )
    assert ours.codec == theirs.codec
    for mine, other in zip(ours.levels_dbfs, theirs.levels_dbfs, strict=True):
        assert mine == pytest.approx(other, abs=0.1)


async def test_a_lent_sound_is_what_the_decoder_would_lend(tmp_path: Path) -> None:
    """Sample by sample, resampled or not only in number."""
    async with ChildDecoder().decode(CALL.write_wav(tmp_path / "x.wav"), "x.wav") as samples:
        theirs = [b"".join(planes) for planes in zip(*[block async for block in samples], strict=True)]
    async with lent(CALL).decoded() as ours:
        planes = [b"".join(planes) for planes in zip(*[block async for block in ours], strict=True)]
    assert tuple(planes) == tuple(theirs) == CALL.planes
    async with lent(CALL).decoded(sample_rate_hz=16_000) as resampled:
        frames = sum([len(block[0]) // 2 async for block in resampled])
    assert (resampled.sample_rate_hz, frames) == (16_000, 96_000)


def test_levels_are_those_asked_for() -> None:
    """A tone has its level in every second; a voice has it while it speaks, which is three quarters of the time."""
    assert signal_in(tone(2.0, dbfs=-12.5)).levels_dbfs == ((-12.5, -12.5),)
    assert signal_in(speech_like(1.0, dbfs=-18.0)).levels_dbfs[0][0] == pytest.approx(-18.0, abs=1.5)
    assert set(silence(1.0).planes[0]) == {0}


def test_sounds_that_do_not_fit_are_refused() -> None:
    """Nobody finds out by a strange finding."""
    with pytest.raises(ValueError, match="follow each other"):
        silence() + CALL
    with pytest.raises(ValueError, match="one channel"):
        stereo(CALL, silence())


async def test_a_decoder_tells_what_became_of_its_samples() -> None:
    """Lent, read to the end, and given back."""
    decoder = FakeDecoder(silence(9.0))
    async with lent(decoder).decoded() as samples:
        assert (decoder.lent, decoder.open, decoder.read_out) == (1, 1, 0)
        blocks = [block async for block in samples]
    assert [len(block[0]) for block in blocks] == [64_000, 64_000, 16_000]
    assert (decoder.lent, decoder.open, decoder.read_out) == (1, 0, 1)
