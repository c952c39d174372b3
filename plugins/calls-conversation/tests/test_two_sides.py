"""Calls of two sides with exact truth: what is found is what was put in."""

import random
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
import pytest
from two_party import Samples, analyzed, channel

pytestmark = pytest.mark.anyio

Times = list[tuple[float, float]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def conversation(turns: int, seed: int) -> tuple[Times, Times, float]:
    """Return when each of two people talks, in turns: with gaps, dead air, and starts before the other has ended."""
    chance = random.Random(seed)
    said: tuple[Times, Times] = ([], [])
    now = 1.0
    for turn in range(turns):
        length = chance.uniform(1.8, 5)
        said[turn % 2].append((now, now + length))
        kind = chance.random()
        gap = chance.uniform(0.25, 1.5) if kind < 0.6 else chance.uniform(-0.6, -0.3)
        now += length + (gap if kind < 0.85 else chance.uniform(3.2, 6))
    return *said, now + 2


def lines(said: Sequence[Times], seconds: float, noise_dbfs: float = -62) -> tuple[Samples, Samples]:
    return (
        channel(seconds, said[0], pitch_hz=110, noise_dbfs=noise_dbfs, seed=1),
        channel(seconds, said[1], pitch_hz=205, noise_dbfs=noise_dbfs, seed=2),
    )


def both(one: Times, other: Times) -> Times:
    pairs = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return sorted((start, end) for start, end in pairs if start < end)


def silences(said: Sequence[Times], seconds: float, shortest: float) -> Times:
    ends = [0.0]
    found = []
    for start, end in sorted([*said[0], *said[1], (seconds, seconds)]):
        if start - max(ends) >= shortest:
            found.append((max(ends), start))
        ends.append(end)
    return found


def errors_ms(found: Any, truth: Times) -> list[float]:
    assert len(found) == len(truth)
    return [1000 * abs(f - t) for one, other in zip(found, truth, strict=True) for f, t in zip(one, other, strict=True)]


@pytest.mark.parametrize("noise_dbfs", [-62, -45, -30])
async def test_finds_who_spoke_when(noise_dbfs: float) -> None:
    """Talk, overlap and dead air are found to 60 ms in the median and 150 ms at p95, at 40, 23 and 8 dB over noise."""
    *said, seconds = conversation(40, seed=3)
    found = await analyzed(*lines(said, seconds, noise_dbfs))
    for errors in (
        errors_ms(found["talk_spans_sec"][0], said[0]),
        errors_ms(found["talk_spans_sec"][1], said[1]),
        errors_ms(found["overlap_spans_sec"], both(*said)),
        errors_ms(found["dead_air_spans_sec"], silences(said, seconds, 3)),
    ):
        assert median(errors) <= 60
        assert np.percentile(errors, 95) <= 150
    assert found["layout"] == "two_sided"
    assert found["leakage_db"] == [None, None]
    assert found["turns"] == [20, 20]
    assert found["talk_sec"] == pytest.approx([sum(b - a for a, b in times) for times in said], rel=0.01)
    assert sum(found["talk_share"]) == pytest.approx(1, abs=0.0002)
    assert found["dead_air_count"] == len(found["dead_air_spans_sec"])


async def test_latency_is_measured_from_the_end_of_the_others_turn() -> None:
    """Who opens the call answers nobody; the median and the nearest-rank p90 are of the gaps."""
    agent = [(1.0, 3.0), (5.0, 7.0), (11.0, 13.0), (19.0, 21.0)]
    client = [(3.4, 4.4), (7.6, 9.0), (14.5, 16.0)]
    found = await analyzed(*lines([agent, client], 22))
    assert found["responses"] == [3, 3]
    assert found["response_median_sec"] == pytest.approx([2.0, 0.6], abs=0.06)
    assert found["response_p90_sec"] == pytest.approx([3.0, 1.5], abs=0.06)


async def test_interruptions_and_backchannels() -> None:
    """A long utterance in the middle of the other's is an interruption; "mhm" and the overlap of a handover are not."""
    agent = [(1.0, 12.0), (20.0, 24.0)]
    client = [(3.0, 3.4), (7.0, 10.0), (11.7, 18.0)]
    found = await analyzed(*lines([agent, client], 26))
    assert found["interruptions"] == [0, 1]
    assert found["interruptions_at_sec"][1] == pytest.approx([7.0], abs=0.06)
    assert found["backchannels"] == [0, 1]
    assert found["overlap_count"] == 3
    assert found["overlap_sec"] == pytest.approx(3.7, abs=0.15)
    assert found["overlap_longest_sec"] == pytest.approx(3, abs=0.1)


async def test_monologue_goes_on_over_backchannels() -> None:
    """Own pauses and short words of the other do not end it; a sentence of the other does."""
    agent = [(1.0, 6.0), (7.0, 12.0), (16.0, 19.0)]
    client = [(6.3, 6.7), (13.0, 15.0)]
    found = await analyzed(*lines([agent, client], 20))
    assert found["longest_monologue_sec"] == pytest.approx([11, 2], abs=0.1)


async def test_dead_air_counts_from_the_first_to_the_last_moment() -> None:
    """Silence before the first word and after the last is dead air too; less than three seconds is not."""
    found = await analyzed(*lines([[(4.0, 6.0)], [(8.5, 10.0)]], 15))
    assert found["dead_air_spans_sec"] == [
        [0.0, pytest.approx(4, abs=0.06)],
        [pytest.approx(10, abs=0.1), 15.0],
    ]
    assert found["dead_air_longest_sec"] == pytest.approx(5, abs=0.1)
    assert found["dead_air_sec"] == pytest.approx(9, abs=0.1)


async def test_swapping_channels_swaps_sides() -> None:
    """Nothing favours a channel."""
    *said, seconds = conversation(10, seed=8)
    one, other = lines(said, seconds)
    there, back = await analyzed(one, other), await analyzed(other, one)
    assert there["overlap_count"] > 0
    per_channel = {key for key, value in there.items() if isinstance(value, list) and "air" not in key} - {
        "overlap_spans_sec"
    }
    assert {key: there[key][::-1] if key in per_channel else there[key] for key in there} == back


async def test_levels_are_those_of_speech() -> None:
    """However little a side talks, its level is that of its voice, in dBFS of a square wave."""
    loud = channel(12, [(1, 3)], dbfs=-15)
    quiet = channel(12, [(4, 10)], dbfs=-33, pitch_hz=190, seed=2)
    found = await analyzed(loud, quiet)
    assert found["speech_level_dbfs"] == pytest.approx([-15, -33], abs=0.5)
    assert found["clipped_share"] == [0, 0]


async def test_clipping_is_counted_per_channel() -> None:
    """Only the overdriven channel is clipped."""
    overdriven = channel(6, [(1, 5)], dbfs=-1)
    found = await analyzed(overdriven, channel(6, [(1, 5)], pitch_hz=190, seed=2))
    assert found["clipped_share"][0] == pytest.approx(np.mean(np.abs(overdriven) >= 32_000), abs=1e-4)
    assert found["clipped_share"][0] > 0.01
    assert found["clipped_share"][1] == 0
