"""Bytes that never change, whole or in ranges."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Final

from litestar import route
from litestar.enums import HttpMethod
from litestar.params import HeaderParameter
from litestar.response.base import ASGIResponse

from calls_http.access import ASKS_NOBODY, OPEN
from calls_http.digests import digest_field
from calls_http.documentation import BINARY, operation, problems
from calls_http.filenames import attachment
from calls_http.ranges import matches, wanted_range
from calls_http.streaming import StreamedResponse

Range = Annotated[
    str | None,
    HeaderParameter(name="Range", description="One range of bytes; several are answered with the whole."),
]
IfRange = Annotated[str | None, HeaderParameter(name="If-Range", description="The ETag.")]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match", description="The ETag.")]

HEADERS: Final = {
    "ETag": "The SHA-256 of the whole file: a strong tag.",
    "Repr-Digest": "The same as an RFC 9530 field.",
    "Accept-Ranges": "bytes",
    "Content-Disposition": "The file name, as an attachment.",
}
PARTIAL: Final = HEADERS | {"Content-Range": "Which bytes of how many."}


def served(
    path: str,
    *,
    name: str,
    media_types: Iterable[str],
    refusals: Iterable[int],
    summary: str,
    what: str,
    is_open: bool = False,
) -> route:
    """Route GET and HEAD of *path* to a handler that answers with ``Content``: the operations ``get_<name>`` and
    ``head_<name>``. *what* is a sentence about the bytes; *is_open* that everybody may have them."""
    contents = dict.fromkeys(media_types, BINARY)
    return route(
        path,
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        status_code=200,
        operation_id=lambda _handler, method, _path: f"{method.lower()}_{name}",
        operation_class=operation(
            contents={200: contents, 206: contents, 304: None}, headers={200: HEADERS, 206: PARTIAL}
        ),
        opt=OPEN if is_open else None,
        security=ASKS_NOBODY if is_open else None,
        responses=problems(416, *refusals, is_open=is_open),
        response_description=what,
        summary=summary,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the bytes a client wants, and what it has already."""

    method: str
    range: str | None
    if_range: str | None
    if_none_match: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is served: *pieces* lends the bytes from its first argument up to and not including its second."""

    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    pieces: Callable[[int, int], AbstractAsyncContextManager[AsyncIterator[bytes]]]

    def answer(self, asked: Asked) -> ASGIResponse:
        etag = f'"{self.sha256}"'
        headers = {
            "ETag": etag,
            "Cache-Control": "private, no-cache",
            "Repr-Digest": digest_field(self.sha256),
            "Accept-Ranges": "bytes",
            "Content-Disposition": attachment(self.filename),
        }
        if matches(asked.if_none_match, etag):
            return ASGIResponse(status_code=304, headers=headers)
        if asked.method == HttpMethod.HEAD:
            return ASGIResponse(
                headers={**headers, "Content-Length": str(self.size_bytes), "Content-Type": self.media_type},
                is_head_response=True,
            )
        part = wanted_range(asked.range, asked.if_range, etag, self.size_bytes)
        start, end = part or (0, self.size_bytes)
        if part:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{self.size_bytes}"
        return StreamedResponse(
            self.pieces(start, end),
            media_type=self.media_type,
            headers=headers,
            status_code=206 if part else 200,
            content_length=end - start,
        )
