"""What an asynchronous AI service is given addresses of: the audio, and where to bring its answer."""

from typing import Annotated, Any
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, Router, post
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, QueryParameter
from litestar.response.base import ASGIResponse

from calls_core.recording import CallId
from calls_core.use_cases.link_outside import LinkOutside, TakeAnswer
from calls_http.access import ASKS_NOBODY, OPEN
from calls_http.audio import AUDIO, audio_answer
from calls_http.callbacks import CallbackGuard
from calls_http.documentation import READS_BODY, operation, problems
from calls_http.partial import Asked, IfNoneMatch, IfRange, Range, served
from calls_http.queries import refuse_unknown_parameters

ANSWER = Schema(type=OpenAPIType.OBJECT)


@served(
    "/audio/{call_id:uuid}",
    name="audio_for_ai",
    media_types=AUDIO,
    refusals=(404,),
    summary="Fetch audio by an address that was given out",
    what="The audio as it was uploaded.",
    is_open=True,
)
async def get_audio_for_ai(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    link: FromDishka[LinkOutside],
    expires: Annotated[int, QueryParameter(ge=0, le=1 << 40, description="Part of the address.")],
    seal: Annotated[str, QueryParameter(max_length=100, description="Part of the address.")],
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> ASGIResponse:
    """For the AI service, which is given this address with the order. It is good for `AI_LINK_SEC`."""
    recording = await link.audio(CallId(call_id), expires, seal)
    asked = Asked(request.method, range_, if_range, if_none_match)
    return audio_answer(recording, asked, lambda start, end: link.content(recording, start, end))


@post(
    "/callbacks/{call_id:uuid}/{key:str}/{seal:str}",
    status_code=204,
    operation_class=operation(body={"application/json": ANSWER}),
    opt=OPEN,
    security=ASKS_NOBODY,
    responses=problems(401, 404, *READS_BODY, is_open=True),
    response_description="The answer is kept, or nobody waits for it any more.",
    summary="Bring the answer of an AI service",
)
async def take_answer(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    key: FromPath[str],
    seal: FromPath[str],
    take: FromDishka[TakeAnswer],
    guard: FromDishka[CallbackGuard],
) -> Response[None]:
    """For the AI service, which is given this address with the order. Sending an answer twice is harmless."""
    take.require_known(CallId(call_id), key, seal)
    body = await request.body()
    guard.require_allowed(request.headers, body)
    await take(CallId(call_id), key, body)
    return Response(None, status_code=204)


def ai_router(max_answer_bytes: int) -> Router:
    return DishkaRouter(
        "/ai",
        route_handlers=[get_audio_for_ai, take_answer],
        before_request=refuse_unknown_parameters,
        request_max_body_size=max_answer_bytes,
        tags=["ai"],
    )
