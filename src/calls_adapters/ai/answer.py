"""What an OpenAI-compatible service answers, checked and turned into segments.

The shape is ``verbose_json`` of https://platform.openai.com/docs/api-reference/audio/verbose-json-object. OpenAI puts
words beside the segments; speaches and others put them inside.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from calls_adapters.ai.languages import tag_of
from calls_adapters.ai.pieces import Piece
from calls_core.errors import AiAnswerInvalid
from calls_core.findings import Segment, Transcript, Word

_LATE_SEC: Final = 60.0
"""Whisper works in windows of 30 seconds and may name a time beyond the end of the last one."""
_SPARE: Final = 1000
_CHARACTERS_PER_SEC: Final = 200
_MARKS_PER_SEC: Final = 50
_CONTROLS: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
"""They would hurt a terminal, and NUL every database."""


class AnsweredWord(msgspec.Struct):
    word: str
    start: float
    end: float


class AnsweredSegment(msgspec.Struct):
    text: str
    start: float
    end: float
    words: list[AnsweredWord] | None = None


class Answer(msgspec.Struct):
    """What of the answer matters here; services add what they like."""

    text: str
    language: str | None = None
    segments: list[AnsweredSegment] | None = None
    words: list[AnsweredWord] | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in one piece, in times of the recording."""

    segments: tuple[Segment, ...]
    language: str | None


_decoder = msgspec.json.Decoder(Answer)


def heard(body: bytes, piece: Piece, duration_sec: float) -> Heard:
    """Return what *body* says about *piece*, of which *duration_sec* were sent.

    Raises:
        AiAnswerInvalid: it is not what the protocol promises, or cannot be about this audio.
    """
    try:
        answer = _decoder.decode(body)
    except (ValueError, RecursionError) as error:
        msg = f"the AI service answered with something other than verbose_json: {error}"
        raise AiAnswerInvalid(msg) from error
    _refuse_the_impossible(answer, duration_sec)
    segments = tuple(_segments(answer, piece, duration_sec))
    return Heard(segments, tag_of(answer.language) if segments else None)


def together(pieces: Iterable[Heard], language: str | None) -> Transcript:
    """Return one transcript in the order of time; *language* is the operator's, else what most of it was heard in.

    Its text has one line for each turn of a speaker.
    """
    pieces = list(pieces)
    segments = sorted((s for piece in pieces for s in piece.segments), key=lambda s: (s.start_sec, s.channel or 0))
    turns: list[list[str]] = []
    for number, segment in enumerate(segments):
        if not number or segment.channel != segments[number - 1].channel:
            turns.append([])
        turns[-1].append(segment.text)
    votes: Counter[str] = Counter()
    for piece in pieces:
        if piece.language:
            votes[piece.language] += sum(len(segment.text) for segment in piece.segments)
    return Transcript(
        text="\n".join(" ".join(turn) for turn in turns),
        segments=tuple(segments),
        language=language or next((tag for tag, _ in votes.most_common(1)), None),
    )


def _refuse_the_impossible(answer: Answer, duration_sec: float) -> None:
    segments = answer.segments or []
    inside = [word for segment in segments for word in segment.words or []]
    marks: list[AnsweredSegment | AnsweredWord] = [*segments, *inside, *(answer.words or [])]
    characters = max(len(answer.text), sum(len(segment.text) for segment in segments))
    if characters > _SPARE + duration_sec * _CHARACTERS_PER_SEC or len(marks) > _SPARE + duration_sec * _MARKS_PER_SEC:
        msg = f"the AI service answered with more words than can be said in {duration_sec:g} seconds"
        raise AiAnswerInvalid(msg)
    if any(not -_LATE_SEC < mark.start <= duration_sec + _LATE_SEC for mark in marks):
        msg = f"the AI service answered with times that are far outside of the {duration_sec:g} seconds it was sent"
        raise AiAnswerInvalid(msg)


def _segments(answer: Answer, piece: Piece, duration_sec: float) -> Iterator[Segment]:
    said = answer.segments or [AnsweredSegment(text=answer.text, start=0.0, end=duration_sec)]
    said = sorted(said, key=lambda segment: segment.start)
    beside = _shared_out(said, answer.words or [])
    for segment, words in zip(said, beside, strict=True):
        text = _clean(segment.text)
        if not text:
            continue
        start, end = _times(segment, piece, duration_sec)
        yield Segment(
            start_sec=start,
            end_sec=end,
            text=text,
            channel=piece.channel,
            words=tuple(_words(segment.words or words, piece, duration_sec)),
        )


def _shared_out(segments: Sequence[AnsweredSegment], words: list[AnsweredWord]) -> list[list[AnsweredWord]]:
    """Give each word to the last segment that has begun by the middle of it."""
    shares: list[list[AnsweredWord]] = [[] for _ in segments]
    number = 0
    for word in sorted(words, key=lambda word: word.start):
        middle = (word.start + word.end) / 2
        while number + 1 < len(segments) and segments[number + 1].start <= middle:
            number += 1
        shares[number].append(word)
    return shares


def _words(words: Iterable[AnsweredWord], piece: Piece, duration_sec: float) -> Iterator[Word]:
    for word in words:
        if text := _clean(word.word):
            start, end = _times(word, piece, duration_sec)
            yield Word(text=text, start_sec=start, end_sec=end)


def _times(mark: AnsweredSegment | AnsweredWord, piece: Piece, duration_sec: float) -> tuple[float, float]:
    start = min(max(mark.start, 0.0), duration_sec)
    end = min(max(mark.end, start), duration_sec)
    return round(piece.start_sec + start, 3), round(piece.start_sec + end, 3)


def _clean(text: str) -> str:
    return " ".join(text.translate(_CONTROLS).split())
