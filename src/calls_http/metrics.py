"""What Prometheus reads."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency, Provide

from calls_http.documentation import TEXT, operation, problems
from calls_http.queries import refuse_unknown_parameters

PATH: Final = "/metrics"

Expose: TypeAlias = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Returns all metrics and their media type, by what the header ``Accept`` says."""


@get(
    PATH,
    operation_class=operation(contents={200: {"text/plain": TEXT, "application/openmetrics-text": TEXT}}),
    responses=problems(),
    response_description="Every metric of this process.",
    summary="Read the metrics",
)
async def get_metrics(request: Request[Any, Any, Any], expose: NamedDependency[Expose]) -> Response[bytes]:
    """For Prometheus, in its text format, or in OpenMetrics where that is asked for."""
    text, media_type = await expose(request.headers.get("accept", ""))
    return Response(text, headers={"content-type": media_type})  # Litestar would name the charset twice


def metrics_router(expose: Expose) -> Router:
    return Router(
        "/",
        route_handlers=[get_metrics],
        dependencies={"expose": Provide(lambda: expose, sync_to_thread=False)},
        before_request=refuse_unknown_parameters,
        tags=["operations"],
    )
