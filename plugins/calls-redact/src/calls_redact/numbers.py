"""Numbers as they are written and as they are dictated, in English and in Russian."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

ONES: Final = {
    "zero": 0, "nought": 0, "nil": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ноль": 0, "нуль": 0, "один": 1, "одна": 1, "раз": 1, "два": 2, "две": 2, "три": 3,
    "четыре": 4, "пять": 5, "шесть": 6, "семь": 7, "восемь": 8, "девять": 9,
}  # fmt: skip
TEENS: Final = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "десять": 10, "одиннадцать": 11, "двенадцать": 12,
    "тринадцать": 13, "четырнадцать": 14, "пятнадцать": 15, "шестнадцать": 16, "семнадцать": 17, "восемнадцать": 18,
    "девятнадцать": 19,
}  # fmt: skip
TENS: Final = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "двадцать": 20, "тридцать": 30, "сорок": 40, "пятьдесят": 50, "шестьдесят": 60, "семьдесят": 70,
    "восемьдесят": 80, "девяносто": 90,
}  # fmt: skip
HUNDREDS: Final = {
    "сто": 100, "двести": 200, "триста": 300, "четыреста": 400, "пятьсот": 500, "шестьсот": 600, "семьсот": 700,
    "восемьсот": 800, "девятьсот": 900,
}  # fmt: skip
TIMES: Final = {"double": 2, "triple": 3, "дважды": 2, "трижды": 3}
LIKE_DIGITS: Final = {"for": "4", "to": "2", "too": "2", "oh": "0", "o": "0", "о": "0", "ate": "8", "won": "1"}
"""What speech recognition writes for digits: they count between two others and nowhere else."""
PLUS: Final = frozenset({"plus", "плюс"})
_BETWEEN: Final = (
    "uh um er eh hmm mhm yes yeah ok okay right and then so а э эм мм м да так ага угу и ну дальше потом затем"
)
FILLERS: Final = frozenset(_BETWEEN.split())
FILLERS_LIMIT: Final = 3

_ONE, _TEEN, _TEN, _HUNDRED, _NOTHING = 1, 2, 3, 4, 9
_RANKED: Final = {
    **{word: (value, _ONE) for word, value in ONES.items()},
    **{word: (value, _TEEN) for word, value in TEENS.items()},
    **{word: (value, _TEN) for word, value in TENS.items()},
    **{word: (value, _HUNDRED) for word, value in HUNDREDS.items()},
}
_JOINED: Final = frozenset({(_TEN, _ONE), (_HUNDRED, _ONE), (_HUNDRED, _TEEN), (_HUNDRED, _TEN)})
"""Which words make one number with those before them, as in "twenty one", and not two, as in "one twenty"."""
_PRICE: Final = r"(?<![\d.,-])\d{1,6}[.,]\d\d(?![.,-]?\d)"
_PIECE: Final = re.compile(rf"{_PRICE}|\d+|[^\W\d_]+")
_BREAKS: Final = re.compile(r"[@:%$€£₽#№=_<>]")
_JOINS: Final = re.compile(r"[\s-]*")


@dataclass(frozen=True, slots=True)
class Token:
    """Digits that belong together, at *start* to *end* of the text; *weak* ones may be a word after all."""

    start: int
    end: int
    digits: str
    weak: bool = False
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Numbers with nothing of weight between them; *plus* stands before them."""

    tokens: Sequence[Token]
    plus: bool

    @property
    def digits(self) -> str:
        return "".join(token.digits for token in self.tokens)

    @property
    def strong(self) -> "Run":
        return Run([token for token in self.tokens if not token.weak], self.plus)


def runs(text: str) -> Iterator[Run]:
    """Yield the runs of numbers in *text*, in their order."""
    scan = _Scan()
    before = 0
    for found in _PIECE.finditer(text.lower().replace("ё", "е") if len(text.lower()) == len(text) else text):
        between = text[before : found.start()]
        before = found.end()
        if _BREAKS.search(between) or "+" in between:
            yield from scan.ended(plus="+" in between)
        yield from scan.heard(found.group(), found.start(), found.end(), between)
    yield from scan.ended()


class _Scan:
    """Puts tokens together, word by word."""

    def __init__(self) -> None:
        self._tokens: list[Token] = []
        self._plus = False
        self._rank = _NOTHING
        self._fillers = 0
        self._times = 1

    def ended(self, *, plus: bool = False) -> Iterator[Run]:
        """Yield the run so far, if there is one, and begin another."""
        while self._tokens and self._tokens[-1].weak:
            self._tokens.pop()
        if self._tokens:
            yield Run(self._tokens, self._plus)
        self._tokens, self._plus, self._rank, self._fillers, self._times = [], plus, _NOTHING, 0, 1

    def heard(self, word: str, start: int, end: int, between: str) -> Iterator[Run]:
        adjacent = self._rank < _NOTHING and not self._fillers and _JOINS.fullmatch(between) is not None
        if word.isdecimal():
            self._add(Token(start, end, _ascii(word)))
        elif ranked := _RANKED.get(word):
            self._spoken(*ranked, start, end, adjacent=adjacent)
        elif word == "hundred" and adjacent and self._rank == _ONE and len(self._tokens[-1].digits) == 1:
            last = self._tokens.pop()
            self._tokens.append(Token(last.start, end, f"{last.digits}00", spoken=True))
            self._rank = _HUNDRED
        elif word in TIMES:
            self._times, self._rank = TIMES[word], _NOTHING
        elif word in PLUS:
            yield from self.ended(plus=True)
        elif word in LIKE_DIGITS and self._tokens:
            self._add(Token(start, end, LIKE_DIGITS[word], weak=True, spoken=True))
        elif word in FILLERS and self._tokens and self._fillers < FILLERS_LIMIT:
            self._fillers += 1
        else:
            yield from self.ended()

    def _spoken(self, value: int, rank: int, start: int, end: int, *, adjacent: bool) -> None:
        if adjacent and value and (self._rank, rank) in _JOINED:
            last = self._tokens.pop()
            self._tokens.append(Token(last.start, end, str(int(last.digits) + value), spoken=True))
        else:
            self._add(Token(start, end, str(value) * self._times, spoken=True))
        self._rank = rank

    def _add(self, token: Token) -> None:
        self._tokens.append(token)
        self._rank, self._fillers, self._times = _NOTHING, 0, 1


def _ascii(digits: str) -> str:
    return str(int(digits)).rjust(len(digits), "0") if not digits.isascii() else digits
