"""A TCP proxy that cuts, resets, slows and swallows: a bad network between two programs on this machine."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

PIECE: Final = 16 * 1024
# An abort() that closes with SO_LINGER and zero seconds sends RST, and drops what was not sent yet.
RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Weather:
    """What the proxy does to connections. *after* bytes in the named direction, a connection is reset.

    *up* is from the client, *down* to it. *slow* is in bytes a second, both ways. *frozen*: connections are accepted
    and nothing passes, as when a firewall forgets a connection. *refusing*: new ones are reset. *once* lets the weather
    clear up after the first reset. *phrase*, sent by the client, makes the next bytes to the client be dropped and the
    connection be reset: what was asked is done, and its answer is lost.
    """

    up: int | None = None
    down: int | None = None
    slow: int | None = None
    frozen: bool = False
    refusing: bool = False
    once: bool = False
    phrase: bytes | None = None


FINE: Final = Weather()


class Proxy:
    """Stands before *upstream_port* on loopback. Use as a context manager; it has a thread and a loop of its own."""

    def __init__(self, upstream_port: int) -> None:
        self.resets = 0
        self._upstream = upstream_port
        self._weather = FINE
        self._changed = asyncio.Event()
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._meet, "127.0.0.1", 0, limit=PIECE))
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def change(self, weather: Weather) -> None:
        """Have this weather on all connections, the open ones too, counting bytes from now."""
        self._do(self._change(weather))

    def heal(self) -> None:
        """Let everything pass, what was held back first."""
        self.change(FINE)

    def cut(self) -> None:
        """Reset every open connection now."""
        self._do(self._cut())

    def _do(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(timeout=10)

    async def _change(self, weather: Weather) -> None:
        self._weather = weather
        for link in self._links:
            link.passed = dict.fromkeys(link.passed, 0)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _cut(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _end(self) -> None:
        self._server.close()
        await self._change(FINE)
        await self._cut()
        # Their connections are gone, so they end by themselves; to cancel them would fill the log.
        if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks, timeout=5)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather.refusing:
            _reset(writer)
            return
        try:
            answering, asking = await asyncio.open_connection("127.0.0.1", self._upstream, limit=PIECE)
        except OSError:
            _reset(writer)
            return
        link = _Link(writer, asking)
        self._links.add(link)
        pumps = [
            asyncio.create_task(self._pump(link, "up", reader, asking)),
            asyncio.create_task(self._pump(link, "down", answering, writer)),
        ]
        try:
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._links.discard(link)
            link.reset()

    async def _pump(
        self, link: "_Link", direction: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(PIECE):
            while self._weather.frozen:
                await self._changed.wait()
            weather = self._weather
            if direction == "down" and link.is_doomed:
                self._storm(link)
                return
            if direction == "up" and weather.phrase is not None and weather.phrase in data:
                link.is_doomed = True
            limit: int | None = getattr(weather, direction)
            left = None if limit is None else limit - link.passed[direction]
            sink.write(data if left is None else data[:left])
            await sink.drain()
            link.passed[direction] += len(data)
            if left is not None and len(data) >= left:
                self._storm(link)
                return
            if weather.slow:
                await asyncio.sleep(len(data) / weather.slow)
        if sink.can_write_eof():
            sink.write_eof()

    def _storm(self, link: "_Link") -> None:
        self.resets += 1
        if self._weather.once:
            self._weather = FINE
        link.reset()


class _Link:
    """One connection of a client, and ours to the server."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.passed = {"up": 0, "down": 0}
        self.is_doomed = False
        self._writers = writers

    def reset(self) -> None:
        for writer in self._writers:
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        plug: Any = writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
