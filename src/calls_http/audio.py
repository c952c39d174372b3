"""Listening: the bytes of a recording, whole or in ranges, from whatever storage."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, route
from litestar.enums import HttpMethod
from litestar.params import FromPath, HeaderParameter
from litestar.response.base import ASGIResponse

from calls_core.hearing import Hearing
from calls_core.recording import MEDIA_TYPES, CallId, Recording
from calls_core.use_cases.read_calls import GetRecording
from calls_http.digests import digest_field
from calls_http.documentation import BINARY, operation, problems
from calls_http.filenames import attachment
from calls_http.queries import MediaToken, refuse_unknown_parameters
from calls_http.ranges import matches, wanted_range
from calls_http.streaming import StreamedResponse

Read: TypeAlias = Callable[[int, int], AbstractAsyncContextManager[AsyncIterator[bytes]]]

AUDIO: Final = dict.fromkeys(sorted(set(MEDIA_TYPES.values())), BINARY)
HEADERS: Final = {
    "ETag": "The SHA-256 of the whole recording: a strong tag.",
    "Repr-Digest": "The same as an RFC 9530 field.",
    "Accept-Ranges": "bytes",
    "Content-Disposition": "The file name, as an attachment.",
}


def _operation_id(_handler: object, method: str, _path: object) -> str:
    return f"{method.lower()}_audio"


@route(
    "/calls/{call_id:uuid}/recording/audio",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    operation_id=_operation_id,
    operation_class=operation(
        contents={200: AUDIO, 206: AUDIO, 304: None},
        headers={200: HEADERS, 206: HEADERS | {"Content-Range": "Which bytes of how many."}},
    ),
    responses=problems(404, 416),
    response_description="The audio as it was uploaded.",
    summary="Listen to a recording",
)
async def get_audio(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    find: FromDishka[GetRecording],
    hearing: FromDishka[Hearing],
    range_: Annotated[
        str | None,
        HeaderParameter(name="Range", description="One range of bytes; several are answered with the whole."),
    ] = None,
    if_range: Annotated[str | None, HeaderParameter(name="If-Range", description="The ETag.")] = None,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match", description="The ETag.")] = None,
    media_token: MediaToken = None,  # noqa: ARG001 (the gate has read it)
) -> ASGIResponse:
    recording = await find.audible(CallId(call_id), hearing.of(request.user))
    asked = Asked(request.method, range_, if_range, if_none_match)
    return audio_answer(recording, asked, lambda start, end: find.audio(recording, start, end))


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the audio a client wants, and what it has already."""

    method: str
    range: str | None
    if_range: str | None
    if_none_match: str | None


def audio_answer(recording: Recording, asked: Asked, read: Read) -> ASGIResponse:
    """Answer with the bytes of *recording*, whole or in part."""
    etag = f'"{recording.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Repr-Digest": digest_field(recording.sha256),
        "Accept-Ranges": "bytes",
        "Content-Disposition": attachment(recording.filename),
    }
    if matches(asked.if_none_match, etag):
        return ASGIResponse(status_code=304, headers=headers)
    if asked.method == HttpMethod.HEAD:
        return ASGIResponse(
            headers={**headers, "Content-Length": str(recording.size_bytes), "Content-Type": recording.media_type},
            is_head_response=True,
        )
    part = wanted_range(asked.range, asked.if_range, etag, recording.size_bytes)
    start, end = part or (0, recording.size_bytes)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{recording.size_bytes}"
    return StreamedResponse(
        read(start, end),
        media_type=recording.media_type,
        headers=headers,
        status_code=206 if part else 200,
        content_length=end - start,
    )


audio_router = DishkaRouter(
    "/", route_handlers=[get_audio], before_request=refuse_unknown_parameters, tags=["recordings"]
)
