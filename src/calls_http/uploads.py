"""A multipart/form-data body with one file in it, as a stream: nothing is spooled, and fields may follow the file."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from types import TracebackType
from typing import Any, Final, Self

from litestar import Request
from litestar.enums import RequestEncodingType
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)

from calls_core.errors import FieldError, InvalidInput, TooLarge
from calls_http.problems import MalformedBody, UnsupportedMediaType

FILE: Final = "file"
FIELD_LIMIT: Final = 64 * 1024
PARTS_LIMIT: Final = 32
HEADER_LIMIT: Final = 16 * 1024
PREAMBLE_LIMIT: Final = 64 * 1024
OVERHEAD: Final = 4 * 1024**2
"""What a form may weigh besides its file: the parts with their headers."""


class UploadForm:
    """Read it once, from front to back: ``open`` up to the file, then all of ``chunks``, then ``fields`` is complete.

    ``chunks`` does not end before the closing boundary has come, so that an upload that was cut off is never taken for
    a whole one.
    """

    def __init__(
        self, request: Request[Any, Any, Any], accepted: Collection[str] = (), *, digest: bool = False
    ) -> None:
        """Prepare to read; *accepted* names the text fields, each of which may be repeated. With *digest*, ``sha256``
        is that of the file in the end.

        Raises:
            UnsupportedMediaType, MalformedBody: the body is no form, or has no usable boundary.
        """
        media_type, options = request.content_type
        if media_type != RequestEncodingType.MULTI_PART:
            raise UnsupportedMediaType(f"send multipart/form-data with the audio as {FILE!r}")
        self.fields: dict[str, list[str]] = {}
        self._accepted = accepted
        self._digest = hashlib.sha256() if digest else None
        self._size = 0
        self._opened = False
        self._part: Any = None
        self._text = bytearray()
        try:
            self._parser = PushMultipartParser(
                options.get("boundary", ""), max_segment_count=PARTS_LIMIT, max_header_size=HEADER_LIMIT
            )
        except MultipartError as error:
            raise MalformedBody(f"the form has no usable boundary: {error}") from None
        self._pieces = self._read(request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pieces.aclose()

    async def open(self) -> str:
        """Read up to the file and return what the client calls it.

        Raises:
            InvalidInput: there is no file, or a field that is not accepted.
            TooLarge, MalformedBody: the form passes a limit, or is none.
        """
        async for piece in self._pieces:
            if isinstance(piece, str):
                return piece
        raise _refused(FILE, "is missing: send the audio as a file with a name")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file as it comes, then read the fields after it. Raises as ``open``."""
        async for piece in self._pieces:
            if isinstance(piece, bytes):
                if self._digest is not None:
                    self._digest.update(piece)
                yield piece

    @property
    def sha256(self) -> str | None:
        return self._digest.hexdigest() if self._digest is not None else None

    async def _read(self, request: Request[Any, Any, Any]) -> AsyncGenerator[str | bytes, None]:
        """Yield the name of the file and then its bytes; keep the fields."""
        try:
            with self._parser as parser:
                async for chunk in request.stream():
                    for event in parser.parse(chunk):
                        piece = self._taken(event)
                        if piece is not None:
                            yield piece
                    self._size += len(chunk)
                    if self._part is None and self._size > PREAMBLE_LIMIT:
                        raise MalformedBody("the form does not begin with its boundary")
        except ParserLimitReached as error:
            raise TooLarge(f"the form passes a limit: {error}; it may have {PARTS_LIMIT} parts") from None
        except MultipartError as error:
            raise MalformedBody(f"the form is damaged or cut off: {error}") from None

    def _taken(self, event: Any) -> str | bytes | None:  # noqa: ANN401 (the parser is not typed)
        """Take the beginning, a piece or the end (None) of a part; return what belongs to the file."""
        if isinstance(event, MultipartSegment):
            self._part, self._text = event, bytearray()
            self._require_accepted(event)
            filename: str | None = event.filename
            return filename
        if self._part.filename is not None:
            return bytes(event) if event is not None else None
        if event is None:
            self._keep_field()
        elif len(self._text) + len(event) > FIELD_LIMIT:
            raise TooLarge(f"the field {self._part.name!r} may have at most {FIELD_LIMIT} bytes")
        else:
            self._text += event
        return None

    def _require_accepted(self, part: Any) -> None:  # noqa: ANN401
        name = str(part.name)
        if part.filename is not None:
            if name != FILE:
                raise _refused(name, f"must not be a file; send the audio as {FILE!r}")
            if self._opened:
                raise _refused(FILE, "is given twice; a call has one recording")
            self._opened = True
        elif name == FILE:
            raise _refused(FILE, "must be sent as a file, with a file name")
        elif name not in self._accepted:
            known = ", ".join([FILE, *self._accepted])
            raise _refused(name, f"is not a field of this form; accepted are {known}")

    def _keep_field(self) -> None:
        try:
            self.fields.setdefault(str(self._part.name), []).append(self._text.decode())
        except UnicodeDecodeError:
            raise MalformedBody(f"the field {self._part.name!r} is not UTF-8") from None


def _refused(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name}: {why}", [FieldError(f"/{name}", why)])
