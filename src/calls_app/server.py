"""The HTTP server and, on the embedded default, the worker in the same process."""

from asyncio import Transport, get_running_loop
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import socket
from typing import Any, Final, cast

import uvicorn
from dishka import AsyncContainer
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from calls_app.at_work import at_work
from calls_app.checks import PartChecks
from calls_app.scrape import Scrape
from calls_app.settings import Settings, SettingsError
from calls_core.ports import Telemetry
from calls_http.app import lend, litestar_app
from calls_http.events import STREAMING, Streaming
from calls_http.health import HealthChecks

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
SHUTDOWN_SECONDS: Final = 25
GATHERED_BYTES: Final = 64 * 1024


def make_app(container: AsyncContainer, settings: Settings, *, with_worker: bool, fronted: bool = False) -> Litestar:
    """Return the ASGI application; its lifespan runs the worker, if it shall have one, and closes *container*.

    *fronted* says that something in front of it checks who comes, by whatever name they come.

    Call ``startup.prepare`` first.
    """

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(container.close)
            if with_worker:
                await stack.enter_async_context(at_work(container))
            yield

    async def checks() -> HealthChecks:
        parts = await container.get(PartChecks)
        return HealthChecks(parts.for_health(), parts.optional())

    async def metrics(accept: str) -> tuple[bytes, str]:
        return await (await container.get(Scrape))(accept)

    app = litestar_app(
        lifespan=[lifespan],
        health_checks=checks,
        max_upload_bytes=settings.max_upload_bytes,
        max_answer_bytes=settings.ai_max_answer_bytes,
        telemetry=container.get_sync(Telemetry),
        expose_metrics=metrics,
        name=settings.app_name,
        accounts=settings.auth_enabled,
        names=None if fronted else settings.public_names,
    )
    lend(container, app)
    return app


def require_safe_address(host: str, *, accounts: bool, insecure: bool) -> None:
    """Refuse to open an API without accounts to the network.

    Raises:
        SettingsError: *host* is not loopback, there are no *accounts*, and *insecure* was not asked for.
    """
    if host not in LOOPBACK and not accounts and not insecure:
        raise SettingsError(
            f"--host {host}: without accounts everybody on the network could read every call; set AUTH_ENABLED=true, "
            "or listen on 127.0.0.1 behind a proxy that checks who comes, or add --insecure"
        )


class Gathering:
    """A transport that sends what is written in one turn of the loop at once: uvicorn writes the head of an answer and
    its body apart, and each costs a system call and a packet."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever a transport has)
        return getattr(self._transport, name)

    def write(self, piece: bytes) -> None:
        if not piece:
            return
        if not self._pieces:
            get_running_loop().call_soon(self._send)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > GATHERED_BYTES:  # or whoever waits for a slow reader would not be told of it
            self._send()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces and not self._transport.is_closing():  # the client may have gone in this very turn
            # Not writelines: asyncio's never ends with an empty piece, and may tell nobody of a slow reader.
            self._transport.write(b"".join(pieces) if len(pieces) > 1 else pieces[0])


class Protocol(HttpToolsProtocol):
    """uvicorn's, with fewer system calls."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # loops give no less
        super().connection_made(cast(Transport, Gathering(transport)))


class Server(uvicorn.Server):
    """Ends the streams first: they would go on for as long as the server waits for its answers to end."""

    def __init__(self, config: uvicorn.Config, streaming: Streaming) -> None:
        super().__init__(config)
        self._streaming = streaming

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._streaming.stopping.set()
        await super().shutdown(sockets)


def make_server(app: Litestar, host: str, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="on",
        http=Protocol,
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        server_header=False,
    )
    return Server(config, app.state[STREAMING])
