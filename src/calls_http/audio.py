"""Listening: the bytes of a recording, whole or in ranges, from whatever storage."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, route
from litestar.enums import HttpMethod
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from calls_core.hearing import Hearing
from calls_core.recording import MEDIA_TYPES, CallId, Recording
from calls_core.use_cases.read_calls import GetRecording
from calls_http.documentation import BINARY, operation, problems
from calls_http.partial import HEADERS, PARTIAL, Asked, Content, IfNoneMatch, IfRange, Range
from calls_http.queries import MediaToken, refuse_unknown_parameters

Read: TypeAlias = Callable[[int, int], AbstractAsyncContextManager[AsyncIterator[bytes]]]

AUDIO: Final = dict.fromkeys(sorted(set(MEDIA_TYPES.values())), BINARY)


def _operation_id(_handler: object, method: str, _path: object) -> str:
    return f"{method.lower()}_audio"


@route(
    "/calls/{call_id:uuid}/recording/audio",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    operation_id=_operation_id,
    operation_class=operation(
        contents={200: AUDIO, 206: AUDIO, 304: None},
        headers={200: HEADERS, 206: PARTIAL},
    ),
    responses=problems(404, 410, 416),
    response_description="The audio as it was uploaded.",
    summary="Listen to a recording",
)
async def get_audio(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    find: FromDishka[GetRecording],
    hearing: FromDishka[Hearing],
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
    media_token: MediaToken = None,  # noqa: ARG001 (the gate has read it)
) -> ASGIResponse:
    recording = await find.audible(CallId(call_id), hearing.of(request.user))
    asked = Asked(request.method, range_, if_range, if_none_match)
    return audio_answer(recording, asked, lambda start, end: find.audio(recording, start, end))


def audio_answer(recording: Recording, asked: Asked, read: Read) -> ASGIResponse:
    """Answer with the bytes of *recording*, whole or in part."""
    return Content(
        filename=recording.filename,
        media_type=recording.media_type,
        size_bytes=recording.size_bytes,
        sha256=recording.sha256,
        pieces=read,
    ).answer(asked)


audio_router = DishkaRouter(
    "/", route_handlers=[get_audio], before_request=refuse_unknown_parameters, tags=["recordings"]
)
