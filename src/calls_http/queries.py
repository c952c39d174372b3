"""Query parameters: the filters that list, export and statistics share, and no others than the documented ones."""

import re
from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response
from litestar.di import Provide
from litestar.enums import HttpMethod, ParamType
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, ParameterKwarg, QueryParameter
from litestar.routes import HTTPRoute

from calls_core.call import CallStatus
from calls_core.errors import FieldError, InvalidQuery
from calls_core.search import DURATION_LIMIT, MIN_QUERY, PAGE_LIMIT, CallFilter, Cursor, Order, PageRequest

MediaToken = Annotated[
    str | None,
    QueryParameter(name="token", description="From POST /auth/media-token, where no header can be sent."),
]
"""For the operations that ``access.toml`` calls linked; the gate has looked at it before."""

TIME: Final = {"format": "date-time"}
_ZONE_AFTER_SPACE: Final = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")

QueryText = Annotated[
    str | None,
    QueryParameter(
        name="query",  # of the parameter; Litestar keeps that name of an argument for itself
        description="A piece of caller or receiver; spaces, dashes and brackets do not matter.",
        schema_extra={"min_length": MIN_QUERY},
    ),
]
SpokenText = Annotated[
    str | None,
    QueryParameter(
        description="Words of the transcript, in any of their Russian or English forms. All of them must have been "
        'said; "those in quotes", one after the other; none of -those with a minus in front.',
        schema_extra={"min_length": 1},
    ),
]
StartedFrom = Annotated[str | None, QueryParameter(description="Calls that started then or later.", schema_extra=TIME)]
StartedUntil = Annotated[str | None, QueryParameter(description="Calls that started before.", schema_extra=TIME)]
Seconds = Annotated[
    float | None, QueryParameter(schema_extra={"minimum": 0, "maximum": DURATION_LIMIT}, description="Seconds.")
]


def call_filter(  # noqa: PLR0917 (one per parameter of the API)
    party: QueryText = None,
    status: FromQuery[CallStatus | None] = None,
    started_from: StartedFrom = None,
    started_until: StartedUntil = None,
    tag: FromQuery[str | None] = None,
    agent: FromQuery[str | None] = None,
    text: SpokenText = None,
    min_duration: Seconds = None,
    max_duration: Seconds = None,
) -> CallFilter:
    return CallFilter.checked(
        query=party,
        status=status,
        started_from=moment("started_from", started_from),
        started_until=moment("started_until", started_until),
        tag=tag,
        agent=agent,
        text=text,
        min_duration=min_duration,
        max_duration=max_duration,
    )


def period(started_from: StartedFrom = None, started_until: StartedUntil = None) -> CallFilter:
    return CallFilter.checked(
        started_from=moment("started_from", started_from), started_until=moment("started_until", started_until)
    )


def page_request(
    limit: Annotated[int, QueryParameter(schema_extra={"minimum": 1, "maximum": PAGE_LIMIT})] = 50,
    offset: Annotated[int, QueryParameter(schema_extra={"minimum": 0, "maximum": 2**31 - 1})] = 0,
    cursor: Annotated[str | None, QueryParameter(description="next_cursor of the page before, unchanged.")] = None,
    order: FromQuery[Order] = Order.NEWEST,
    count: Annotated[
        Literal["exact"] | None, QueryParameter(description="Count all calls that fit, however many there are.")
    ] = None,
) -> PageRequest:
    return PageRequest(
        limit=limit,
        offset=offset,
        cursor=Cursor.decoded(cursor) if cursor is not None else None,
        order=order,
        exact_count=count is not None,
    )


FILTERED: Final = {"wanted": Provide(call_filter, sync_to_thread=False)}
PAGED: Final = {"page": Provide(page_request, sync_to_thread=False)}
WITHIN: Final = {"wanted": Provide(period, sync_to_thread=False)}


def moment(name: str, text: str | None) -> datetime | None:
    """Return a time as RFC 3339 writes it; a space stands for the plus that was not encoded.

    Raises:
        InvalidQuery: it is not such a time.
    """
    if text is None:
        return None
    try:
        return msgspec.convert(_ZONE_AFTER_SPACE.sub("+", text), datetime)
    except msgspec.ValidationError:
        why = "must be a time with an offset, such as 2026-11-22T09:30:00Z"
        raise InvalidQuery(f"{name}: {why}", [FieldError(f"/{name}", why)]) from None


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Refuse parameters that are not documented, which are typing errors more often than not, and doubled ones.

    OPTIONS is answered here, because Litestar's own answer knows only the first handler of a path.
    """
    if request.method == HttpMethod.OPTIONS:
        return Response(None, status_code=204, headers={"Allow": ", ".join(_methods(request))})
    if not request.scope["query_string"]:
        return None
    accepted = _accepted(request.route_handler)
    errors = []
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in accepted:
            known = f"accepted are {', '.join(sorted(accepted))}" if accepted else "none is accepted here"
            errors.append(FieldError(f"/{name}", f"is not a parameter of this request; {known}"))
        elif times > 1:
            errors.append(FieldError(f"/{name}", "is given more than once"))
    if errors:
        raise InvalidQuery("; ".join(f"{e.pointer[1:]}: {e.detail}" for e in errors), errors)
    return None


def _methods(request: Request[Any, Any, Any]) -> list[str]:
    handlers = next(
        route.route_handlers
        for route in request.app.routes
        if isinstance(route, HTTPRoute) and request.route_handler in route.route_handlers
    )
    return sorted({method for handler in handlers for method in handler.http_methods})


@lru_cache(maxsize=256)
def _accepted(handler: BaseRouteHandler) -> frozenset[str]:
    dependencies = handler.resolve_dependencies()
    signatures = [handler.parsed_fn_signature, *(provider.parsed_fn_signature for provider in dependencies.values())]
    return frozenset(
        definition.kwarg_definition.name or name
        for signature in signatures
        for name, definition in signature.parameters.items()
        if name not in dependencies
        and isinstance(definition.kwarg_definition, ParameterKwarg)
        and definition.kwarg_definition.param_type is ParamType.QUERY
    )
