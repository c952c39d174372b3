"""E-mail addresses, written or dictated in English or Russian."""

import re
from collections.abc import Iterator
from typing import Final

from calls_redact.numbers import ONES, TEENS, TENS

_WRITTEN: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_DOT: Final = r"(?:\s*\.\s*|[\s,]+(?:dot|period|точка)[\s,]+)"
_DASH: Final = r"(?:[\s,]+(?:dash|hyphen|minus|underscore|тире|дефис|минус|подч[её]ркивание)[\s,]+|-)"
_AT: Final = r"(?:\s*@\s*|[\s,]+(?:at|эт|собака|собачка)[\s,]+(?:sign[\s,]+)?)"
_TOP: Final = (
    r"(?:com|net|org|info|biz|edu|gov|io|me|dev|app|eu|uk|us|de|fr|es|it|ru|su|by|kz|ua|рф|ру|ком|нет|орг"
    r"|co[\s.]+(?:dot[\s]+)?uk)\b"
)
_SPOKEN: Final = re.compile(
    rf"(?P<local>\w+(?:(?:{_DOT}|{_DASH})\w+)*){_AT}(?P<domain>\w+(?:(?:{_DOT}|{_DASH})\w+)*){_DOT}{_TOP}",
    re.IGNORECASE,
)
_WORD_BEFORE: Final = re.compile(r"(\w+)[\s,]+$")
_BEFORE_SITES: Final = """
look looked is it its was are am be me us you them here there see seen find found visit page site website online
available shop store buy ordered order more details information meet сайт сайте посмотрите
"""
_NOT_NAMES: Final = frozenset(_BEFORE_SITES.split())
"""What stands before "at" and the name of a web site."""


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Yield where an address stands."""
    for found in _WRITTEN.finditer(text):
        yield found.span()
    for found in _SPOKEN.finditer(text):
        if found["local"].lower() not in _NOT_NAMES:
            yield _spelled_from(text, found.start("local")), found.end()


def _spelled_from(text: str, start: int) -> int:
    """Go back over letters and digits that were said one by one."""
    while (before := _WORD_BEFORE.search(text, max(0, start - 32), start)) and _is_spelled(before[1].lower()):
        start = before.start(1)
    return start


def _is_spelled(word: str) -> bool:
    return (len(word) == 1 and word not in {"a", "i", "и", "я", "в", "а", "у", "с"}) or word in (ONES | TEENS | TENS)
