"""Which pieces many keys have in common."""

from collections import Counter
from collections.abc import Sequence

from calls_core.search import MIN_QUERY, PARTY_SEPARATOR


def frequent_pieces(keys: Sequence[str], at_least: int, longest: int) -> dict[str, int]:
    """Return every piece, of up to *longest* characters, that *at_least* so many keys have, and how many have it.

    Those that no query can be, too short ones and those over the separator, are left out. A piece is frequent only if
    both pieces that are one shorter are (Agrawal, Srikant: Fast Algorithms for Mining Association Rules, 1994), so
    that the rare ones, which are nearly all, are never put together.
    """
    found: dict[str, int] = {}
    places = [(key, set(range(len(key)))) for key in keys]
    for size in range(MIN_QUERY, longest + 1):
        counts: Counter[str] = Counter()
        for key, starts in places:
            counts.update({key[start : start + size] for start in starts if start + size <= len(key)})
        frequent = {
            piece: count for piece, count in counts.items() if count >= at_least and PARTY_SEPARATOR not in piece
        }
        found |= frequent
        left = []
        for key, starts in places:
            here = {start for start in starts if key[start : start + size] in frequent}
            if longer := {start for start in here if start + 1 in here}:
                left.append((key, longer))
        places = left
    return found
