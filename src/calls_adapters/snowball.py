"""Stems of Russian and English words by the Snowball algorithms (https://snowballstem.org/)."""

from functools import cached_property, lru_cache
from threading import Lock
from typing import Any, Final

from calls_core.ports import Stemmer

REMEMBERED: Final = 2**16


class SnowballStemmer(Stemmer):
    """The alphabet tells the language, so that calls in which both are spoken need no choice.

    The classes are named, because ``snowballstemmer.stemmer()`` gives another release's algorithms where PyStemmer
    happens to be installed, and what one worker stores another must find.
    """

    def __init__(self) -> None:
        self._alone = Lock()  # a stemmer keeps the word that it works on
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._stem)

    def stem(self, word: str) -> str:
        return self._remembered(word)

    def _stem(self, word: str) -> str:
        is_english = word.isascii()
        if not is_english and not "а" <= word[0] <= "я":
            return word
        with self._alone:
            english, russian = self._stemmers
            return str((english if is_english else russian).stemWord(word)) or word

    @cached_property
    def _stemmers(self) -> tuple[Any, Any]:
        # The package loads dozens of languages, 14 MB of them, which a service without transcripts never needs.
        from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]  # noqa: PLC0415
        from snowballstemmer.russian_stemmer import RussianStemmer  # type: ignore[import-untyped]  # noqa: PLC0415

        return EnglishStemmer(), RussianStemmer()
