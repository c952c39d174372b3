"""Sentences of calls with something to hide in them, and others that only look so, made by a seeded generator."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from calls_core.findings import Segment, Transcript, Word

_WORDS: Final = """
zero one two three four five six seven eight nine
ноль один два три четыре пять шесть семь восемь девять
десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать
двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто
"""
EN, RU, RU_TEENS, RU_TENS = (line.split() for line in _WORDS.strip().splitlines())
BRANDS: Final = (
    *(("4", 16), ("51", 16), ("2200", 16), ("2202", 16), ("37", 15), ("36", 14), ("62", 16), ("4", 13), ("62", 19)),
)


@dataclass(frozen=True)
class Example:
    """A sentence; *secret* is the part of it that must go, None when there is none."""

    before: str
    secret: str | None
    after: str
    kind: str
    way: str

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.before, self.secret, self.after) if part)


class Speaker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def below(self, limit: int) -> int:
        return self.random.randrange(limit)

    def digits(self, count: int) -> str:
        return "".join(self.random.choice("0123456789") for _ in range(count))

    def card(self, *, valid: bool = True) -> str:
        prefix, length = self.random.choice(BRANDS)
        body = prefix + self.digits(length - len(prefix) - 1)
        check = next(digit for digit in "0123456789" if luhn(body + digit))
        return body + (check if valid else str((int(check) + self.random.randint(1, 9)) % 10))

    def iban(self) -> str:
        country, length = self.random.choice((("DE", 22), ("AT", 20), ("ES", 24), ("NL", 18), ("KZ", 20)))
        bank = "ABNA" if country == "NL" else ""
        body = bank + self.digits(length - 4 - len(bank))
        rest = int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
        return f"{country}{98 - rest:02}{body}"

    def spelled(self, text: str, words: Sequence[str], every: int) -> str:
        """Word by word, with a comma now and then, as speech recognition puts them."""
        said = [words[int(c)] if c.isdigit() else c for c in text]
        last = len(said)
        return " ".join(
            word + ("," if place % every == 0 and place < last else "") for place, word in enumerate(said, 1)
        )

    def in_pairs(self, digits: str) -> str:
        """As Russians dictate: in numbers of two digits."""
        said = []
        for place in range(0, len(digits), 2):
            pair = digits[place : place + 2]
            tens, ones = int(pair[0]), int(pair[-1])
            if len(pair) == 1 or tens == 0:
                said += [RU[int(c)] for c in pair]
            elif tens == 1:
                said.append(RU_TEENS[ones])
            else:
                said += [RU_TENS[tens - 2], *([RU[ones]] if ones else [])]
        return " ".join(said)


def luhn(digits: str) -> bool:
    """Written otherwise than in the plugin, so that one does not only agree with itself."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number // 10 + number % 10
    return total % 10 == 0


def grouped(digits: str, sign: str, size: int = 4) -> str:
    return sign.join(digits[place : place + size] for place in range(0, len(digits), size))


def positives(seed: int, rounds: int) -> Iterator[Example]:
    say = Speaker(seed)
    for _ in range(rounds):
        for way, card in (
            ("plain", say.card()),
            ("spaces", grouped(say.card(), " ")),
            ("dashes", grouped(say.card(), "-")),
            ("sentences", grouped(say.card(), ". ")),
            ("digit by digit", " ".join(say.card())),
            ("English words", say.spelled(say.card(), EN, 4)),
            ("Russian words", say.spelled(say.card(), RU, 4)),
            ("Russian pairs", say.in_pairs(say.card())),
            ("hesitating", say.spelled(say.card(), EN, 4).replace(",", ", uh,")),
        ):
            yield Example("my card is", card, "expires next year", "card", way)
        iban = say.iban()
        yield Example("the account is", iban, "thank you", "iban", "plain")
        yield Example("the account is", grouped(iban, " "), "thank you", "iban", "spaces")
        yield Example("счёт", say.spelled(iban, EN, 4).replace(",", ""), "записали", "iban", "spelled")
        mobile = f"9{say.random.choice('0126')}{say.random.choice('1356')}{say.digits(7)}"
        for way, number in (
            ("international", f"+7 {mobile[:3]} {mobile[3:6]}-{mobile[6:8]}-{mobile[8:]}"),
            ("national", f"8 ({mobile[:3]}) {mobile[3:6]}-{mobile[6:8]}-{mobile[8:]}"),
            ("plain", f"8{mobile}"),
            ("London", f"+44 20 7946 0{say.digits(3)}"),
            ("Russian words", "плюс " + say.spelled(f"7{mobile}", RU, 20)),
            ("English words", say.spelled(f"8{mobile}", EN, 3)),
        ):
            yield Example("call me at the number", number, "after lunch", "phone", way)
        place = say.random.choice(("gmail.com", "mail.ru"))
        host, top = place.split(".")
        for way, address in (
            ("written", f"{say.random.choice(('john', 'm.levy', 'anna_k'))}@{place}"),
            ("English words", f"john dot {say.random.choice(('smith', 'brown'))} at {host} dot com"),
            ("Russian words", f"иван точка петров собака {host} точка {'ру' if top == 'ru' else 'ком'}"),
            ("spelled", f"l e v y at {place}"),
        ):
            yield Example("my e-mail is", address, "okay", "email", way)


def negatives(seed: int, rounds: int) -> Iterator[Example]:
    say = Speaker(seed)
    for _ in range(rounds):
        wrong = say.card(valid=False)
        for way, text in (
            ("wrong check digit", f"reference {wrong} is closed"),
            ("wrong check digit, spaces", f"reference {grouped(wrong, ' ')} is closed"),
            ("wrong check digit, words", f"reference {say.spelled(wrong, EN, 4)} is closed"),
            ("order number", f"your order {say.digits(say.random.choice((6, 8, 9)))} was sent"),
            ("order number in words", f"номер заказа {say.spelled(say.digits(8), RU, 3)} отправлен"),
            ("settlement account", f"счёт 40817{say.digits(15)} открыт"),
            ("wrong account", f"account DE00{say.digits(18)} is unknown"),
            (
                "date",
                f"on {12 + say.below(17)}.0{1 + say.below(9)}.2026 at 1{say.below(9)}:{say.digits(2)}",
            ),
            ("prices", f"{say.below(9999)}.50, {say.below(9999)}.99 and {say.below(99)} in all"),
            ("price in words", "it costs one thousand two hundred and thirty four rubles"),
            ("Russian price", "две тысячи пятьсот двадцать три рубля сорок копеек"),
            ("tracking number", f"parcel RR{say.digits(9)}RU left on Monday"),
            ("address", f"дом {say.below(200)}, квартира {say.below(400)}, индекс {say.digits(6)}"),
            ("years", "from 1998 to 2003 and again from 2010 to 2015"),
            ("site", "look at example dot com or visit us at shop dot example dot ru"),
            ("time", "call back at five or at six thirty, not at seven"),
        ):
            yield Example(text, None, "", "none", way)


def told(example: Example, layout: str) -> Transcript:
    """The sentence as one of the ways in which transcripts tell it."""
    words = example.text.split()
    if layout == "text":
        return Transcript(text=example.text)
    if layout == "segment":
        return Transcript(
            text=example.text, segments=(Segment(start_sec=1.0, end_sec=9.0, text=example.text, channel=0),)
        )
    if layout == "words":
        timed = tuple(
            Word(text=word, start_sec=1 + place / 4, end_sec=1.2 + place / 4) for place, word in enumerate(words)
        )
        segment = Segment(start_sec=1.0, end_sec=timed[-1].end_sec, text=example.text, channel=1, words=timed)
        return Transcript(text=example.text, segments=(segment,))
    pieces = [words[place : place + 4] for place in range(0, len(words), 4)]
    segments: list[Segment] = []
    for place, piece in enumerate(pieces):
        at = place * 3.0
        segments.append(Segment(start_sec=at, end_sec=at + 1.5, text=" ".join(piece), channel=1))
        segments.append(Segment(start_sec=at + 1.6, end_sec=at + 2.4, text="Yes, go on.", channel=0))
    return Transcript(text=" ".join(segment.text for segment in segments), segments=tuple(segments))


LAYOUTS: Final = ("text", "segment", "words", "split")
