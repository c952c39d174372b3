"""Finding phrases in what was said: whole words, whatever their case and the punctuation between them."""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from calls_core.findings import Segment, Transcript

PAUSE_SEC: Final = 2.0
"""A phrase does not go on over a longer pause. Analyzers cut segments at shorter ones, within sentences too."""

_WORD: Final = re.compile(r"[^\W_]+")
_DROPPED: Final = frozenset({"Mn", "Cf"})  # accents that have no letter of their own, soft hyphens


def normalized(text: str) -> tuple[str, ...]:
    """Return the words of *text* as they are compared: case folded, without accents, with the Russian yo as ye."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(character for character in folded if unicodedata.category(character) not in _DROPPED)
    return tuple(_WORD.findall(kept.replace("ё", "е")))


@dataclass(frozen=True, slots=True)
class Heard:
    """A phrase that was found: when, on which channel (None if the speakers share it), and the words around it."""

    start_sec: float
    end_sec: float
    channel: int | None
    text: str


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    start_sec: float
    end_sec: float
    segment: Segment


@dataclass(frozen=True, slots=True)
class Talk:
    """What one side said without a long pause and without the other taking its turn."""

    tokens: Sequence[_Token]
    places: Mapping[str, Sequence[int]] = field(repr=False)

    def find(self, words: Sequence[str]) -> Iterator[Heard]:
        """Yield every place where *words* follow each other."""
        for place in self.places.get(words[0], ()):
            found = self.tokens[place : place + len(words)]
            if [token.word for token in found] == list(words):
                segments = dict.fromkeys(token.segment.text.strip() for token in found)
                yield Heard(found[0].start_sec, found[-1].end_sec, found[0].segment.channel, " ".join(segments))


def talks(transcript: Transcript) -> tuple[Talk, ...]:
    """Return what was said, in pieces within which a phrase may be found; they are sorted by time."""
    segments = sorted(transcript.segments, key=lambda segment: segment.start_sec)
    lanes: defaultdict[int | None, list[Segment]] = defaultdict(list)
    for segment in segments:
        lanes[segment.channel].append(segment)
    pieces: list[list[Segment]] = []
    for channel, lane in lanes.items():
        turns = [segment.start_sec for segment in segments if segment.channel != channel]
        pieces.append(lane[:1])
        for before, after in pairwise(lane):
            if _goes_on(before, after, turns):
                pieces[-1].append(after)
            else:
                pieces.append([after])
    return tuple(_talk(piece) for piece in sorted(pieces, key=lambda piece: piece[0].start_sec))


def _goes_on(before: Segment, after: Segment, turns: Sequence[float]) -> bool:
    """Tell whether the pause is short, and nobody else begins to speak in it; *turns* are sorted."""
    next_turn = bisect_left(turns, before.end_sec)
    taken = next_turn < len(turns) and turns[next_turn] < after.start_sec
    return after.start_sec - before.end_sec <= PAUSE_SEC and not taken


def _talk(segments: Sequence[Segment]) -> Talk:
    tokens = [token for segment in segments for token in _tokens(segment)]
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, token in enumerate(tokens):
        places[token.word].append(place)
    return Talk(tokens, places)


def _tokens(segment: Segment) -> Iterator[_Token]:
    """Without times of words, take them for equally long."""
    if segment.words:
        for word in segment.words:
            for part in normalized(word.text):
                yield _Token(part, word.start_sec, word.end_sec, segment)
        return
    parts = normalized(segment.text)
    length = (segment.end_sec - segment.start_sec) / max(len(parts), 1)
    for number, part in enumerate(parts):
        start = segment.start_sec + number * length
        yield _Token(part, round(start, 3), round(start + length, 3), segment)
