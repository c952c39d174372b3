"""Reading request bodies: at a bearable pace, and JSON strictly."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import msgspec
from litestar import Request
from litestar.types import HTTPReceiveMessage

from calls_core.errors import FieldError, InvalidInput, TooLarge
from calls_http.problems import ClientGone, ClientTooSlow, MalformedBody, UnsupportedMediaType

PACE: Final = "pace"
"""Where the application state keeps the ``Pace``."""

_AT: Final = re.compile(r" - at (?:`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_PATH_PART: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]")
_FIELD: Final = re.compile(r"(?:required|unknown) field `(?P<name>.*)`", re.DOTALL)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly a client may send: never silent for longer than *silence_sec* and, after *grace_sec* of waiting for
    it, at least *bytes_per_sec* on the mean. Only time spent waiting for the client counts."""

    silence_sec: float = 30.0
    grace_sec: float = 30.0
    bytes_per_sec: float = 1024.0


class PacedRequest(Request[Any, Any, Any]):
    """Litestar's request, whose body must keep pace and whose JSON is decoded strictly into the handler's ``data``."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as the server hands it over.

        Raises:
            ClientTooSlow: it does not keep pace.
            ClientGone: the client hung up before the end.
            TooLarge: it is longer than the route takes; at once if its length was declared.
            UnsupportedMediaType: it is compressed.
        """
        coding = self.headers.get("content-encoding", "identity")
        if coding != "identity":
            raise UnsupportedMediaType(f"send the body as it is, without Content-Encoding: {coding}")
        self._require_taken(self.content_length or 0)
        pace: Pace = self.app.state[PACE]
        clock = asyncio.get_running_loop().time
        waited, received, more = 0.0, 0, True
        while more:
            asked = clock()
            try:
                async with asyncio.timeout(pace.silence_sec):
                    message = cast(HTTPReceiveMessage, await self.receive())
            except TimeoutError:
                raise ClientTooSlow(f"nothing came for {pace.silence_sec:g} seconds; send it again") from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk, more = message["body"], message["more_body"]
            waited += clock() - asked
            received += len(chunk)
            self._require_taken(received)
            if waited > pace.grace_sec and received < waited * pace.bytes_per_sec:
                raise ClientTooSlow(f"fewer than {pace.bytes_per_sec:g} bytes came per second; send it again")
            if chunk:
                yield chunk

    def _require_taken(self, size_bytes: int) -> None:
        limit = self.route_handler.resolve_request_max_body_size()
        if limit is not None and size_bytes > limit:
            raise TooLarge(f"the body may have at most {limit} bytes here")

    async def json(self) -> Any:  # noqa: ANN401 (the handler's own type)
        """Return the body as what the handler's parameter ``data`` is annotated with."""
        media_type = self.content_type[0]
        if media_type and not is_json(media_type):
            raise UnsupportedMediaType(f"send application/json, not {media_type}")
        field = self.route_handler.parsed_data_field
        return decoded_json(await self.body(), field.annotation if field else Any)


def is_json(media_type: str) -> bool:
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def decoded_json(text: bytes, wanted: type[T]) -> T:
    """Decode one JSON document.

    Raises:
        MalformedBody: it is not JSON, or nested too deeply.
        InvalidInput: it is not a *wanted*.
    """
    try:
        return msgspec.json.decode(text, type=wanted)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"not JSON in UTF-8: {error}") from None
    except RecursionError:
        raise MalformedBody("the JSON is nested too deeply") from None


def converted(value: object, wanted: type[T]) -> T:
    """Return decoded data as a *wanted*; raise ``InvalidInput`` when it is not."""
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None


def _invalid(message: str) -> InvalidInput:
    at = _AT.search(message)
    sentence = message[: at.start()] if at else message
    parts = [part["name"] or part["index"] for part in _PATH_PART.finditer(at["path"] if at else "")]
    if field := _FIELD.search(sentence):
        parts.append(field["name"])
    pointer = _pointer(parts)
    return InvalidInput(f"{pointer or 'the body'}: {sentence}", [FieldError(pointer, sentence)])


def _pointer(parts: Sequence[str]) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)
