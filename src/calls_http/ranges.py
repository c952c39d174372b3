"""Conditional and partial requests (RFC 9110, 13 and 14), for one strong entity tag."""

import re
from typing import Final

from calls_http.problems import RangeNotSatisfiable

_RANGE: Final = re.compile(r"bytes\s*=\s*(?P<first>\d{0,30})-(?P<last>\d{0,30})\s*", re.IGNORECASE | re.ASCII)


def matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client has what *etag* names (weak comparison)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def wanted_range(header: str | None, if_range: str | None, etag: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last; None for the whole.

    Ranges that cannot be understood, several at once, and those whose ``If-Range`` does not name the present bytes by
    their strong tag, are answered with the whole: the RFC allows that for each of them.

    Raises:
        RangeNotSatisfiable: no byte of *size* lies in the range.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        start, end = max(0, size - int(match["last"])), size
    else:
        start = int(match["first"])
        end = min(size, int(match["last"]) + 1) if match["last"] else size
        if match["last"] and int(match["last"]) < start:
            return None
    if start >= size:
        headers = {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        raise RangeNotSatisfiable(f"the recording has {size} bytes", headers=headers)
    return start, end
