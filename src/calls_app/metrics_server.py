"""``/metrics`` at an address of its own, for Prometheus alone."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from dishka import AsyncContainer
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

from calls_app.scrape import Scrape
from calls_app.settings import Settings, SettingsError
from calls_http.metrics import PATH

NOT_FOUND: Final = b"the metrics are at /metrics\n"


@asynccontextmanager
async def metrics_served_as_set(container: AsyncContainer, settings: Settings) -> AsyncIterator[None]:
    """Serve the metrics of this process where the settings say, for as long as the block lasts; or nowhere.

    Raises:
        SettingsError: nothing can listen there.
    """
    if settings.metrics_port is None:
        yield
        return
    scrape = await container.get(Scrape)
    async with metrics_served(scrape, settings.metrics_host, settings.metrics_port):
        yield


@asynccontextmanager
async def metrics_served(scrape: Scrape, host: str, port: int) -> AsyncIterator[None]:
    """Serve the metrics of this process for as long as the block lasts.

    Raises:
        SettingsError: nothing can listen there.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(f"METRICS_PORT: cannot listen on {host} port {port}: {error.strerror or error}") from None
    with listener:
        config = uvicorn.Config(
            _application(scrape),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        # That of asyncio lets SystemExit through as it is, by which uvicorn ends a server that cannot listen.
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            try:
                yield
            finally:
                server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves signals to the process that it is a part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _application(scrape: Scrape) -> ASGI3Application:
    async def answer(scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        found = scope["path"] == PATH and scope["method"] in {"GET", "HEAD"}
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
        text, media_type = await scrape(accept) if found else (NOT_FOUND, "text/plain")
        headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(text)).encode())]
        await send(
            {"type": "http.response.start", "status": 200 if found else 404, "headers": headers, "trailers": False}
        )
        await send({"type": "http.response.body", "body": text, "more_body": False})

    return answer
