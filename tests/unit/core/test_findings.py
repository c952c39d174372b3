"""Peaks: merging keeps the highest and the lowest. Findings of plugins are checked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_core.findings import MutedSpan, Peaks, Redaction, Transcript, faults


@st.composite
def some_peaks(draw: st.DrawFn) -> Peaks:
    channels = draw(st.integers(1, 3))
    points = draw(st.integers(0, 200))
    data = draw(st.binary(min_size=points * channels * 2, max_size=points * channels * 2))
    return Peaks(channels=channels, sample_rate_hz=8000, samples_per_point=8, data=data)


@given(some_peaks(), st.integers(1, 250))
def test_merging_keeps_the_extremes(peaks: Peaks, wanted: int) -> None:
    """No point more than asked for; the extremes of every channel survive; whole points are merged."""
    merged = peaks.merged(wanted)
    assert merged.points <= wanted
    assert merged.samples_per_point % peaks.samples_per_point == 0
    for lane, pick in [(lane, (min, max)[lane % 2]) for lane in range(2 * peaks.channels)]:
        before = memoryview(peaks.data).cast("b")[lane :: 2 * peaks.channels].tolist()
        after = memoryview(merged.data).cast("b")[lane :: 2 * peaks.channels].tolist()
        assert pick(before, default=0) == pick(after, default=0)


@pytest.mark.parametrize("wanted", [4, 5, 100])
def test_peaks_that_fit_are_left_alone(wanted: int) -> None:
    """Nothing is made up: fewer points than asked for stay as they are."""
    peaks = Peaks(channels=1, sample_rate_hz=8000, samples_per_point=8, data=bytes(8))
    assert peaks.merged(wanted) == peaks


SAID = Transcript(text="***")


@pytest.mark.parametrize(
    ("transcript", "spans", "fault"),
    [
        (None, (), "transcript must be"),
        (Transcript(text="\0"), (), "text must be"),
        (SAID, [MutedSpan(start_sec=0, end_sec=1, kind="card")], "spans must be a tuple"),
        (SAID, ((0, 1),), "spans must be a tuple"),
        (SAID, (MutedSpan(start_sec=0, end_sec=float("inf"), kind="card"),), "times of spans"),
        (SAID, (MutedSpan(start_sec=2, end_sec=1, kind="card"),), "must end after"),
        (SAID, (MutedSpan(start_sec=0, end_sec=1, kind=""),), "kind of a span"),
    ],
)
def test_a_redaction_that_cannot_be_kept_is_known(transcript: Any, spans: Any, fault: str) -> None:
    """A span that ends before it begins would mute nothing."""
    assert any(fault in found for found in faults(Redaction(transcript=transcript, spans=spans)))
