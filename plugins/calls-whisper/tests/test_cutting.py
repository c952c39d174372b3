"""Silences in, spans out; spans in, pieces out; and back from a piece to the recording."""

from collections.abc import Sequence

import numpy as np
import pytest
from calls_core.findings import Segment
from calls_whisper.cutting import Cutter, Span
from calls_whisper.packing import Packer, Piece
from calls_whisper.speech import HeardWord, Samples

RATE = 16_000


def cut(samples: Samples, silences: Sequence[tuple[float, float]], block: int = 4 * RATE) -> list[Span]:
    cutter = Cutter(silences)
    spans = [span for at in range(0, len(samples), block) for span in cutter.cut(samples[at : at + block])]
    return [*spans, *cutter.finish()]


def times(spans: Sequence[Span]) -> list[tuple[float, float]]:
    return [(span.start / RATE, (span.start + len(span.samples)) / RATE) for span in spans]


def ramp(sec: float) -> Samples:
    return np.arange(round(sec * RATE), dtype=np.float32)


@pytest.mark.parametrize("block", [97, 4 * RATE, 100 * RATE])
def test_what_is_silent_is_left_out(block: int) -> None:
    """Sounds keep a margin of a quarter second, short silences stay inside; the size of blocks makes no difference."""
    spans = cut(ramp(30), [(0, 1), (1.2, 1.8), (5, 5.4), (8, 20), (25, 30)], block)
    assert times(spans) == [(0.75, 8.25), (19.75, 25.25)]
    assert spans[1].sound == (20 * RATE, 25 * RATE)
    for span in spans:
        assert span.samples.tolist() == ramp(30)[span.start : span.start + len(span.samples)].tolist()


def test_silence_throughout_leaves_nothing() -> None:
    """The model, which makes words up in silence, is not asked."""
    assert cut(ramp(100), [(0, 100)]) == []


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    """No span is longer than 28 s, none is lost, and the cut lies in the short pause."""
    samples = np.ones(70 * RATE, np.float32)
    samples[24 * RATE : 24 * RATE + 3200] = 0
    spans = cut(samples, [])
    assert times(spans)[0] == (0, pytest.approx(24.1, abs=0.1))
    assert all(len(span.samples) <= 28 * RATE for span in spans)
    assert [start for start, _end in times(spans)[1:]] == [end for _start, end in times(spans)[:-1]]
    assert times(spans)[-1][1] == 70


def test_pieces_are_filled_but_never_too_long() -> None:
    """Short turns share a piece; a piece holds at most 28 s, whatever time lies between them."""
    packer = Packer(1)
    spans = [Span(at * RATE, np.zeros(10 * RATE, np.float32), (0, 1 << 62)) for at in (0, 100, 200, 300, 400)]
    pieces = [piece for span in spans for piece in packer.add(span)] + [*packer.finish()]
    assert [len(piece.spans) for piece in pieces] == [2, 2, 1]
    assert [span for piece in pieces for span in piece.spans] == spans
    assert {piece.channel for piece in pieces} == {1}
    assert [*packer.finish()] == []


def two_turns() -> Piece:
    """Sound from 10.25 s to 12 s and from 60.25 s to 62 s, a quarter second of margin before each."""
    return Piece(
        0,
        (
            Span(10 * RATE, ramp(2), (round(10.25 * RATE), 12 * RATE)),
            Span(60 * RATE, ramp(2), (round(60.25 * RATE), 62 * RATE)),
        ),
    )


def segments(*sentences: Sequence[HeardWord]) -> list[Segment]:
    return list(two_turns().segments(sentences, 0))


def test_words_return_to_where_they_were_said() -> None:
    """A sentence over both turns becomes two segments, each within its turn."""
    found = segments([HeardWord(" one", 0.1, 0.5), HeardWord(" two", 1.2, 2.1), HeardWord(" three.", 2.2, 3)])
    assert [(s.start_sec, s.end_sec, s.text, s.channel) for s in found] == [
        (10.25, 12.0, "one two", 0),
        (60.25, 61.0, "three.", 0),
    ]
    assert [(w.text, w.start_sec, w.end_sec) for w in found[0].words] == [("one", 10.25, 10.5), ("two", 11.2, 12.0)]


def test_a_sentence_heard_in_silence_is_dropped() -> None:
    """Nobody said what lies in a silence mark alone; one word of a sentence may reach into it."""
    assert segments([HeardWord(" Thanks", 2.0, 2.1), HeardWord(" all.", 2.1, 2.2)]) == []
    [kept] = segments([HeardWord(" So", 2.0, 2.2), HeardWord(" what?", 2.2, 2.8)])
    assert (kept.start_sec, kept.words[0].end_sec) == (60.25, 60.25)


def test_times_never_go_back() -> None:
    """Whatever the engine says, words stay in their order."""
    [found] = segments([HeardWord(" a", 1.0, 1.4), HeardWord(" b", 0.8, 1.2), HeardWord(" c", 1.3, 1.2)])
    spoken = [time for word in found.words for time in (word.start_sec, word.end_sec)]
    assert spoken == sorted(spoken)


def test_a_pause_ends_a_segment() -> None:
    """Words with a second between them are two segments."""
    found = segments([HeardWord(" yes", 0.3, 0.5), HeardWord(" no", 1.6, 1.9)])
    assert [segment.text for segment in found] == ["yes", "no"]
