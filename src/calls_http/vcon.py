"""A call with all that is known of it in one document, for other systems that handle conversations."""

from typing import Any, Final
from uuid import UUID

import msgspec
from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, get
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath

from calls_core.errors import RecordingNotFound
from calls_core.hearing import Hearing
from calls_core.recording import CallId
from calls_core.use_cases.read_calls import GetCall, GetRecording
from calls_http import wire
from calls_http.documentation import operation, problems
from calls_http.queries import refuse_unknown_parameters

MEDIA_TYPE: Final = "application/vcon"


@get(
    "/calls/{call_id:uuid}/vcon",
    operation_class=operation(contents={200: {MEDIA_TYPE: Schema(type=OpenAPIType.OBJECT)}}),
    responses=problems(404),
    response_description="The call as a vCon of draft-ietf-vcon-vcon-core, unsigned, in syntax 0.4.0.",
    summary="Get a call as a vCon",
)
async def get_vcon(
    call_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    get_call: FromDishka[GetCall],
    find: FromDishka[GetRecording],
    hearing: FromDishka[Hearing],
) -> Response[bytes]:
    """Parties, what was found, and where the recording is, with the SHA-512 by which it is known for the same. That is
    computed by reading all of the audio."""
    key, hears = CallId(call_id), hearing.of(request.user)
    call = await get_call(key, hears)
    url = f"{str(request.base_url).rstrip('/')}/calls/{call_id}/recording/audio"
    try:
        recording = await find.audible(key, hears)
        shown = wire.Vcon.of(call, recording, url, await find.sha512(recording))
    except RecordingNotFound:
        shown = wire.Vcon.of(call, None, url, b"")
    return Response(msgspec.json.encode(shown), media_type=MEDIA_TYPE)


vcon_router = DishkaRouter("/", route_handlers=[get_vcon], before_request=refuse_unknown_parameters, tags=["calls"])
