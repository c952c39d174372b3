"""The Litestar application, to which the composition root adds the container."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from dishka import AsyncContainer
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import Receive, Scope, Send

from calls_core.ports import Telemetry
from calls_http.access import Gate
from calls_http.accounts import accounts_router
from calls_http.ai import ai_router
from calls_http.audio import audio_router
from calls_http.auth import auth_router
from calls_http.bodies import PACE, Pace, PacedRequest
from calls_http.calls import calls_router
from calls_http.deliveries import deliveries_router
from calls_http.docs_pages import docs_router, openapi_config
from calls_http.documentation import StrictInputs
from calls_http.edge import Edge, Lingering
from calls_http.events import STREAMING, Streaming, events_router
from calls_http.export import export_router
from calls_http.exports import exports_router
from calls_http.governance import governance_router
from calls_http.health import HealthChecks, health_router
from calls_http.ingest import ingest_router
from calls_http.metrics import Expose, metrics_router
from calls_http.page import page_folder, page_router
from calls_http.problems import EXCEPTION_HANDLERS
from calls_http.recordings import recordings_router, uploads_router
from calls_http.transcripts import transcripts_router
from calls_http.tus import tus_router
from calls_http.uploads import OVERHEAD
from calls_http.vcon import vcon_router
from calls_http.webhooks import webhooks_router

JSON_LIMIT: Final = 1024**2


def litestar_app(
    *,
    health_checks: Callable[[], Awaitable[HealthChecks]],
    max_upload_bytes: int,
    max_answer_bytes: int = 8 << 20,
    telemetry: Telemetry,
    expose_metrics: Expose,
    lifespan: Sequence[Callable[[Litestar], AbstractAsyncContextManager[None]]] = (),
    name: str = "Calls",
    accounts: bool = False,
    names: frozenset[str] | None = frozenset(),
    pace: Pace | None = None,
    lingering: Lingering | None = None,
    streaming: Streaming | None = None,
    page: Path | None = None,
) -> Litestar:
    """Return the application without its container: call ``lend(container, app)`` on it.

    The container must provide every use case that the routes ask for, in application scope. *max_upload_bytes* should
    be that of ``UploadLimits``: bodies that declare more are refused before a byte is read. *page* is the folder of the
    built web page, if it is not the package's own. *names* is as ``require_own_site`` takes it.
    """
    gate = Gate(names)
    app = _Application(
        route_handlers=[
            calls_router,
            export_router,
            exports_router,
            governance_router,
            events_router,
            webhooks_router,
            deliveries_router,
            recordings_router,
            transcripts_router,
            vcon_router,
            audio_router,
            ai_router(max_answer_bytes),
            Router(
                "/",
                route_handlers=[uploads_router, ingest_router, tus_router],
                request_max_body_size=max_upload_bytes + OVERHEAD,
            ),
            auth_router,
            accounts_router,
            health_router(health_checks),
            metrics_router(expose_metrics),
            docs_router,
            page_router(page or page_folder()),
        ],
        debug=False,
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=list(lifespan),
        logging_config=None,
        middleware=[gate],
        openapi_config=openapi_config(name, accounts=accounts),
        plugins=[StrictInputs()],
        request_class=PacedRequest,
        request_max_body_size=JSON_LIMIT,
        state=State({PACE: pace or Pace(), STREAMING: streaming or Streaming()}),
    )
    gate.require_a_rule_for_each(app)
    app.asgi_handler = Edge(app.asgi_handler, lingering or Lingering(), telemetry)
    return app


def lend(container: AsyncContainer, app: Litestar) -> None:
    """Let routes ask *container* itself: nothing in it is made for one request, as dishka's own middleware takes it."""
    app.state.dishka_container = container
    inner = app.asgi_handler

    async def lending(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["dishka_container"] = container
        await inner(scope, receive, send)

    app.asgi_handler = lending


class _Application(Litestar):
    """Litestar without its plugins for Pydantic, which comes along with taskiq, and attrs: nothing here is made of
    either, and to load them takes as long as all of our routes."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]
