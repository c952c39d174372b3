"""Taking words out of a transcript, without a trace of how long they were."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from calls_core.findings import Segment, Transcript

from calls_redact.lanes import Piece

MASK: Final = "***"
"""One for every word: of "four" and "three", stars in number of their letters would tell them apart."""

_CHUNK: Final = re.compile(r"\S+")

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Masks:
    """Which characters of which pieces of a transcript are masked."""

    ranges: defaultdict[tuple[int, int | None], list[Range]] = field(default_factory=lambda: defaultdict(list))

    def add(self, piece: Piece, start: int, end: int) -> None:
        self.ranges[piece.segment, piece.word].append((start, end))

    def hide(self, text: str, segment: int, word: int | None) -> str:
        """Return *text* of that place with what is masked in it replaced."""
        shown, done = [], 0
        for start, end in _merged(self.ranges.get((segment, word), [])):
            shown += [text[done:start], _CHUNK.sub(MASK, text[start:end])]
            done = end
        return "".join([*shown, text[done:]])


def masked(transcript: Transcript, masks: Masks) -> Transcript:
    """Return *transcript* without what *masks* tell, with its times.

    Only what was looked through gets out: where a segment has words, its text is made of them, and that of the whole is
    made of the segments.
    """
    if not transcript.segments:
        return replace(transcript, text=masks.hide(transcript.text, 0, None))
    segments = tuple(_segment(segment, place, masks) for place, segment in enumerate(transcript.segments))
    if not masks.ranges and _squeezed(transcript.text) == _squeezed(" ".join(each.text for each in segments)):
        return replace(transcript, segments=segments)
    return replace(transcript, text=" ".join(each.text.strip() for each in segments), segments=segments)


def _segment(segment: Segment, place: int, masks: Masks) -> Segment:
    if not segment.words:
        return replace(segment, text=masks.hide(segment.text, place, None))
    words = tuple(replace(word, text=masks.hide(word.text, place, number)) for number, word in enumerate(segment.words))
    as_words = " ".join(word.text.strip() for word in words)
    is_same = words == segment.words and _squeezed(as_words) == _squeezed(segment.text)
    return replace(segment, text=segment.text if is_same else as_words, words=words)


def _merged(ranges: Sequence[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _squeezed(text: str) -> str:
    return "".join(text.split())
