"""Listening: the bytes of a recording, whole or in ranges, from whatever storage."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from calls_core.formats import MEDIA_TYPES
from calls_core.hearing import Hearing
from calls_core.recording import CallId, Recording
from calls_core.use_cases.read_calls import GetRecording
from calls_http.partial import Asked, Content, IfNoneMatch, IfRange, Range, served
from calls_http.queries import MediaToken, refuse_unknown_parameters

Read: TypeAlias = Callable[[int, int], AbstractAsyncContextManager[AsyncIterator[bytes]]]

AUDIO: Final = tuple(sorted(set(MEDIA_TYPES.values())))


@served(
    "/calls/{call_id:uuid}/recording/audio",
    name="audio",
    media_types=AUDIO,
    refusals=(404, 410),
    summary="Listen to a recording",
    what="The audio as it was uploaded.",
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
