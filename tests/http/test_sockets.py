"""What only a real connection shows: cut bodies, slow clients, early answers, broken-off downloads."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from calls_app.server import Gathering, Protocol
from calls_core.recording import CallId
from calls_http.bodies import Pace
from calls_http.edge import Lingering
from tests.http.connections import Connect, Connection, serving, until
from tests.http.memory_service import MAX_UPLOAD_BYTES, MemoryService
from tests.http.test_calls import CALL
from tests.http.test_ingest import fields, form

pytestmark = pytest.mark.anyio

FAST = Pace(silence_sec=0.3, grace_sec=0.2, bytes_per_sec=100_000)


@pytest.fixture(params=[Protocol, "h11"], ids=["ours", "h11"])
def http(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def memory() -> MemoryService:
    return MemoryService(pace=FAST, lingering=Lingering(max_bytes=2_000_000, max_sec=2.0))


@pytest.fixture
async def connect(memory: MemoryService, http: Any) -> AsyncIterator[Connect]:
    async with serving(memory, http) as connect:
        yield connect


async def new_call(connect: Connect) -> str:
    connection = await connect()
    body = json.dumps(CALL).encode()
    await connection.head("POST /calls", "Content-Type: application/json", length=len(body))
    await connection.send(body)
    return str(json.loads((await connection.answer()).body)["id"])


@pytest.mark.parametrize("way", ["hang_up", "reset"])
@pytest.mark.parametrize("shape", ["put", "form", "json"])
async def test_a_cut_body_leaves_nothing(
    connect: Connect, memory: MemoryService, caplog: pytest.LogCaptureFixture, way: str, shape: str
) -> None:
    """A client that hangs up half-way leaves no recording, no bytes, no hold and no traceback."""
    caplog.set_level(logging.INFO)
    call_id = await new_call(connect)
    connection = await connect()
    body, headers = form(("file", "a.wav", b"x" * 50_000))
    if shape == "put":
        await connection.head(f"PUT /calls/{call_id}/recording?filename=a.wav", length=100_000)
    elif shape == "form":
        content_type = f"Content-Type: {headers['Content-Type']}"
        await connection.head(f"POST /calls/{call_id}/recording", content_type, length=len(body) + 10)
    else:
        await connection.head("POST /calls", "Content-Type: application/json", length=len(body) + 10)
    await connection.send(body)
    getattr(connection, way)()
    await until(lambda: any(record.getMessage().endswith(" 499") for record in caplog.records))
    assert not memory.database.recordings
    assert not memory.database.holds
    assert len(memory.database.calls) == 1
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


async def test_a_silent_client_is_told(connect: Connect, memory: MemoryService) -> None:
    """408 too-slow, and the connection is closed."""
    call_id = await new_call(connect)
    for line, kind in (
        (f"PUT /calls/{call_id}/recording?filename=a.wav", "application/octet-stream"),
        ("POST /calls", "application/json"),
    ):
        connection = await connect()
        await connection.head(line, f"Content-Type: {kind}", length=100)
        await connection.send(b"{")
        answer = await connection.answer()
        assert (answer.status, answer.code, answer.headers["connection"]) == (408, "too-slow", "close")
        assert await connection.is_closed_by_server()
    assert not memory.database.holds


async def test_a_dripping_client_is_told(connect: Connect) -> None:
    """A byte now and then does not keep a connection open for ever."""
    call_id = await new_call(connect)
    connection = await connect()
    await connection.head(f"PUT /calls/{call_id}/recording?filename=a.wav", length=100_000)
    waiting = asyncio.create_task(connection.answer())
    while not waiting.done():
        try:
            await connection.send(b"x")
        except ConnectionError:
            break
        await asyncio.sleep(0.05)
    assert (await waiting).code == "too-slow"


class Line:
    """A transport that notes what leaves it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, piece: bytes) -> None:
        assert not self.closed
        self.sent.append(piece)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def test_what_is_written_in_one_turn_leaves_together() -> None:
    """Head and body are one system call; much leaves without waiting, and nothing is sent to who has gone."""
    line = Line()
    transport = Gathering(cast("asyncio.Transport", line))
    transport.write(b"head")
    transport.write(b"body")
    transport.write(b"")
    assert not line.sent
    await asyncio.sleep(0)
    assert line.sent.pop() == b"headbody"
    transport.write(bytes(100_000))
    assert line.sent.pop() == bytes(100_000)
    transport.write(b"last")
    transport.close()
    assert (line.sent.pop(), line.closed) == (b"last", True)
    transport.write(b"late")
    await asyncio.sleep(0)
    assert not line.sent


@pytest.mark.parametrize("size", [MAX_UPLOAD_BYTES + 4 * 1024**2 + 1, 10**15])
async def test_a_declared_length_is_refused_at_once(connect: Connect, size: int) -> None:
    """413 comes before any byte of the body is sent."""
    call_id = await new_call(connect)
    connection = await connect()
    await connection.head(f"PUT /calls/{call_id}/recording?filename=a.wav", length=size)
    answer = await connection.answer()
    assert (answer.status, answer.code) == (413, "too-large")


async def chunked(connection: Connection, data: bytes, piece: int = 50_000) -> None:
    for start in range(0, len(data), piece):
        part = data[start : start + piece]
        await connection.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    await connection.send(b"0\r\n\r\n")


async def test_an_undeclared_length_is_counted(connect: Connect, memory: MemoryService) -> None:
    """Chunked bodies of any length up to the limit are accepted; one byte more is 413, and is read in between."""
    call_id = await new_call(connect)
    for size, status in ((MAX_UPLOAD_BYTES + 1, 413), (MAX_UPLOAD_BYTES, 202)):
        connection = await connect()
        await connection.head(f"PUT /calls/{call_id}/recording?filename=a.wav", "Transfer-Encoding: chunked")
        await chunked(connection, bytes(size))
        assert (await connection.answer()).status == status
    assert memory.database.recordings[CallId(UUID(call_id))].size_bytes == MAX_UPLOAD_BYTES


@pytest.mark.parametrize("target", ["missing", "taken", "route", "method"])
async def test_a_client_that_first_sends_all_still_reads_the_answer(
    connect: Connect, memory: MemoryService, target: str
) -> None:
    """An early refusal reaches a client that reads only when it has sent everything, and then the connection closes."""
    call_id = await new_call(connect)
    if target == "taken":
        connection = await connect()
        await connection.head(f"PUT /calls/{call_id}/recording?filename=a.wav", length=4)
        await connection.send(b"RIFF")
        assert (await connection.answer()).status == 202
    line, status = {
        "missing": (f"PUT /calls/{uuid4()}/recording?filename=a.wav", 404),
        "taken": (f"PUT /calls/{call_id}/recording?filename=a.wav", 409),
        "route": ("POST /nowhere", 404),
        "method": ("PATCH /calls", 405),
    }[target]
    connection = await connect()
    body = bytes(MAX_UPLOAD_BYTES)
    await connection.head(line, length=len(body))
    for start in range(0, len(body), 50_000):
        await connection.send(body[start : start + 50_000])
        await asyncio.sleep(0)
    answer = await connection.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert await connection.is_closed_by_server()


async def test_nobody_can_send_for_ever_after_the_answer(connect: Connect) -> None:
    """What is read and dropped is bounded; a client that reads meanwhile has its answer all the same."""
    connection = await connect()
    await connection.head("POST /nowhere", length=10**12)
    answer = await connection.answer()
    assert answer.status == 404
    sent = 0
    try:
        while sent < 50_000_000:
            await connection.send(bytes(100_000))
            sent += 100_000
    except ConnectionError:
        assert sent < 50_000_000
    else:
        pytest.fail("the server went on reading")


async def test_who_waits_for_leave_is_answered_instead(connect: Connect) -> None:
    """With Expect: 100-continue, a refused client is not asked to send its body; an accepted one is."""
    call_id = await new_call(connect)
    refused = await connect()
    await refused.head(f"PUT /calls/{uuid4()}/recording?filename=a.wav", "Expect: 100-continue", length=1_000_000)
    assert (await refused.answer()).status == 404
    assert await refused.is_closed_by_server()
    accepted = await connect()
    await accepted.head(f"PUT /calls/{call_id}/recording?filename=a.wav", "Expect: 100-continue", length=4)
    assert (await accepted.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    await accepted.send(b"RIFF")
    assert (await accepted.answer()).status == 202


async def test_a_small_refused_body_keeps_the_connection(connect: Connect) -> None:
    """A few bytes are read to the end, so the next request may follow on the same connection."""
    connection = await connect()
    await connection.head("PATCH /calls", length=10)
    await connection.send(b"0123456789")
    assert (await connection.answer()).status == 405
    await connection.head("GET /health/live")
    assert (await connection.answer()).status == 200


@pytest.mark.parametrize("step", [1, 7])
async def test_a_form_may_come_in_any_pieces(connect: Connect, memory: MemoryService, step: int) -> None:
    """Wherever the network cuts it, boundaries and line ends at its end included, the same recording is stored."""
    audio = b"--limit\r\n\r\n--limi\r--limit" * 3 + b"\r\n--limi"
    body, headers = form(*fields(), ("file", "a.wav", audio))
    connection = await connect()
    await connection.head(
        "POST /calls/ingest", f"Content-Type: {headers['Content-Type']}", "Transfer-Encoding: chunked"
    )
    for start in range(0, len(body), step):
        part = body[start : start + step]
        connection.writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await asyncio.sleep(0)
    await connection.send(b"0\r\n\r\n")
    answer = await connection.answer()
    assert answer.status == 202, answer.body
    (recording,) = memory.database.recordings.values()
    assert recording.size_bytes == len(audio)


async def test_a_client_that_stops_listening_does_no_harm(
    connect: Connect, memory: MemoryService, caplog: pytest.LogCaptureFixture
) -> None:
    """A download that is hung up on ends without a traceback, and its file is let go."""
    call_id, let_go = await _uploaded(connect), asyncio.Event()
    _instead(memory, _endless(let_go))
    connection = await connect()
    await connection.head(f"GET /calls/{call_id}/recording/audio")
    await connection.reader.readexactly(100_000)
    connection.reset()
    async with asyncio.timeout(10):
        await let_go.wait()
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_file_that_became_shorter_breaks_off(
    connect: Connect, memory: MemoryService, caplog: pytest.LogCaptureFixture
) -> None:
    """Fewer bytes than announced close the connection, so that nobody takes them for all; the log says so once."""
    call_id = await _uploaded(connect)

    async def short() -> AsyncIterator[bytes]:
        yield b"RI"

    _instead(memory, short())
    connection = await connect()
    await connection.head(f"GET /calls/{call_id}/recording/audio")
    with pytest.raises(asyncio.IncompleteReadError):
        await connection.answer()
    assert len([record for record in caplog.records if "broken off" in record.getMessage()]) == 1


async def _uploaded(connect: Connect) -> str:
    call_id = await new_call(connect)
    connection = await connect()
    await connection.head(f"PUT /calls/{call_id}/recording?filename=a.wav", length=500_000)
    await connection.send(bytes(500_000))
    assert (await connection.answer()).status == 202
    return call_id


def _instead(memory: MemoryService, pieces: AsyncIterator[bytes]) -> None:
    @asynccontextmanager
    async def read(*_: object) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            yield pieces
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]

    memory.storage.read = read  # type: ignore[method-assign, assignment]


async def _endless(let_go: asyncio.Event) -> AsyncIterator[bytes]:
    try:
        for _ in range(500_000 // 100):
            yield bytes(100)
            await asyncio.sleep(0.001)
    finally:
        let_go.set()
