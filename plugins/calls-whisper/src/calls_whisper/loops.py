"""Takes out what Whisper says over and over again when it has lost its way, as in noise: "you you you you you you"."""

from collections.abc import Sequence
from typing import Final

from calls_whisper.speech import HeardWord

_LONGEST_PHRASE: Final = 12
_TIMES: Final = {1: 6, 2: 4}
_TIMES_ELSE: Final = 3
"""People do say "no, no, no"; they hardly ever say a sentence three times without a stop."""


def without_loops(sentences: Sequence[Sequence[HeardWord]]) -> Sequence[Sequence[HeardWord]]:
    """Return *sentences* with every phrase that is repeated too often kept once. Numbers are kept as they are."""
    words = [_plain(word.text) for sentence in sentences for word in sentence]
    dropped = _repeated(words)
    kept: list[list[HeardWord]] = []
    index = 0
    for sentence in sentences:
        kept.append([word for offset, word in enumerate(sentence, index) if offset not in dropped])
        index += len(sentence)
    return [sentence for sentence in kept if sentence]


def _repeated(words: Sequence[str]) -> set[int]:
    dropped: set[int] = set()
    at = 0
    while at < len(words):
        for size in range(1, _LONGEST_PHRASE + 1):
            times = _times(words, at, size)
            if times >= _TIMES.get(size, _TIMES_ELSE) and not all(map(_is_number, words[at : at + size])):
                dropped.update(range(at + size, at + size * times))
                at += size * times - 1
                break
        at += 1
    return dropped


def _times(words: Sequence[str], at: int, size: int) -> int:
    """Return how many times in a row the phrase at *at* is said."""
    phrase = words[at : at + size]
    times = 1
    while len(phrase) == size and words[at + size * times : at + size * (times + 1)] == phrase:
        times += 1
    return times


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _is_number(word: str) -> bool:
    return not word or word.isnumeric()
