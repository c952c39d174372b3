"""The feed of events: page by page, or as a stream of Server-Sent Events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, get
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import HeaderParameter, QueryParameter
from litestar.response.base import ASGIResponse

from calls_core.errors import FieldError, InvalidQuery
from calls_core.ports import FeedEntry
from calls_core.use_cases.tell_events import FollowEvents, ReadEvents
from calls_http import wire
from calls_http.documentation import TEXT, operation, problems
from calls_http.queries import refuse_unknown_parameters
from calls_http.streaming import StreamedResponse

EVENTS_LIMIT: Final = 200
STREAMING: Final = "streaming"
"""Where the application state keeps the ``Streaming``."""

MESSAGE: Final = Schema(type=OpenAPIType.OBJECT, properties={"id": TEXT, "event": TEXT, "data": TEXT})
"""*data* is an event as JSON, *id* its cursor and *event* its type."""

_CURSOR: Final = {"pattern": "^[0-9]{1,18}$"}
_DIGITS: Final = 18
"""What a database counts to, and more events than there will ever be."""

Cursor = Annotated[str | None, QueryParameter(description="next_cursor of the page before.", schema_extra=_CURSOR)]


@dataclass(slots=True)
class Streaming:
    """How streams live: a comment every *heartbeat_sec*, so that nobody takes them for dead, and a new connection after
    *lifetime_sec* at the latest. All of them end when the server is *stopping*."""

    heartbeat_sec: float = 15.0
    lifetime_sec: float = 3600.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@get("/events", operation_class=operation(), responses=problems(410), summary="Read events")
async def list_events(
    read: FromDishka[ReadEvents],
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(schema_extra={"minimum": 1, "maximum": EVENTS_LIMIT})] = 100,
) -> wire.EventPage:
    """Every event in one order that never changes, from the first that is kept. What `next_cursor` says goes into
    `after`; `events-forgotten` says that events after it are not kept any more."""
    position = _position("after", after)
    if not 1 <= limit <= EVENTS_LIMIT:
        why = f"must be from 1 to {EVENTS_LIMIT}"
        raise InvalidQuery(f"limit: {why}", [FieldError("/limit", why)])
    if position is None:
        position = await read.first()
    return wire.EventPage.of(await read(position, limit), position)


@get(
    "/events/stream",
    operation_class=operation(contents={200: {"text/event-stream": MESSAGE}}),
    responses=problems(410),
    response_description="Server-Sent Events, until either side hangs up.",
    summary="Follow events",
)
async def stream_events(
    request: Request[Any, Any, Any],
    read: FromDishka[ReadEvents],
    follow: FromDishka[FollowEvents],
    after: Cursor = None,
    last_event_id: Annotated[
        str | None, HeaderParameter(name="Last-Event-ID", description="Goes before `after`.", schema_extra=_CURSOR)
    ] = None,
) -> ASGIResponse:
    """The events of the feed as they come, each with its cursor as `id`: a browser's `EventSource` goes on where it was
    cut off. Without `Last-Event-ID` and `after`, from now on."""
    asked = [_position("Last-Event-ID", last_event_id), _position("after", after)]
    position = next((place for place in asked if place is not None), None)
    if position is None:
        position = await read.latest()
    await read.require_followed(position)
    return StreamedResponse(
        _lent(messages(follow(position), request.app.state[STREAMING])),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},  # nginx would keep events to itself
    )


def _position(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        why = "must be a cursor that this service has given"
        raise InvalidQuery(f"{name}: {why}", [FieldError(f"/{name}", why)])
    return int(text)


async def messages(entries: AsyncIterator[Sequence[FeedEntry]], life: Streaming) -> AsyncGenerator[bytes, None]:
    """Yield the stream, https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    clock = asyncio.get_running_loop().time
    ends = clock() + life.lifetime_sec
    stopped = asyncio.create_task(life.stopping.wait())
    coming = asyncio.ensure_future(anext(entries))
    yield b"retry: 3000\n\n"
    try:
        while (left := ends - clock()) > 0:
            done, _ = await asyncio.wait(
                {coming, stopped}, timeout=min(left, life.heartbeat_sec), return_when=asyncio.FIRST_COMPLETED
            )
            if stopped in done:
                return
            if coming in done:
                text = b"".join(_message(entry) for entry in coming.result())
                coming = asyncio.ensure_future(anext(entries))
                yield text
            else:
                yield b":\n\n"
    finally:
        coming.cancel()
        stopped.cancel()


def _message(entry: FeedEntry) -> bytes:
    shown = wire.Event.of(entry)
    return f"id: {shown.cursor}\nevent: {shown.type}\ndata: ".encode() + msgspec.json.encode(shown) + b"\n\n"


@asynccontextmanager
async def _lent(pieces: AsyncGenerator[bytes, None]) -> AsyncIterator[AsyncIterator[bytes]]:
    try:
        yield pieces
    finally:
        await pieces.aclose()


events_router = DishkaRouter(
    "/", route_handlers=[list_events, stream_events], before_request=refuse_unknown_parameters, tags=["events"]
)
