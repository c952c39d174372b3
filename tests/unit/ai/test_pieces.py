"""Which stretches are sent."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_adapters.ai.pieces import Piece, longest_piece_sec, planned
from calls_core.findings import Peaks, Signal, SilenceMark

Marks = list[tuple[float, float, int | None]]


def signal(
    duration_sec: float, marks: Marks, *, channels: int = 1, quiet: tuple[int, ...] = (), alike: bool = False
) -> Signal:
    """A signal whose channels differ, unless *alike*; in the seconds *quiet* it is a little quieter."""
    seconds = int(duration_sec) + 1
    data = bytes(b for _ in range(3) for c in range(channels) for b in (0, 100 if alike else 100 + c))
    return Signal(
        duration_sec=duration_sec,
        codec="pcm_s16le",
        channels=channels,
        sample_rate_hz=8000,
        silence_marks=tuple(SilenceMark(start_sec=s, end_sec=e, channel=c) for s, e, c in marks),
        levels_dbfs=(tuple(-30.0 if second in quiet else -20.0 for second in range(seconds)),) * channels,
        peaks=Peaks(channels=channels, sample_rate_hz=8000, samples_per_point=800, data=data),
    )


def spans(pieces: tuple[Piece, ...], lane: int = 0) -> list[tuple[float, float]]:
    return [(round(p.start_sec, 3), round(p.end_sec, 3)) for p in pieces if p.lane == lane]


@pytest.mark.parametrize(
    ("duration_sec", "marks", "longest_sec", "expected"),
    [
        pytest.param(10, [], 60, [(0, 10)], id="one piece when it fits"),
        pytest.param(0.05, [], 60, [], id="nothing when it is too short to be heard"),
        pytest.param(10, [(0, 10, None)], 60, [], id="nothing when all is silent"),
        pytest.param(10, [(0, 2, None), (8, 10, None)], 60, [(1.7, 8.3)], id="without the silence around"),
        pytest.param(100, [(40, 50, None)], 70, [(0, 40.3), (49.7, 100)], id="cut in the silence"),
        pytest.param(100, [(40, 40.4, None)], 70, [(0, 40.2), (40.2, 100)], id="a short silence is shared"),
        pytest.param(200, [(40, 150, None)], 600, [(0, 40.3), (149.7, 200)], id="a long silence is not sent"),
        pytest.param(200, [(40, 90, None)], 600, [(0, 200)], id="a shorter one is"),
    ],
)
def test_cuts_are_made_in_silences(
    duration_sec: float, marks: Marks, longest_sec: float, expected: list[tuple[float, float]]
) -> None:
    """Words stay whole; silence at the ends, or of a minute and more, is not paid for."""
    assert spans(planned(signal(duration_sec, marks), longest_sec)) == expected


def test_without_silence_the_quietest_second_is_cut() -> None:
    """Music on hold, or a noisy line, knows no silence."""
    assert spans(planned(signal(100, [], quiet=(45, 70)), 60.6)) == [(0, 45.5), (45.5, 100)]
    assert spans(planned(signal(100, []), 60.6)) == [(0, 59.5), (59.5, 100)]


def test_in_the_quietest_second_the_pause_is_cut() -> None:
    """Pauses between words are much shorter than a second, and half a word is understood by nobody."""
    talk = signal(100, [], channels=2, quiet=(45,))
    points = [(-90, 90)] * 10_000
    points[4520:4532] = [(-3, 2)] * 12  # from 45.2 s on, 100 points a second
    data = bytes(b & 0xFF for low, high in points for b in (-100, 100, low, high))
    peaks = Peaks(channels=2, sample_rate_hz=8000, samples_per_point=80, data=data)
    pieces = planned(replace(talk, peaks=peaks), 60.6)
    assert spans(pieces, 1) == [(0, 45.27), (45.27, 100)]
    assert spans(pieces, 0) == [(0, 45.5), (45.5, 100)]


def test_each_channel_is_cut_by_itself() -> None:
    """The other side's silences do not matter; a silent channel is not sent; pieces come in the order they end."""
    marks: Marks = [(0, 100, 1), (30, 40, 0), (30, 40, None)]
    assert spans(planned(signal(100, marks, channels=2), 75), 0) == [(0, 30.3), (39.7, 100)]
    assert spans(planned(signal(100, marks, channels=2), 75), 1) == []
    both = planned(signal(100, [(30, 40, 0), (60, 70, 1)], channels=2), 65)
    assert [(p.lane, p.channel) for p in both] == [(0, 0), (1, 1), (0, 0), (1, 1)]
    assert [p.end_sec for p in both] == sorted(p.end_sec for p in both)


def test_channels_that_are_the_same_are_sent_once() -> None:
    """Dual mono has no sides: its words belong to no channel."""
    assert planned(signal(10, [], channels=2, alike=True), 60) == (Piece(0, None, 0.0, 10.0),)
    assert [p.channel for p in planned(signal(10, [], channels=2), 60)] == [0, 1]


def test_the_size_of_an_upload_bounds_a_piece() -> None:
    """16-bit samples at 16 kHz: 24 MB are twelve and a half minutes."""
    assert longest_piece_sec(600, 24_000_000) == 600
    assert longest_piece_sec(3600, 24_000_000) == pytest.approx(749.87, abs=0.01)


@given(
    st.floats(0, 4000),
    st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 200)), max_size=30),
    st.floats(5, 700),
)
def test_no_sound_is_lost_and_none_sent_twice(
    duration_sec: float, silences: list[tuple[float, float]], longest_sec: float
) -> None:
    """Whatever the silences: pieces are in order, apart, within the limit, and hold all that is not silent."""
    marks: Marks = [(s, min(s + d, duration_sec), None) for s, d in silences if s < duration_sec]
    pieces = planned(signal(duration_sec, marks), longest_sec)
    assert all(0 <= p.start_sec < p.end_sec <= duration_sec for p in pieces)
    assert all(p.end_sec - p.start_sec <= longest_sec + 1e-6 for p in pieces)
    assert all(a.end_sec <= b.start_sec + 1e-6 for a, b in pairwise(pieces))
    unheard = [(0.0, duration_sec)]
    for start, end in [(p.start_sec, p.end_sec) for p in pieces] + [(s, e) for s, e, _ in marks]:
        unheard = [part for s, e in unheard for part in ((s, min(e, start)), (max(s, end), e)) if part[1] > part[0]]
    assert sum(e - s for s, e in unheard) < 0.1 * (len(marks) + 1)
