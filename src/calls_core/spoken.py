"""Words as search in transcripts compares them, and what can be asked for.

A word is a run of letters and digits, compared by its stem: without case, accents of stress and the dots of ё.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from unicodedata import normalize

WORD_LIMIT: Final = 64
QUERY_WORDS_LIMIT: Final = 64
INDEXED_BYTES: Final = 1_000_000
"""How much different stems and pairs of them may take: what is said after that is not found. It lasts for ten hours."""

Stem: TypeAlias = Callable[[str], str]
Phrase: TypeAlias = tuple[str, ...]

_COMBINING: Final = r"[\u0300-\u036f]"
_WORD: Final = re.compile(rf"[^\W_]+(?:{_COMBINING}+[^\W_]*)*")
_PART: Final = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_QUOTES: Final = str.maketrans(dict.fromkeys("«»“”„‟", '"'))


class SpokenWord(NamedTuple):
    """*stem* stands in the text from character *start* up to and not including *end*."""

    stem: str
    start: int
    end: int


def spoken_words(text: str, stem: Stem) -> Iterator[SpokenWord]:
    for found in _WORD.finditer(text):
        if word := _compared(found.group()):
            yield SpokenWord(stem(word), found.start(), found.end())


def indexed(text: str, stem: Stem) -> str:
    """Return the stems of *text* as they are stored: a space before, between and after them, or nothing at all."""
    stems: list[str] = []
    seen: set[str] = set()
    left = INDEXED_BYTES
    for word in spoken_words(text, stem):
        fresh = {word.stem, f"{stems[-1]} {word.stem}"} - seen if stems else {word.stem}
        left -= sum(len(term.encode()) for term in fresh)
        if left < 0:
            break
        seen |= fresh
        stems.append(word.stem)
    return _spaced(stems) if stems else ""


def indexed_terms(words: str) -> list[str]:
    """Return the different stems and pairs of neighbours in *words*, as ``indexed`` returns them."""
    stems = words.split()
    return sorted({*stems, *(f"{first} {second}" for first, second in itertools.pairwise(stems))})


@dataclass(frozen=True, slots=True, kw_only=True)
class WordQuery:
    """Transcripts that have all phrases *wanted* and none *unwanted*; a single word is a phrase, too."""

    wanted: tuple[Phrase, ...] = ()
    unwanted: tuple[Phrase, ...] = ()

    @classmethod
    def parsed(cls, text: str) -> "WordQuery":
        """Read *text* as web search engines do: all words, ``"one after the other"``, ``-without``.

        What is written in one piece, such as an e-mail address, is one phrase. A quote that is not closed ends with
        the text. What has no letters and digits asks for nothing.
        """
        wanted: list[Phrase] = []
        unwanted: list[Phrase] = []
        for part in _PART.finditer(text.translate(_QUOTES)):
            words = spoken_words(part["word"] if part["phrase"] is None else part["phrase"], str)
            if phrase := tuple(word.stem for word in words):
                (unwanted if part["minus"] else wanted).append(phrase)
        return cls(wanted=tuple(wanted), unwanted=tuple(unwanted))

    @property
    def size(self) -> int:
        """How many words it has."""
        return sum(map(len, self.wanted + self.unwanted))

    def stemmed(self, stem: Stem) -> "WordQuery":
        return WordQuery(
            wanted=tuple(tuple(map(stem, phrase)) for phrase in self.wanted),
            unwanted=tuple(tuple(map(stem, phrase)) for phrase in self.unwanted),
        )

    def fits(self, words: str) -> bool:
        """Tell whether a stemmed query fits *words*, as ``indexed`` returns them."""
        return all(_spaced(phrase) in words for phrase in self.wanted) and not any(
            _spaced(phrase) in words for phrase in self.unwanted
        )


@lru_cache(maxsize=2**15)
def _compared(word: str) -> str:
    composed = normalize("NFKC", word).casefold().replace("ё", "е")
    return "".join(character for character in composed if character.isalnum())[:WORD_LIMIT]


def _spaced(stems: Phrase | list[str]) -> str:
    return f" {' '.join(stems)} "
