"""What requests of tus carry: bytes, perhaps with a checksum, and metadata."""

import base64
import binascii
import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

from litestar import Request

from calls_core.call import CallDetails
from calls_core.errors import FieldError, InvalidInput
from calls_core.recording import CallId
from calls_http.ingest import FIELDS, details_of
from calls_http.problems import ClientGone, ClientTooSlow, HttpRefusal, UnsupportedMediaType

ALGORITHMS: Final = ("sha1", "sha256")
CHUNK_TYPE: Final = "application/offset+octet-stream"

IGNORED: Final = frozenset({"filetype", "name", "relativePath", "type"})
"""Metadata that clients in browsers send by themselves."""


class UnknownChecksum(HttpRefusal):
    """The checksum is none that is known here."""

    status_code = 400
    code = "unknown-checksum"


class ChecksumMismatch(HttpRefusal):
    """The bytes that arrived are not those of the checksum."""

    status_code = 460
    code = "checksum-mismatch"


class Body:
    """The bytes of one request. Without a checksum, those that came before the line broke count too."""

    def __init__(self, request: Request[Any, Any, Any], algorithm: str, digest: bytes) -> None:
        self.has_checksum = bool(algorithm)
        self.broken: Exception | None = None
        self._request = request
        self._hash = hashlib.new(algorithm, usedforsecurity=False) if algorithm else None
        self._expected = digest

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._request.stream()) as stream:
                async for chunk in stream:
                    if self._hash is not None:
                        self._hash.update(chunk)
                    yield chunk
        except (ClientGone, ClientTooSlow) as error:
            if self.has_checksum:
                raise
            self.broken = error
        if self._hash is not None and self._hash.digest() != self._expected:
            raise ChecksumMismatch("the bytes of this request are not those of Upload-Checksum; send them again")


async def body_of(request: Request[Any, Any, Any], checksum: str | None) -> Body:
    if request.content_type[0] != CHUNK_TYPE:
        raise UnsupportedMediaType(f"send the bytes as {CHUNK_TYPE}")
    if checksum is None:
        return Body(request, "", b"")
    algorithm, _, text = checksum.strip().partition(" ")
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if algorithm not in ALGORITHMS or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise UnknownChecksum(
            f"Upload-Checksum: send one of {', '.join(ALGORITHMS)}, a space, and the digest in base64"
        )
    return Body(request, algorithm, digest)


def metadata_in(text: str) -> dict[str, str]:
    """Return the pairs that a client announces; raise ``InvalidInput`` for what is none or not known."""
    told: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition(" ")
        if name in told:
            raise invalid_header(f"Upload-Metadata/{name}", "is given more than once")
        if name not in {"filename", "call_id", *FIELDS, *IGNORED}:
            raise invalid_header(
                f"Upload-Metadata/{name}", f"is not known; known are filename, call_id, {', '.join(FIELDS)}"
            )
        try:
            told[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise invalid_header(f"Upload-Metadata/{name}", "must be UTF-8 in base64") from None
    return {name: value for name, value in told.items() if name not in IGNORED}


def target_of(told: Mapping[str, str]) -> CallId | CallDetails:
    if "call_id" not in told:
        return details_of({name: [value] for name, value in told.items()})
    if len(told) > 1:
        raise invalid_header("Upload-Metadata/call_id", "stands alone: the fields of that call are known")
    try:
        return CallId(UUID(told["call_id"]))
    except ValueError:
        raise invalid_header("Upload-Metadata/call_id", "must be the id of a call") from None


def invalid_header(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name}: {why}", [FieldError(f"/{name}", why)])
