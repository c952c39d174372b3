"""Digest fields (RFC 9530), of which we speak sha-256."""

import base64
import binascii
import re
from typing import Final

from calls_core.errors import FieldError, InvalidInput

_SHA256: Final = re.compile(r"(?:^|,)\s*sha-256\s*=\s*(?P<value>[^,]*)", re.IGNORECASE)
_LENGTH: Final = 32


def announced_sha256(content_digest: str | None, repr_digest: str | None) -> str | None:
    """Return the SHA-256 that the sender announced, in lower-case hex; None without any. Other algorithms are ignored.

    Raises:
        InvalidInput: a sha-256 is not a byte sequence of 32 bytes, or the two fields differ.
    """
    found = {
        _sha256(name, value)
        for name, value in (("Content-Digest", content_digest), ("Repr-Digest", repr_digest))
        if value is not None
    } - {None}
    if len(found) > 1:
        raise _invalid("Repr-Digest", "differs from Content-Digest, although the body is sent whole and uncoded")
    return found.pop() if found else None


def _sha256(name: str, value: str) -> str | None:
    match = _SHA256.search(value)
    if match is None:
        return None
    text = match["value"].strip()
    try:
        digest = base64.b64decode(text[1:-1], validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _LENGTH or text[0] != ":" or text[-1] != ":":
        raise _invalid(name, "must be sha-256=:BASE64: with 32 bytes in base64")
    return digest.hex()


def _invalid(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name}: {why}", [FieldError(f"/{name}", why)])


def digest_field(sha256: str) -> str:
    """Return the value of ``Repr-Digest`` for a SHA-256 in hex."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
