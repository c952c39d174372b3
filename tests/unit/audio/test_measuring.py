"""Silences, levels and peaks, against slow and plain ways of finding them."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_adapters.audio.meter import Meter, chunk_frames
from calls_adapters.audio.waveform import POINT_LIMIT
from calls_adapters.audio.wire import Measured
from calls_core.findings import Peaks
from tests.audio_files import Samples, speech, wav
from tests.unit.audio.conftest import Measure

RATES = st.sampled_from([1000, 8000, 11025, 12345, 22050, 44100, 48000])


def metered(samples: Samples, rate: int, *, threshold: float = -40.0, least: float = 0.05, chunk: int = 0) -> Measured:
    meter = Meter(channels=len(samples), sample_rate_hz=rate, silence_threshold_dbfs=threshold, silence_min_sec=least)
    step = chunk or chunk_frames(len(samples), rate)
    for start in range(0, samples.shape[1], step):
        meter.add(samples[:, start : start + step])
    return meter.measured("pcm_s16le")


@st.composite
def patterns(draw: st.DrawFn) -> tuple[Samples, int]:
    """Stretches of loud and quiet blocks, different in each channel, with an end that is no whole block."""
    rate = draw(RATES)
    block = 10 * max(1, rate // 1000)
    channels = draw(st.integers(1, 3))
    blocks = draw(st.integers(1, 60))
    rows = []
    rest = draw(st.integers(0, block - 1))
    for _ in range(channels):
        levels = draw(st.lists(st.sampled_from([0, 100, 327, 328, 20000]), min_size=blocks, max_size=blocks))
        rows.append(np.repeat(np.array([*levels, levels[-1]], np.int16), block)[: blocks * block + rest])
    return np.array(rows), rate


def plainly(samples: Samples, rate: int, least: float) -> Iterator[tuple[int, int, int]]:
    """Yield (channel, start ms, end ms), block by block, as the documentation puts it."""
    block = 10 * max(1, rate // 1000)
    frames = samples.shape[1]
    quiet = [
        [math.sqrt(sum(int(s) ** 2 for s in row[at : at + block]) / len(row[at : at + block])) < 327.68
         for at in range(0, frames, block)]
        for row in samples
    ]  # fmt: skip
    rows = [(-1, [all(column) for column in zip(*quiet, strict=True)])]
    rows += list(enumerate(quiet)) if len(quiet) > 1 else []
    for channel, row in rows:
        edges = [0, *(index for index, (a, b) in enumerate(pairwise(row), 1) if a != b), len(row)]
        for start, end in pairwise(edges):
            first, last = start * block, min(end * block, frames)
            if row[start] and (last - first) / rate >= least - 0.5 / rate:
                yield channel, round(first * 1000 / rate), round(last * 1000 / rate)


@given(patterns(), st.sampled_from([0.0, 0.03, 0.1, 0.25]))
def test_silences_are_those_of_the_rule(pattern: tuple[Samples, int], least: float) -> None:
    """The marks are exactly the stretches of blocks below the threshold, for each channel and for all at once."""
    samples, rate = pattern

    marks = np.frombuffer(metered(samples, rate, least=least).marks, np.int32).reshape(-1, 3)

    assert [tuple(mark) for mark in marks.tolist()] == list(plainly(samples, rate, least))


@given(patterns(), st.integers(1, 3))
def test_chunks_leave_no_trace(pattern: tuple[Samples, int], multiple: int) -> None:
    """It makes no difference how the samples are cut on their way."""
    samples, rate = pattern
    chunk = multiple * 10 * max(1, rate // 1000)

    assert metered(samples, rate, chunk=chunk) == metered(samples, rate)


@given(patterns())
def test_levels_are_the_rms_of_each_second(pattern: tuple[Samples, int]) -> None:
    """There is one level for each second begun, within the width of a block of the true RMS."""
    samples, rate = pattern
    facts = metered(samples, rate)
    levels = np.frombuffer(facts.levels, np.int16).reshape(facts.channels, -1) / 10

    assert levels.shape[1] == -(-samples.shape[1] // rate)
    if samples.shape[1] <= rate:
        for row, (level,) in zip(samples, levels.tolist(), strict=True):
            rms = math.sqrt(np.square(row.astype(float)).mean()) / 32768
            assert level == pytest.approx(20 * math.log10(rms), abs=0.06) if rms else level < -96


@given(st.integers(1, 200_000), st.sampled_from([1000, 8000, 11025]), st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_peaks_are_the_extremes_of_equal_stretches(frames: int, rate: int, channels: int, seed: int) -> None:
    """A point holds the lowest and highest sample of its stretch, and there never are too many points."""
    samples = np.random.default_rng(seed).integers(-32768, 32767, (channels, frames), np.int16, endpoint=True)

    facts = metered(samples, rate)

    width = facts.samples_per_point
    points = -(-frames // width)
    padded = np.pad(samples, ((0, 0), (0, points * width - frames)), mode="edge").reshape(channels, points, width)
    truth = np.stack((padded.min(axis=2) >> 8, padded.max(axis=2) >> 8), axis=-1).transpose(1, 0, 2).astype(np.int8)
    assert facts.peaks == truth.tobytes()
    assert points <= POINT_LIMIT
    finest = max(1, rate // 1000)
    assert width == finest or points > POINT_LIMIT // 2 - 1


@given(st.binary(min_size=4, max_size=400), st.integers(1, 2), st.integers(1, 120))
def test_merging_peaks(data: bytes, channels: int, wanted: int) -> None:
    """Merged peaks are at most as many as wanted, span the same range, and fewer are never merged than needed."""
    data = data[: len(data) // (2 * channels) * 2 * channels]
    peaks = Peaks(channels=channels, sample_rate_hz=8000, samples_per_point=8, data=data)

    merged = peaks.merged(wanted)

    factor = merged.samples_per_point // 8
    assert merged.points == -(-peaks.points // factor) <= wanted
    assert factor == 1 or -(-peaks.points // (factor - 1)) > wanted
    before, after = (np.frombuffer(p.data, np.int8).reshape(-1, channels, 2) for p in (peaks, merged))
    assert np.array_equal(before[:, :, 0].min(axis=0), after[:, :, 0].min(axis=0))
    assert np.array_equal(before[:, :, 1].max(axis=0), after[:, :, 1].max(axis=0))


@pytest.mark.anyio
async def test_noise_that_crosses_the_threshold_now_and_then(tmp_path: Path, measure: Measure) -> None:
    """Noise at -45 dBFS is silence below -40 by its loudness, although single samples of it are louder."""
    spans = [(float(start), start + 1.5) for start in range(1, 58, 3)]
    (tmp_path / "a.wav").write_bytes(wav(speech(60, [spans], noise_dbfs=-45)))

    signal = await measure(tmp_path / "a.wav")

    assert [(mark.start_sec, mark.end_sec) for mark in signal.silence_marks] == spans


@pytest.mark.anyio
async def test_digital_silence_has_a_finite_level(tmp_path: Path, measure: Measure) -> None:
    """Minus infinity, which JSON lacks, is given as the floor; full scale is 0 dBFS."""
    square = np.full((1, 8000), 32767, np.int16)
    (tmp_path / "a.wav").write_bytes(wav(np.hstack((square, np.zeros((1, 8000), np.int16)))))

    signal = await measure(tmp_path / "a.wav")

    assert signal.levels_dbfs == ((0.0, -96.0),)


@pytest.mark.anyio
async def test_options(tmp_path: Path, measure: Measure) -> None:
    """Threshold and least length are the operator's."""
    (tmp_path / "a.wav").write_bytes(wav(speech(10, [[(1, 2), (5, 8)]], noise_dbfs=-60)))

    async def spans(**options: float) -> list[tuple[float, float]]:
        signal = await measure(tmp_path / "a.wav", **options)
        return [(mark.start_sec, mark.end_sec) for mark in signal.silence_marks]

    assert await spans() == [(1, 2), (5, 8)]
    assert await spans(silence_min_sec=2.0) == [(5, 8)]
    assert await spans(silence_threshold_dbfs=-70.0) == []
    assert await spans(silence_threshold_dbfs=0.0) == [(0, 10)]
