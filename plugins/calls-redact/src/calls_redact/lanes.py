"""What each side said, in one line of text, of which every character knows when it was said."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from calls_core.findings import Segment, Transcript

PAUSE_SEC: Final = 12.0
"""A number does not go on over a longer pause. People look at their card, and are told to go on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A word with times of its own, or a segment without them; *segment* and *word* are its places."""

    text: str
    start_sec: float
    end_sec: float
    segment: int
    word: int | None


@dataclass(frozen=True, slots=True)
class Lane:
    """What one side said without a very long pause; *starts* are where its pieces begin in *text*."""

    channel: int | None
    text: str
    pieces: Sequence[Piece]
    starts: Sequence[int]

    def pieces_in(self, start: int, end: int) -> Iterator[tuple[Piece, int, int]]:
        """Yield the pieces that the characters from *start* to *end* are in, and which of theirs they are."""
        for place in range(bisect_right(self.starts, start) - 1, len(self.pieces)):
            begin, piece = self.starts[place], self.pieces[place]
            if begin >= end:
                return
            first, last = max(start - begin, 0), min(end - begin, len(piece.text))
            if first < last:
                yield piece, first, last


def lanes(transcript: Transcript, whole_sec: float) -> Iterator[Lane]:
    """Yield what was said, side by side. What the other side says in between does not end a number.

    Without segments, the text is one piece that lasts *whole_sec*.
    """
    sides: defaultdict[int | None, list[Piece]] = defaultdict(list)
    segments = segments_of(transcript, whole_sec)
    for place in sorted(range(len(segments)), key=lambda place: segments[place].start_sec):
        sides[segments[place].channel] += _pieces(segments[place], place)
    for channel, pieces in sides.items():
        begun = 0
        for place in range(1, len(pieces) + 1):
            if place == len(pieces) or pieces[place].start_sec - pieces[place - 1].end_sec > PAUSE_SEC:
                yield _lane(channel, pieces[begun:place])
                begun = place


def segments_of(transcript: Transcript, whole_sec: float) -> Sequence[Segment]:
    return transcript.segments or (Segment(start_sec=0.0, end_sec=whole_sec, text=transcript.text),)


def _pieces(segment: Segment, place: int) -> list[Piece]:
    if segment.words:
        return [
            Piece(word.text, word.start_sec, word.end_sec, place, number) for number, word in enumerate(segment.words)
        ]
    return [Piece(segment.text, segment.start_sec, segment.end_sec, place, None)]


def _lane(channel: int | None, pieces: Sequence[Piece]) -> Lane:
    starts, length = [], 0
    for piece in pieces:
        starts.append(length)
        length += len(piece.text) + 1
    return Lane(channel, " ".join(piece.text for piece in pieces), pieces, starts)
