"""Packs spans of one channel into pieces for the engine, and finds back where in the recording a word was said."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from calls_core.findings import Segment, Word

from calls_whisper.cutting import LONGEST_SEC, Span
from calls_whisper.speech import RATE_HZ, HeardWord, Samples

_LONGEST: Final = int(LONGEST_SEC * RATE_HZ)
_PAUSE_SEC: Final = 1.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A word in seconds of the recording, and its text with the space before it, where the language has one.

    *heard* is False when it was heard in the margin, where all is silent.
    """

    word: Word
    text: str
    span: int
    heard: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Spans of *channel* that are heard in one go, one right after the other."""

    channel: int
    spans: tuple[Span, ...]

    @property
    def samples(self) -> Samples:
        return np.concatenate([span.samples for span in self.spans])

    def segments(self, sentences: Sequence[Sequence[HeardWord]], channel: int | None) -> Iterator[Segment]:
        """Return *sentences* as segments, split where there is silence or a pause; times of words never go back.

        What was heard in silence only is left out: nobody said it.
        """
        earliest = 0.0
        for sentence in sentences:
            group: list[Placed] = []
            for heard in sentence:
                placed = self._placed(heard, earliest)
                last = group[-1] if group else placed
                if last.span != placed.span or placed.word.start_sec - last.word.end_sec >= _PAUSE_SEC:
                    yield from _segment(group, channel)
                    group = []
                group.append(placed)
                earliest = placed.word.end_sec
            yield from _segment(group, channel)

    def _placed(self, heard: HeardWord, earliest_sec: float) -> Placed:
        starts = [0, *accumulate(len(span.samples) for span in self.spans)][:-1]
        middle = (heard.start_sec + heard.end_sec) / 2 * RATE_HZ
        index = bisect_right(starts, middle) - 1 if middle > 0 else 0
        span = self.spans[index]
        shift = (span.start - starts[index]) / RATE_HZ
        low = max(span.start, span.sound[0]) / RATE_HZ
        high = min(span.start + len(span.samples), span.sound[1]) / RATE_HZ
        start, end = heard.start_sec + shift, heard.end_sec + shift
        start_sec = max(round(min(max(start, low), high), 3), earliest_sec)
        end_sec = max(round(min(max(end, low), high), 3), start_sec)
        word = Word(text=heard.text.strip(), start_sec=start_sec, end_sec=end_sec)
        return Placed(word, heard.text, index, heard=start < high and end > low)


class Packer:
    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._spans: list[Span] = []

    def add(self, span: Span) -> Iterator[Piece]:
        """Take one more span, and return the piece that is full without it."""
        if sum(len(held.samples) for held in (*self._spans, span)) > _LONGEST:
            yield from self.finish()
        self._spans.append(span)

    def finish(self) -> Iterator[Piece]:
        if self._spans:
            yield Piece(self._channel, tuple(self._spans))
        self._spans = []


def _segment(group: Sequence[Placed], channel: int | None) -> Iterator[Segment]:
    words = tuple(placed.word for placed in group if placed.word.text)
    if words and any(placed.heard for placed in group):
        text = "".join(placed.text for placed in group).strip()
        yield Segment(start_sec=words[0].start_sec, end_sec=words[-1].end_sec, text=text, channel=channel, words=words)
