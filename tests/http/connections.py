"""Speaking HTTP byte by byte to a real server in this event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from tests.http.memory_service import MemoryService


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["type"]).rsplit(":", 1)[-1]


class Connection:
    """One connection, spoken byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, line: str, *headers: str, length: int | None = None) -> None:
        lines = [f"{line} HTTP/1.1", "Host: localhost", *headers]
        lines += [f"Content-Length: {length}"] if length is not None else []
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def answer(self) -> Answer:
        async with asyncio.timeout(30):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(status.split()[1]), headers, body)

    async def is_closed_by_server(self) -> bool:
        async with asyncio.timeout(30):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    def hang_up(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


Connect = Callable[[], Awaitable[Connection]]


@asynccontextmanager
async def serving(memory: MemoryService, http: Any) -> AsyncIterator[Connect]:
    """Run uvicorn over the service on a free port."""
    config = uvicorn.Config(memory.app(), port=0, http=http, log_config=None, lifespan="on", access_log=False)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    connections: list[Connection] = []

    async def connect() -> Connection:
        port = server.servers[0].sockets[0].getsockname()[1]
        connections.append(Connection(*await asyncio.open_connection("127.0.0.1", port)))
        return connections[-1]

    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield connect
    finally:
        for connection in connections:
            connection.hang_up()
        server.should_exit = True
        await task


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server does by itself and tells nobody."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
