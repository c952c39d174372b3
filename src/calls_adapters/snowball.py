"""Stems of Russian and English words by the Snowball algorithms (https://snowballstem.org/)."""

from functools import lru_cache
from threading import Lock
from typing import Final

from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]
from snowballstemmer.russian_stemmer import RussianStemmer  # type: ignore[import-untyped]

from calls_core.ports import Stemmer

REMEMBERED: Final = 2**16


class SnowballStemmer(Stemmer):
    """The alphabet tells the language, so that calls in which both are spoken need no choice.

    The classes are named, because ``snowballstemmer.stemmer()`` gives another release's algorithms where PyStemmer
    happens to be installed, and what one worker stores another must find.
    """

    def __init__(self) -> None:
        self._russian = RussianStemmer()
        self._english = EnglishStemmer()
        self._alone = Lock()  # a stemmer keeps the word that it works on
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._stem)

    def stem(self, word: str) -> str:
        return self._remembered(word)

    def _stem(self, word: str) -> str:
        if word.isascii():
            chosen = self._english
        elif "а" <= word[0] <= "я":
            chosen = self._russian
        else:
            return word
        with self._alone:
            return str(chosen.stemWord(word)) or word
