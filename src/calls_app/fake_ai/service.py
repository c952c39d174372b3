"""The service: HTTP by hand, because a library would not let it misbehave."""

import asyncio
import io
from collections import Counter, defaultdict, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
import multipart  # type: ignore[import-untyped]

from calls_app.fake_ai.errands import Errands
from calls_app.fake_ai.script import JSON, Behaviour
from calls_app.fake_ai.speech import NotWav, transcribed

MAX_BODY: Final = 25 * 1024 * 1024 + 64 * 1024
"""OpenAI's limit, and room for the form around it."""
LINGER_SEC: Final = 1.0
_HEAD_LIMIT: Final = 64 * 1024
_FILLING: Final = b" " * 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    target: str
    method: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class FakeAi:
    """Does what *script* says to one request after the other, and what it should when the script has ended.

    With *key*, requests must carry it. It honours idempotency keys: what was made once is told again and not paid
    again; *forgetful* services do not. *requests* counts those for transcripts, *paid* the transcripts made by
    idempotency key.
    """

    script: Sequence[Behaviour] = ()
    key: str = ""
    forgetful: bool = False
    polls: Sequence[Behaviour] = ()
    errands: Errands = field(default_factory=Errands)
    requests: int = 0
    polled: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)
    paid_sec: float = 0.0
    sent_bytes: int = 0
    _ahead: deque[Behaviour] = field(default_factory=deque)
    _made: dict[str, bytes] = field(default_factory=dict)
    _one_by_one: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _polls_ahead: deque[Behaviour] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._ahead.extend(self.script)
        self._polls_ahead.extend(self.polls)

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
        """Serve in the background of the block; lend the address that ``AI_BASE_URL`` takes."""
        tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._converse(reader, writer))
            tasks[task] = writer
            task.add_done_callback(tasks.pop)

        server = await asyncio.start_server(connected, host, port, limit=_HEAD_LIMIT)
        try:
            yield f"http://{host}:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()
            for task, writer in tasks.items():
                task.cancel()
                writer.transport.abort()  # a task that has not begun yet cannot
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.errands.stop()
            await server.wait_closed()

    @property
    def stats(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "paid": sum(self.paid.values()),
            "paid_twice": sum(times > 1 for times in self.paid.values()),
            "paid_sec": round(self.paid_sec, 3),
            "scripted": len(self._ahead),
            "polled": self.polled,
            "callbacks": list(self.errands.answered),
            "fetched": list(self.errands.fetched),
        }

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            while await self._answer(_request(await reader.readuntil(b"\r\n\r\n")), reader, writer):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection can be used again."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and given != self.key and request.target != "/stats":
            await self._send(writer, _error(401, f"Incorrect API key provided: {given}"))
            await _linger(reader)
            return False
        match request.method, request.target:
            case "POST", "/v1/audio/transcriptions":
                return await self._transcribe(request, reader, writer)
            case "POST", "/v1/jobs":
                return await self._transcribe(request, reader, writer)
            case "GET", target if target.startswith("/v1/jobs/"):
                return await self._tell(target.rpartition("/")[2], reader, writer)
            case "GET", "/stats":
                told = Behaviour(body=msgspec.json.encode(self.stats))
            case "GET", "/v1/models":
                told = Behaviour(body=b'{"object": "list", "data": [{"id": "whisper-1"}]}')
            case _:
                size = int(request.headers.get("content-length", "0"))
                await reader.readexactly(min(size, MAX_BODY))
                told = _error(404, f"there is no {request.target} here")
        return await self._send(writer, told)

    async def _transcribe(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.requests += 1
        behaviour = self._ahead.popleft() if self._ahead else Behaviour()
        size = int(request.headers.get("content-length", "0"))
        if behaviour.unread or size > MAX_BODY:
            await self._send(writer, behaviour if behaviour.unread else _error(413, "Maximum content size exceeded"))
            await _linger(reader)
            return False
        body = await reader.readexactly(size)
        await _pause(reader, behaviour.pause_sec)
        if behaviour.body is None and behaviour.raw is None:
            is_order = request.target.endswith("/jobs")
            behaviour = await (self._ordered if is_order else self._worked)(request, body, behaviour)
        elif behaviour.body:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            behaviour = replace(behaviour, body=behaviour.body.replace(b"{key}", given.encode()))
        return await self._send(writer, behaviour)

    async def _worked(self, request: Request, body: bytes, behaviour: Behaviour) -> Behaviour:
        """Make the transcript, which costs, unless it was made before."""
        key = request.headers.get("idempotency-key", "")
        try:
            fields, file = _form(request, body)
        except (multipart.MultipartError, KeyError) as error:
            return _error(400, f"the form cannot be read: {error}")
        self.asked.append(fields | {"idempotency-key": key})
        async with self._one_by_one[key]:  # who asks again meanwhile gets the same
            if key not in self._made or self.forgetful:
                try:
                    answer, seconds = await asyncio.to_thread(transcribed, file)
                except NotWav as error:
                    return _error(400, f"Invalid file format: {error}")
                self.paid[key] += 1
                self.paid_sec += seconds
                self._made[key] = msgspec.json.encode(answer)
            return replace(behaviour, body=self._made[key])

    async def _ordered(self, request: Request, body: bytes, behaviour: Behaviour) -> Behaviour:
        """Take an order, which costs, unless it was taken before."""
        key = request.headers.get("idempotency-key", "")
        try:
            fields = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            return _error(400, f"the order cannot be read: {error}")
        self.asked.append({"idempotency-key": key, **{name: str(value) for name, value in fields.items()}})
        async with self._one_by_one[key]:
            if key not in self._made or self.forgetful:
                self.paid[key] += 1
                order = await self.errands.take(fields)
                self._made[key] = msgspec.json.encode({"id": order.id, "status": "queued"})
            return replace(behaviour, body=self._made[key])

    async def _tell(self, job_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.polled += 1
        behaviour = self._polls_ahead.popleft() if self._polls_ahead else Behaviour()
        await _pause(reader, behaviour.pause_sec)
        if behaviour.body is None and behaviour.raw is None:
            order = self.errands.orders.get(job_id)
            if order is None:
                return await self._send(writer, _error(404, f"there is no job {job_id}"))
            behaviour = replace(behaviour, body=msgspec.json.encode(order.told))
        return await self._send(writer, behaviour)

    async def _send(self, writer: asyncio.StreamWriter, behaviour: Behaviour) -> bool:
        body = behaviour.body or b""
        if behaviour.keep is not None and behaviour.keep < 0:
            writer.transport.abort()
            return False
        if behaviour.raw is not None:
            writer.write(behaviour.raw)
            await writer.drain()
            return False
        length = max(len(body), behaviour.filled_to)
        framing = ("Transfer-Encoding", "chunked") if behaviour.endless else ("Content-Length", str(length))
        headers = (("Content-Type", behaviour.media_type), framing, *behaviour.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        writer.write(f"HTTP/1.1 {behaviour.status} Scripted\r\n{lines}\r\n".encode())
        await self._send_body(writer, behaviour, body)
        if behaviour.keep is not None:
            writer.transport.abort()
        return behaviour.keep is None

    async def _send_body(self, writer: asyncio.StreamWriter, behaviour: Behaviour, body: bytes) -> None:
        if behaviour.drip_sec:
            for byte in body:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(behaviour.drip_sec)
            return
        writer.write(_chunk(body) if behaviour.endless else body[: behaviour.keep])
        await writer.drain()
        missing = behaviour.filled_to - len(body)
        while missing > 0 or behaviour.endless:
            piece = _chunk(_FILLING) if behaviour.endless else _FILLING[:missing]
            writer.write(piece)
            await writer.drain()
            self.sent_bytes += len(piece)
            missing -= len(piece)


async def _pause(reader: asyncio.StreamReader, seconds: float) -> None:
    """Let *seconds* pass, or fewer when the client hangs up: there is nobody to be slow for, but the work is done."""
    if seconds:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await reader.read(1)


async def _linger(reader: asyncio.StreamReader) -> None:
    """Take what is still coming for a moment: a connection that is reset may take its answer with it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SEC):
            while await reader.read(_HEAD_LIMIT):
                pass


def _request(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines if line)
    return Request(target, method, {name.lower(): value.strip() for name, _, value in fields})


def _form(request: Request, body: bytes) -> tuple[dict[str, str], bytes]:
    """Return the fields of a form, of those that come twice the values together, and its file."""
    _, options = multipart.parse_options_header(request.headers.get("content-type", ""))
    fields: dict[str, str] = {}
    file = b""
    parser = multipart.MultipartParser(io.BytesIO(body), options["boundary"], spool_limit=MAX_BODY, part_limit=MAX_BODY)
    for part in parser:
        if part.filename:
            file = part.raw
        else:
            fields[part.name] = ",".join(filter(None, [fields.get(part.name), part.value]))
    return fields, file


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _error(status: int, message: str) -> Behaviour:
    return Behaviour(status=status, media_type=JSON, body=msgspec.json.encode({"error": {"message": message}}))
