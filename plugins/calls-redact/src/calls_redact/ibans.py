"""International bank account numbers (ISO 13616), written or spelled out."""

import re
from collections.abc import Iterator
from typing import Final

from calls_redact.numbers import ONES

_TABLE: Final = """
AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 DK:18 DO:28
EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26
IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28
NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25
SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30
"""
_LENGTHS: Final = {country: int(length) for country, length in (entry.split(":") for entry in _TABLE.split())}
"""How long the account numbers of each country are."""
_PIECE: Final = re.compile(r"[A-Za-z0-9]+|[^\W\d_]+")
_LETTERS: Final = re.compile(r"[A-Z]{1,4}|[A-Z]*\d[A-Z0-9]*")
_LONGEST: Final = 34


def ibans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where an account number stands whose check digits are right."""
    pieces = [(found.start(), found.end(), _characters(found.group())) for found in _PIECE.finditer(text)]
    done = 0
    for first, (start, _, characters) in enumerate(pieces):
        if start < done or not characters[:1].isalpha():
            continue
        whole = ""
        for _, end, more in pieces[first:]:
            whole += more
            if not more or len(whole) > _LONGEST:
                break
            if _LENGTHS.get(whole[:2]) == len(whole) and is_iban(whole):
                yield start, end
                done = end
                break


def is_iban(characters: str) -> bool:
    """Tell whether the check digits are right (ISO/IEC 7064, MOD 97-10)."""
    moved = characters[4:] + characters[:4]
    return characters[2:4].isdecimal() and int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _characters(word: str) -> str:
    """Return what a word stands for in an account number; nothing for one that cannot."""
    if (digit := ONES.get(word.lower())) is not None:
        return str(digit)
    upper = word.upper()
    return upper if upper.isascii() and _LETTERS.fullmatch(upper) else ""
