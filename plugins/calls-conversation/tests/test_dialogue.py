"""Turns, answers and interruptions, from times alone; and what holds for every report, whoever talks when."""

from typing import Any

import numpy as np
import pytest
from calls_conversation.definitions import Definitions
from calls_conversation.dialogue import Side, dialogue
from calls_conversation.listening import Heard, Track
from calls_conversation.report import report
from calls_conversation.spans import Span, gaps, intersection, joined, spans_of, total, union
from calls_core.findings import Facts, faults
from hypothesis import given
from hypothesis import strategies as st

DEFINITIONS = Definitions()
PER_SIDE = {
    "talk_sec",
    "talk_share",
    "talk_spans_sec",
    "turns",
    "longest_monologue_sec",
    "interruptions",
    "interruptions_at_sec",
    "backchannels",
    "responses",
    "response_median_sec",
    "response_p90_sec",
    "leakage_db",
    "speech_level_dbfs",
    "clipped_share",
}


def sides(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> tuple[Side, Side]:
    return dialogue(([Span(*times) for times in one], [Span(*times) for times in other]), DEFINITIONS)


@st.composite
def tracks(draw: st.DrawFn, frames: int) -> Track:
    """Speech in whole frames of 30 ms, with the rise and fall that makes it no noise."""
    runs = draw(st.lists(st.integers(1, 120), max_size=20))
    talks = np.resize(np.array([False, True]), len(runs))
    speech = np.repeat(np.append(talks, False), [*(3 * run for run in runs), 3 * frames])[: 3 * frames]
    return Track(
        levels=np.where(speech, np.resize([-150] * 8 + [-300] * 2, len(speech)), -700).astype(np.int16),
        speech=speech,
        clipped=draw(st.integers(0, 10)),
    )


@st.composite
def calls(draw: st.DrawFn) -> Heard:
    frames = draw(st.integers(1, 1000))
    return Heard(
        sample_rate_hz=8000,
        frames=frames * 240,
        tracks=(draw(tracks(frames)), draw(tracks(frames))),
        matches=(),
    )


@given(calls())
def test_numbers_of_every_report_agree(heard: Heard) -> None:
    """Shares are shares, overlap is no more than either side's talk, and parts add up to the whole."""
    found: dict[str, Any] = report(heard, DEFINITIONS)
    assert not list(faults(Facts(values=found)))
    assert all(0 <= share <= 1 for share in [found["speech_share"], *found["talk_share"], *found["clipped_share"]])
    assert sum(found["talk_share"]) in (0, pytest.approx(1, abs=0.0002))
    assert 0 <= found["overlap_sec"] <= min(found["talk_sec"])
    assert found["speech_sec"] == pytest.approx(sum(found["talk_sec"]) - found["overlap_sec"])
    assert found["speech_sec"] + found["dead_air_sec"] <= found["duration_sec"] + 1e-9
    for kind in ("dead_air", "overlap"):
        lengths = [end - start for start, end in found[f"{kind}_spans_sec"]]
        assert found[f"{kind}_count"] == len(lengths)
        assert found[f"{kind}_sec"] == pytest.approx(sum(lengths))
        assert found[f"{kind}_longest_sec"] == pytest.approx(max(lengths, default=0))
    for side in range(2):
        lengths = [end - start for start, end in found["talk_spans_sec"][side]]
        assert found["talk_sec"][side] == pytest.approx(sum(lengths))
        assert max(lengths, default=0) <= found["longest_monologue_sec"][side] + 1e-9 <= found["duration_sec"] + 1e-6
        assert found["interruptions"][side] == len(found["interruptions_at_sec"][side])
        assert found["responses"][side] <= found["turns"][side]
        assert (found["response_median_sec"][side] is None) == (found["responses"][side] == 0)
        assert found["turns"][side] + found["backchannels"][side] <= len(lengths)


@given(calls())
def test_swapping_the_channels_swaps_the_numbers(heard: Heard) -> None:
    """No side is favoured, whatever coincides."""
    there = report(heard, DEFINITIONS)
    swapped = Heard(
        sample_rate_hz=heard.sample_rate_hz, frames=heard.frames, tracks=heard.tracks[::-1], matches=heard.matches
    )
    mirrored = {key: value[::-1] if key in PER_SIDE else value for key, value in there.items()}  # type: ignore[index]
    assert mirrored == report(swapped, DEFINITIONS)


@given(st.lists(st.booleans(), max_size=60), st.lists(st.booleans(), max_size=60))
def test_spans_are_sets_of_cells(one: list[bool], other: list[bool]) -> None:
    """Union, intersection and gaps are those of the cells."""
    size = max(len(one), len(other))
    a, b = (np.array(cells + [False] * (size - len(cells)), dtype=bool) for cells in (one, other))
    these, those = spans_of(a, 10), spans_of(b, 10)
    assert union([these, those]) == spans_of(a | b, 10)
    assert intersection(these, those) == spans_of(a & b, 10)
    assert gaps(these, size * 10) == spans_of(~a, 10)
    assert total(these) == 10 * int(a.sum())


def test_pauses_are_filled_up_to_their_length() -> None:
    """A pause of 200 ms stays; a shorter one does not."""
    assert joined([Span(0, 100), Span(300, 400), Span(599, 700)], 200) == [Span(0, 100), Span(300, 700)]


def test_short_answer_in_a_pause_is_a_turn() -> None:
    """What is short and begins while nobody talks is an answer, not a backchannel."""
    asked, answered = sides([(0, 2000), (3000, 5000)], [(2300, 2700)])
    assert answered.backchannels == 0
    assert answered.latencies == [300]
    assert asked.latencies == [300]
    assert len(asked.turns) == 2


def test_short_word_that_outlasts_the_other_is_a_turn() -> None:
    """Whoever has the last word has taken the turn."""
    _, other = sides([(0, 2000)], [(1800, 2400)])
    assert (other.backchannels, other.interruptions, list(other.latencies)) == (0, [], [0])


def test_starting_together_is_no_interruption() -> None:
    """Half a second must have been said, and half a second must have been left to say."""
    assert sides([(0, 5000)], [(400, 3000)])[1].interruptions == []
    assert sides([(0, 5000)], [(4600, 9000)])[1].interruptions == []
    assert sides([(0, 5000)], [(500, 3000)])[1].interruptions == [500]
    assert sides([(0, 5000)], [(4500, 9000)])[1].interruptions == [4500]


def test_breaking_in_between_words_is_no_interruption() -> None:
    """A pause was an offer, though the other took it back."""
    assert sides([(0, 3000), (3300, 9000)], [(3100, 6000)])[1].interruptions == []


def test_an_interruption_has_no_latency_and_going_on_is_no_answer() -> None:
    """Who is broken in upon and goes on later was the last to talk: it answers nobody."""
    one, other = sides([(0, 10_000), (12_000, 13_000)], [(4000, 6000)])
    assert (one.latencies, other.latencies) == ([], [])


def test_p90_is_the_nearest_rank() -> None:
    """Of ten latencies it is the ninth."""
    one = [(second * 10_000, second * 10_000 + 3000) for second in range(10)]
    other = [(start + 3000 + 100 * (rank + 1), start + 6000) for rank, (start, _) in enumerate(one)]
    _, answers = sides(one, other)
    assert answers.p90_latency == 900
    assert answers.median_latency == 550


def test_monologue_ends_with_dead_air() -> None:
    """Three seconds of silence end a monologue; less does not."""
    assert sides([(0, 1000), (3999, 5000)], [])[0].longest_monologue == 5000
    assert sides([(0, 1000), (4000, 5000)], [])[0].longest_monologue == 1000
