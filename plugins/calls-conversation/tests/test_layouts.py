"""What the channels hold: two sides, one side heard in both, the same twice, one, many, or nobody."""

from multiprocessing import get_context

import numpy as np
import pytest
from calls_adapters.plugins import load_plugins
from calls_conversation import ConversationAnalyzer
from calls_conversation.definitions import Definitions
from calls_conversation.likeness import Leak, Match, leaks
from calls_core.errors import Reason
from calls_core.findings import Facts, faults
from calls_core.hookspecs import AnalysisOptions
from two_party import RATE, Decoder, Samples, Samples16, analyzed, channel, four_hours, lent, noise

pytestmark = pytest.mark.anyio

AGENT = [(1.0, 4.0), (9.0, 13.0), (17.0, 22.0), (26.0, 29.0)]
CLIENT = [(4.5, 8.0), (12.5, 16.0), (22.4, 25.4)]
SIDES = {"talk_sec", "turns", "overlap_sec", "interruptions", "response_median_sec", "leakage_db"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def two_lines() -> tuple[Samples, Samples]:
    return channel(31, AGENT, pitch_hz=110, seed=1), channel(31, CLIENT, pitch_hz=205, seed=2)


def db(decibels: float) -> float:
    return float(10 ** (decibels / 20))


@pytest.mark.parametrize("gain", [db(-3), db(3), -1.0])
@pytest.mark.parametrize("delay_ms", [0, 20, -20])
async def test_dual_mono_is_one_signal(gain: float, delay_ms: int) -> None:
    """The same sound on both channels, at another gain or polarity, late, and with noise, has no sides."""
    one = sum(two_lines())
    other = np.roll(one, RATE * delay_ms // 1000) * gain + noise(31, -50, seed=9)
    found = await analyzed(np.asarray(one), other)
    assert found["layout"] == "dual_mono"
    assert not SIDES & found.keys()
    assert found["speech_sec"] == pytest.approx(24.5, abs=0.3)


@pytest.mark.parametrize(("loss_db", "delay_ms"), [(-12, 0), (-18, 40), (-25, 120), (-35, 250)])
@pytest.mark.parametrize("leaking", [{0}, {1}, {0, 1}])
async def test_leakage_is_not_overlap(loss_db: float, delay_ms: int, leaking: set[int]) -> None:
    """A weak, late copy of one side in the other's channel changes nobody's talk time, turns or overlap."""
    lines = two_lines()
    clean = await analyzed(*lines)
    copies = [np.roll(line, RATE * delay_ms // 1000) * db(loss_db) * (n in leaking) for n, line in enumerate(lines)]
    found = await analyzed(lines[0] + copies[1], lines[1] + copies[0])
    assert found["layout"] == "two_sided"
    assert found["leakage_db"] == [pytest.approx(loss_db, abs=2) if n in leaking else None for n in range(2)]
    assert found["overlap_sec"] == pytest.approx(clean["overlap_sec"], abs=0.25)
    assert found["talk_sec"] == pytest.approx(clean["talk_sec"], abs=0.5)
    assert found["turns"] == clean["turns"]
    assert clean["leakage_db"] == [None, None]


def test_a_likeness_by_chance_is_no_leak() -> None:
    """One second of ten that looks like a copy, or five that do with five delays, are chance."""
    unlike = [Match(likeness=0.1, lag=200 * number, louder_db=-20) for number in range(10)]
    lucky = Match(likeness=0.95, lag=100, louder_db=-20)
    scattered = [Match(likeness=0.4, lag=200 * number, louder_db=-20) for number in range(5)]
    assert leaks([*unlike, lucky]) == (None, None)
    assert leaks([*unlike, *scattered]) == (None, None)
    assert leaks([lucky, lucky]) == (Leak(gain_db=-20, lag_sec=0.0125), None)


async def test_reverberant_echo_is_not_overlap() -> None:
    """What comes back from a loudspeaker through a room is no exact copy, and still nobody's speech."""
    one, other = two_lines()
    tail = np.random.default_rng(4).normal(size=1200) * np.exp(-np.arange(1200) / 120)
    tail[0] = 3
    echo = np.convolve(one, tail)[: len(one)]
    echo *= db(-20) * one.std() / echo.std()
    clean, found = await analyzed(one, other), await analyzed(one, other + echo)
    assert found["overlap_sec"] == pytest.approx(clean["overlap_sec"], abs=0.5)
    assert found["turns"] == clean["turns"]


@pytest.mark.parametrize("diffuse", [False, True])
async def test_a_side_that_is_only_an_echo_did_not_talk(diffuse: bool) -> None:  # noqa: FBT001 (a parameter)
    """Nothing but the other side's leak on a channel, as a copy or blurred by a room: only one side talked."""
    one, _ = two_lines()
    room = (
        np.random.default_rng(6).normal(size=1600) * np.exp(-np.arange(1600) / 400)
        if diffuse
        else np.eye(1, 301)[0, ::-1]
    )
    echo = np.convolve(one, room)[: len(one)]
    echo *= db(-26) * one.std() / echo.std()
    found = await analyzed(one, echo + noise(31, -62, seed=3))
    assert found["layout"] == "two_sided"
    assert found["talk_share"] == [1.0, 0.0]
    assert found["speech_level_dbfs"][1] is None


async def test_a_quiet_side_is_heard_beside_a_loud_one() -> None:
    """17 dB between two people are not a leak: the overlap stays."""
    loud = channel(31, AGENT, pitch_hz=110, seed=1, dbfs=-15)
    quiet = channel(31, CLIENT, pitch_hz=205, seed=2, dbfs=-32)
    found = await analyzed(loud, quiet)
    assert found["talk_sec"] == pytest.approx([15, 10], abs=0.3)
    assert found["overlap_sec"] == pytest.approx(0.5, abs=0.15)


async def test_mono_has_speech_and_dead_air_only() -> None:
    """One channel tells when somebody speaks, not who: the keys of the sides are left out."""
    found = await analyzed(channel(20, [(1, 4), (9, 11)]))
    assert found["layout"] == "mono"
    assert not SIDES & found.keys()
    assert found["speech_sec"] == pytest.approx(5, abs=0.1)
    assert found["speech_share"] == pytest.approx(0.25, abs=0.01)
    assert found["dead_air_count"] == 2
    assert len(found["speech_level_dbfs"]) == len(found["clipped_share"]) == 1


async def test_three_channels_are_heard_as_one() -> None:
    """A conference has no two sides; speech is that of anybody."""
    found = await analyzed(*(channel(10, [(n * 3 + 1, n * 3 + 3)], seed=n) for n in range(3)))
    assert found["layout"] == "multichannel"
    assert not SIDES & found.keys()
    assert found["speech_sec"] == pytest.approx(6, abs=0.2)
    assert found["speech_level_dbfs"] == pytest.approx([-22] * 3, abs=0.5)


@pytest.mark.parametrize("dbfs", [-90, -60, -40, -30, -20, -10])
async def test_noise_is_no_speech(dbfs: float) -> None:
    """Line noise, even as loud as speech, is dead air. The moment that the detector takes to learn it may be wrong."""
    found = await analyzed(noise(30, dbfs, 1), noise(30, dbfs, 2))
    assert found["speech_sec"] <= 0.5
    assert found["dead_air_longest_sec"] >= 29
    assert found["responses"] == [0, 0]
    assert found["response_median_sec"] == [None, None]


@pytest.mark.parametrize("pitch_hz", [425, 1004])
@pytest.mark.parametrize("on_sec", [1, 4])
async def test_a_tone_is_no_speech(pitch_hz: float, on_sec: int) -> None:
    """Ringing, for a second out of four, and test tones are nobody's turn."""
    time = np.arange(16 * RATE) / RATE
    tone = 3000 * np.sin(2 * np.pi * pitch_hz * time) * (time % 4 < on_sec)
    found = await analyzed(tone + noise(16, -62, 1), channel(16, [(2, 8)], seed=2))
    assert found["talk_share"] == [0, 1]


async def test_dual_mono_is_told_by_speech_only() -> None:
    """However long nobody speaks, noise of its own on either channel does not make them two sides."""
    one = channel(60, [(20, 23), (30, 34)], noise_dbfs=-90)
    found = await analyzed(one + noise(60, -45, seed=8), one + noise(60, -45, seed=9))
    assert found["layout"] == "dual_mono"


@pytest.mark.parametrize("seconds", [0.4, 2.5, 4.4])
async def test_the_last_moment_counts(seconds: float) -> None:
    """Speech up to the end is found, in calls of any length."""
    found = await analyzed(channel(seconds, [(0.1, seconds)]), channel(seconds, []))
    assert found["talk_spans_sec"] == [[[pytest.approx(0.1, abs=0.06), pytest.approx(seconds, abs=0.06)]], []]


@pytest.mark.parametrize("seconds", [0, 1 / RATE, 0.02, 0.0299, 0.03, 0.2, 10])
@pytest.mark.parametrize("channels", [1, 2, 3])
async def test_silence_of_any_length(seconds: float, channels: int) -> None:
    """Digital silence, from none at all to ten seconds, has finite numbers and no speech."""
    found = await analyzed(*[np.zeros(round(seconds * RATE))] * channels)
    assert not list(faults(Facts(values=found)))
    assert found["duration_sec"] == pytest.approx(seconds, abs=0.001)
    assert found["speech_share"] == 0
    assert found["speech_level_dbfs"] == [None] * channels
    assert found["dead_air_count"] == (seconds > 3)


async def test_blocks_may_have_any_length() -> None:
    """The decoder's blocks are no grid of ours."""
    lines = two_lines()
    assert await analyzed(*lines, block=1111) == await analyzed(*lines, block=RATE * 31)


@pytest.mark.parametrize("rate", [8000, 16000, 32000])
async def test_takes_the_rates_of_telephony_as_they_are(rate: int) -> None:
    """Samples of rates that the detector knows are not resampled, so that clipping is counted in the original."""
    decoder = Decoder(Samples16([channel(6, [(1, 4)], rate=rate)], rate))
    finding = await ConversationAnalyzer().analyze(lent(decoder))
    assert finding.values["speech_sec"] == pytest.approx(3, abs=0.1)
    assert decoder.asked == [None]


@pytest.mark.parametrize("rate", [11025, 44100, 48000])
async def test_other_rates_are_resampled(rate: int) -> None:
    """Whatever else comes is asked for again at 16 kHz."""
    resampled = Samples16([channel(6, [(1, 4)], rate=16_000)], 16_000)
    decoder = Decoder(Samples16([np.zeros(100)], rate), resampled)
    finding = await ConversationAnalyzer().analyze(lent(decoder))
    assert finding.values["speech_sec"] == pytest.approx(3, abs=0.1)
    assert decoder.asked == [None, 16_000]


async def test_definitions_are_the_callers() -> None:
    """Another plugin may offer the same analyzer with thresholds and a name of its own."""
    strict = ConversationAnalyzer(Definitions(dead_air_sec=6), name="conversation-strict")
    finding = await strict.analyze(lent(Decoder(Samples16([channel(20, [(1, 4), (9, 11)])]))))
    assert strict.name == "conversation-strict"
    assert finding.values["dead_air_min_sec"] == 6
    assert finding.values["dead_air_spans_sec"] == [[pytest.approx(11, abs=0.1), 20]]


async def test_passes_a_caveat_on() -> None:
    """What could not be decoded limits this finding too."""
    samples = Samples16([np.zeros(100)])
    samples.caveat = Reason("truncated", "half of it")
    assert (await ConversationAnalyzer().analyze(lent(Decoder(samples)))).caveat == Reason("truncated", "half of it")


async def test_four_hours_take_little_memory() -> None:
    """Four hours of two channels raise the peak by less than 48 MiB, where their samples are 220."""
    with get_context("spawn").Pool(1) as pool:
        duration_sec, rose = pool.apply(four_hours)
    assert duration_sec == 4 * 3600
    assert rose < 48 << 20


async def test_calls_finds_it() -> None:
    """Installed beside Calls, it is offered by its entry point."""
    [plugin] = [p for p in load_plugins(AnalysisOptions()) if p.distribution == "calls-conversation"]
    assert plugin.error is None
    assert [analyzer.name for analyzer in plugin.analyzers] == ["conversation"]
