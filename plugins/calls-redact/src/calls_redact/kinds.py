"""What is looked for, and how each of it is known from other numbers and words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import phonenumbers

from calls_redact.emails import emails
from calls_redact.ibans import ibans
from calls_redact.numbers import Run, runs

KINDS: Final = ("card", "iban", "phone", "email")
REGIONS: Final = ("RU",)
"""Where phone numbers without a country code are from; those with one are found wherever they are from."""

_SHORTEST_CARD: Final = 13
_LONGEST_CARD: Final = 19
_PHONE_DIGITS: Final = range(8, 16)
_ISSUERS: Final = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:2(?:0[0-4]|2[1-9]|[3-9]\d)|[3-6]\d\d|7(?:[01]\d|20))\d{12}"  # Visa, Mastercard, Mir
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14}"
)
"""Numbers that an issuer of cards gives out, in its length: to tell one from its neighbours in a longer run."""
_NO_ISSUER: Final = frozenset("017")


@dataclass(frozen=True, slots=True)
class Match:
    """What was found from *start* up to and not including *end*."""

    start: int
    end: int
    kind: str


def found_in(text: str, kinds: Sequence[str], regions: Sequence[str]) -> Iterator[Match]:
    """Yield what of *kinds* there is in *text*. One thing may be found as two kinds."""
    if "card" in kinds:
        yield from (Match(*place, "card") for run in runs(text) if (place := card(run)) is not None)
    if "iban" in kinds:
        yield from (Match(*place, "iban") for place in ibans(text))
    if "email" in kinds:
        yield from (Match(*place, "email") for place in emails(text))
    if "phone" in kinds:
        yield from (Match(*place, "phone") for place in phones(text, regions))


def card(run: Run) -> tuple[int, int] | None:
    """Return where in *run* there is the number of a payment card, up to the end of the run.

    What follows a card number is its date and its code.
    """
    for tokens in dict.fromkeys((tuple(run.tokens), tuple(run.strong.tokens))):
        digits = "".join(token.digits for token in tokens)
        if _SHORTEST_CARD <= len(digits) <= _LONGEST_CARD and digits[0] not in _NO_ISSUER and passes_luhn(digits):
            return tokens[0].start, tokens[-1].end
        for first in range(len(tokens)):
            window = ""
            for token in tokens[first:]:
                window += token.digits
                if _ISSUERS.fullmatch(window) and passes_luhn(window):
                    return tokens[first].start, tokens[-1].end
    return None


def passes_luhn(digits: str) -> bool:
    """Tell whether the check digit is right (ISO/IEC 7812-1, annex B). All the same digit is no number of a card."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    total = sum(int(digit) for digit in digits[-1::-2]) + sum(sum(divmod(each, 10)) for each in doubled)
    return total % 10 == 0 and len(set(digits)) > 1


def phones(text: str, regions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield valid phone numbers: written ones as libphonenumber finds them, and dictated ones."""
    for region in (None, *regions):
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            yield match.start, match.end
    for run in runs(text):
        for tokens in dict.fromkeys((tuple(run.tokens), tuple(run.strong.tokens))):
            yield from _phone(Run(tokens, run.plus), regions)


def _phone(run: Run, regions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the whole run if it is a phone number; after a plus, also the longest beginning of it that is one."""
    for count in range(len(run.tokens), 0, -1) if run.plus else (len(run.tokens),):
        digits = "".join(token.digits for token in run.tokens[:count])
        if len(digits) not in _PHONE_DIGITS:
            continue
        asked: Mapping[str | None, str] = {None: f"+{digits}"} if run.plus else dict.fromkeys(regions, digits)
        if any(_is_valid(number, region) for region, number in asked.items()):
            yield run.tokens[0].start, run.tokens[count - 1].end
            return


def _is_valid(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
