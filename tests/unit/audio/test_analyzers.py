"""The built-in analyzers as the rest of the system sees them."""

from pathlib import Path
from typing import Any

import pytest

from calls_adapters.audio import pydub, signal
from calls_adapters.audio.decoder import ChildDecoder
from calls_adapters.audio.pydub import PydubAnalyzer
from calls_adapters.audio.signal import SignalAnalyzer
from calls_core.errors import AudioTooLong, NotAudio
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Analyzer, Audio
from tests.audio_files import encode, speech, wav

pytestmark = pytest.mark.anyio

BOTH = [SignalAnalyzer, PydubAnalyzer]
SPANS = [[(1.0, 3.0), (6.0, 9.0)], [(0.5, 2.5), (6.5, 9.5)]]


def audio(path: Path, **more: Any) -> Audio:
    return Audio(path=path, filename=path.name, decoder=ChildDecoder(), **more)


def test_they_register_themselves() -> None:
    """Each module is a plugin that offers its analyzer, built with the operator's options."""
    options = AnalysisOptions()

    found = [*signal.calls_analyzers(options), *pydub.calls_analyzers(options)]

    assert [(analyzer.name, list(analyzer.after)) for analyzer in found] == [("signal", []), ("pydub", [])]


@pytest.mark.parametrize("analyzer", BOTH)
async def test_same_facts(analyzer: type[SignalAnalyzer | PydubAnalyzer], tmp_path: Path) -> None:
    """Both find the same duration, silences and levels; pydub's edges are coarser."""
    encode(tmp_path / "a.flac", speech(10, SPANS), codec="flac")

    found = await analyzer(AnalysisOptions()).analyze(audio(tmp_path / "a.flac"))

    assert (found.duration_sec, found.codec, found.channels, found.sample_rate_hz) == (10.0, "flac", 2, 8000)
    assert [mark.channel for mark in found.silence_marks] == [None, None, 0, 0, 1, 1]
    truth = [(1.0, 2.5), (6.5, 9.0), *SPANS[0], *SPANS[1]]
    for mark, (start, end) in zip(found.silence_marks, truth, strict=True):
        assert mark.start_sec == pytest.approx(start, abs=0.1)
        assert mark.end_sec == pytest.approx(end, abs=0.1)
    assert [row[7] for row in found.levels_dbfs] == pytest.approx([-60, -60], abs=1.0)
    assert found.peaks.points == 10_000


@pytest.mark.parametrize("analyzer", BOTH)
async def test_mono(analyzer: type[SignalAnalyzer | PydubAnalyzer], tmp_path: Path) -> None:
    """One channel is all channels: there are no marks for it apart."""
    (tmp_path / "a.wav").write_bytes(wav(speech(5, [[(1, 3)]])))

    found = await analyzer(AnalysisOptions()).analyze(audio(tmp_path / "a.wav"))

    assert [mark.channel for mark in found.silence_marks] == [None]
    assert len(found.levels_dbfs) == 1


@pytest.mark.parametrize("analyzer", BOTH)
async def test_refusals_and_caveats(analyzer: type[SignalAnalyzer | PydubAnalyzer], tmp_path: Path) -> None:
    """What the decoder has to say reaches the reader through either."""
    (tmp_path / "a.wav").write_bytes(wav(speech(5, [[(1, 3)]]))[:-30000])
    (tmp_path / "b.wav").write_bytes(b"this is a letter, not a sound")

    found = await analyzer(AnalysisOptions()).analyze(audio(tmp_path / "a.wav"))

    assert found.caveat is not None
    assert found.caveat.code == "truncated"
    with pytest.raises(NotAudio):
        await analyzer(AnalysisOptions()).analyze(audio(tmp_path / "b.wav"))


async def test_pydub_tells_its_limit(tmp_path: Path) -> None:
    """Audio that pydub could not hold is refused with the way out."""
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.write(wav(speech(1, [[]], rate=48000), 48000, data_size=0xFFFFFFFF))
        file.truncate(257 << 20)

    with pytest.raises(AudioTooLong, match="'signal'"):
        await PydubAnalyzer(AnalysisOptions()).analyze(audio(path))


async def test_progress(tmp_path: Path) -> None:
    """Long work tells how far it is, from 0 to 1 and never back."""
    shares: list[float] = []
    (tmp_path / "a.wav").write_bytes(wav(speech(240, [[(1, 3)]] * 2)))

    analyzer: Analyzer = PydubAnalyzer(AnalysisOptions())
    await analyzer.analyze(audio(tmp_path / "a.wav", progress=shares.append))

    assert shares
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
