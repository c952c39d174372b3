"""Where in a transcript the words were said that somebody looks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from calls_core.findings import Segment, Transcript
from calls_core.spoken import Phrase, SpokenWord, Stem, WordQuery, spoken_words

HIGHLIGHTS_LIMIT: Final = 3
EXCERPT_LIMIT: Final = 240
_BEFORE: Final = 60

Mark: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """A segment, or a piece of a long one, and in it the words that were looked for.

    *marks* are characters (code points) of *text*, from the first up to and not including the second. The times are
    those of the whole segment, None when the transcript has no times.
    """

    text: str
    start_sec: float | None
    end_sec: float | None
    channel: int | None
    marks: tuple[Mark, ...]


def highlights(transcript: Transcript, query: WordQuery, stem: Stem) -> tuple[Highlight, ...]:
    """Return the segments that have most of a stemmed *query*, at most three, the best first."""
    hits = _hits([list(spoken_words(segment.text, stem)) for segment in transcript.segments], query.wanted)
    ranked = sorted((number for number, found in enumerate(hits) if found), key=lambda number: -len(hits[number]))
    if ranked:
        return tuple(_highlight(transcript.segments[n], hits[n]) for n in ranked[:HIGHLIGHTS_LIMIT])
    whole = _hits([list(spoken_words(transcript.text, stem))], query.wanted)[0]
    if not whole:
        return ()
    text, marks = _excerpt(transcript.text, whole)
    return (Highlight(text=text, start_sec=None, end_sec=None, channel=None, marks=marks),)


_Hits: TypeAlias = dict[Phrase, list[Mark]]


def _hits(segments: Sequence[Sequence[SpokenWord]], phrases: Sequence[Phrase]) -> list[_Hits]:
    """Return for each segment where it has which phrase. A phrase that no segment has whole is looked for in words."""
    hits: list[_Hits] = [{} for _ in segments]
    stems = [[word.stem for word in words] for words in segments]

    def note(phrase: Phrase) -> bool:
        for words, line, found in zip(segments, stems, hits, strict=True):
            if marks := [(words[i].start, words[i + len(phrase) - 1].end) for i in _places(line, phrase)]:
                found[phrase] = marks
        return any(phrase in found for found in hits)

    for phrase in phrases:
        if not note(phrase) and len(phrase) > 1:
            for word in phrase:
                note((word,))
    return hits


def _places(line: Sequence[str], phrase: Phrase) -> Iterator[int]:
    if phrase[0] in line:
        size = len(phrase)
        yield from (i for i in range(len(line) - size + 1) if tuple(line[i : i + size]) == phrase)


def _highlight(segment: Segment, hits: _Hits) -> Highlight:
    text, marks = _excerpt(segment.text, hits)
    return Highlight(
        text=text, start_sec=segment.start_sec, end_sec=segment.end_sec, channel=segment.channel, marks=marks
    )


def _excerpt(text: str, hits: _Hits) -> tuple[str, tuple[Mark, ...]]:
    """Return what stands around the first mark, and the marks in it, none of which overlap."""
    marks: list[Mark] = []
    for start, end in sorted(mark for found in hits.values() for mark in found):
        if marks and start < marks[-1][1]:
            marks[-1] = (marks[-1][0], max(end, marks[-1][1]))
        else:
            marks.append((start, end))
    first, last = 0, len(text)
    if last > EXCERPT_LIMIT:
        begin = marks[0][0]
        if begin > _BEFORE:
            space = text.find(" ", begin - _BEFORE, begin)
            first = begin - _BEFORE if space < 0 else space + 1
        last = min(last, first + EXCERPT_LIMIT)
        if last < len(text) and (space := text.rfind(" ", marks[0][1], last)) > 0:
            last = space
    within = tuple((start - first, min(end, last) - first) for start, end in marks if start < last)
    return text[first:last], within
