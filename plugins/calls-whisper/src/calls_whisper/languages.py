"""Which language a call is in, when nobody has said."""

from collections.abc import Mapping
from typing import Final

_SURE: Final = 0.85
_LONG_SEC: Final = 3.0
_ENOUGH_PIECES: Final = 3

_TAGS: Final[Mapping[str, str]] = {"jw": "jv"}
"""Whisper's codes that are not BCP 47."""


class Ballot:
    """Pieces vote, each with its length, until one is long and sure or there were three of them."""

    def __init__(self) -> None:
        self._votes: dict[str, float] = {}
        self._pieces = 0
        self.is_decided = False

    @property
    def winner(self) -> str | None:
        return max(self._votes, key=self._votes.__getitem__, default=None)

    def add(self, probabilities: Mapping[str, float], length_sec: float) -> None:
        for language, share in probabilities.items():
            self._votes[language] = self._votes.get(language, 0.0) + share * length_sec
        self._pieces += 1
        is_sure = length_sec >= _LONG_SEC and max(probabilities.values(), default=0.0) >= _SURE
        self.is_decided = is_sure or self._pieces >= _ENOUGH_PIECES


def tag(language: str | None) -> str | None:
    """Return Whisper's code as a BCP 47 tag."""
    return _TAGS.get(language, language) if language else None
