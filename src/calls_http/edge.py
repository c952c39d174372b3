"""The outermost layer: request ids, the access log, telemetry, and answers that reach clients still sending."""

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import quote
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from calls_core.errors import CallsError
from calls_core.ports import Telemetry

SANE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
SMALL_BODY: Final = 64 * 1024
QUIET: Final = ("/health/", "/metrics")
"""Asked by machines, all the time: logged on DEBUG, and not traced."""

_log = logging.getLogger("calls.http")


@dataclass(frozen=True, slots=True)
class Lingering:
    """How much of a body nobody wants is still read and dropped, so that its sender gets to read the answer.

    A connection that is closed while bytes of the client are on their way is reset, and the answer with it. The answer
    goes out first, and the connection is closed when the client has finished, or at one of these limits.
    """

    max_bytes: int = 8 * 1024**2
    max_sec: float = 5.0


class Edge:
    """Wraps the whole application, so that unknown routes are covered too."""

    def __init__(self, app: ASGIApp, lingering: Lingering, telemetry: Telemetry) -> None:
        self._app = app
        self._lingering = lingering
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        offered = headers.get(b"x-request-id", b"")
        request_id = offered if SANE_REQUEST_ID.fullmatch(offered) else uuid4().hex.encode()
        exchange = _Exchange(receive, send, headers, request_id, self._lingering)
        began = time.perf_counter()
        quiet = scope["path"].startswith(QUIET)
        parent = headers.get(b"traceparent", b"").decode("latin-1") or None
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id.decode()),
            self._telemetry.request(str(scope["method"]), parent, traced=not quiet) as told,
        ):
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except Exception as error:
                if not exchange.status:
                    raise
                _log_broken_off(error)
            finally:
                told.answered(scope.get("path_template"), exchange.status or 500)
            path = quote(scope["path"])  # not the query, which names people
            _log.log(
                logging.DEBUG if quiet else logging.INFO,
                "%s %s %d",
                scope.get("method"),
                path,
                exchange.status,
                extra={"duration_ms": round((time.perf_counter() - began) * 1000, 1)},
            )


@dataclass(slots=True)
class _Exchange:
    """One request and its answer, as they pass by."""

    _receive: Receive
    _send: Send
    headers: dict[bytes, bytes]
    request_id: bytes
    lingering: Lingering
    status: int = 0
    _touched: bool = False
    _body_ended: bool = field(init=False)
    _lingers: bool = False

    def __post_init__(self) -> None:
        has_body = self._declared_length() > 0 or b"transfer-encoding" in self.headers
        self._body_ended = not has_body

    async def receive(self) -> HTTPReceiveMessage:
        message = cast("HTTPReceiveMessage", await self._receive())
        self._touched = True
        if message["type"] == "http.disconnect" or not message["more_body"]:
            self._body_ended = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._lingers and message["type"] == "http.response.body" and not message.get("more_body", False):
            self._lingers = False
            await self._send({"type": "http.response.body", "body": message.get("body", b""), "more_body": True})
            await self._drop_rest(self.lingering.max_bytes, self.lingering.max_sec)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        assert message["type"] == "http.response.start"  # noqa: S101 (for the type checker)
        self.status = message["status"]
        headers = [*message["headers"], (b"x-request-id", self.request_id), (b"x-content-type-options", b"nosniff")]
        if self._body_ended:
            await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
            return
        waits_for_leave = self.headers.get(b"expect", b"").lower() == b"100-continue" and not self._touched
        will_come = not waits_for_leave and self.status != HTTPStatus.REQUEST_TIMEOUT
        if will_come and 0 < self._declared_length() <= SMALL_BODY:
            await self._drop_rest(SMALL_BODY, 1.0)
        if not self._body_ended:
            headers = [(name, value) for name, value in headers if name.lower() != b"connection"]
            headers.append((b"connection", b"close"))
            self._lingers = will_come
        await self._send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def _drop_rest(self, max_bytes: int, max_sec: float) -> None:
        dropped = 0
        try:
            async with asyncio.timeout(max_sec):
                while not self._body_ended and dropped <= max_bytes:
                    message = await self.receive()
                    dropped += len(message["body"]) if message["type"] == "http.request" else 0
        except TimeoutError:
            return

    def _declared_length(self) -> int:
        declared = self.headers.get(b"content-length", b"0")
        return int(declared) if declared.isdigit() and len(declared) < 20 else 0  # noqa: PLR2004 (64 bits)


def _log_broken_off(error: Exception) -> None:
    """Log an error after which the answer cannot be finished: the server then closes the connection in the middle."""
    cause = error.__cause__
    if isinstance(cause, CallsError):
        _log.error("answer broken off: %s: %s", cause.code, cause)
    else:
        _log.error("answer broken off", exc_info=error)
