"""A RabbitMQ of the tests' own: the machine's program with folders, ports and a name of its own, on loopback."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import aio_pika

START_LIMIT_SEC: Final = 90.0
PROGRAM: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
USER: Final = "rabbitmq"
HELLO: Final = b"AMQP\x00\x00\x09\x01"


class NoRabbit(Exception):
    """The server's program is nowhere to be found; the message says how to get it."""


@cache
def rabbit_program() -> Path:
    """Return the program ``rabbitmq-server`` itself; what Debian puts in the PATH wants folders of the system.

    Raises:
        NoRabbit: there is none, or the user that it must run as is missing.
    """
    named = shutil.which("rabbitmq-server")
    found = PROGRAM if PROGRAM.is_file() else Path(named) if named else None
    if found is None or shutil.which("epmd") is None:
        raise NoRabbit("there is no rabbitmq-server: install Debian's package of that name")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(USER)
        except KeyError:
            raise NoRabbit(f"rabbitmq-server is here, but not the user {USER} that it runs as") from None
    return found


class RabbitServer:
    """Use as a context manager. It takes some ten seconds to start, so share it.

    Durable queues outlive ``kill`` and ``start``.
    """

    def __init__(self) -> None:
        self.port, self._distribution, self._names = _free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None
        self._registry: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="calls-mq-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        try:
            # Erlang would start a registry of names by itself, as a daemon that stays.
            self._registry = self._started("epmd", "-port", str(self._names), "-address", "127.0.0.1")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._registry is not None:
            self._registry.kill()
            self._registry.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start and return when it takes connections."""
        self._process = self._started(rabbit_program())
        deadline = time.monotonic() + START_LIMIT_SEC
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not start:\n{(self._folder / 'output').read_text()}")
            time.sleep(0.1)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    async def unread(self) -> int:
        """Return how many wake-ups are in the queue."""
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("calls.wake", passive=True)
            return queue.declaration_result.message_count or 0

    async def wipe(self) -> None:
        """Remove the queue."""
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            await channel.queue_delete("calls.wake")

    def _started(self, *command: str | Path) -> subprocess.Popen[bytes]:
        folder = self._folder
        own = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "ERL_EPMD_PORT": self._names,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": folder / "none",
            "RABBITMQ_CONFIG_FILE": folder / "none",
            "RABBITMQ_DIST_PORT": self._distribution,
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
            "RABBITMQ_LOGS": folder / "log",
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_MNESIA_BASE": folder / "data",
            "RABBITMQ_NODENAME": f"calls-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_PID_FILE": folder / "pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # Idle threads of Erlang spin, which the other tests of a small machine would feel.
            "RABBITMQ_SERVER_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }
        with (folder / "output").open("ab") as output:
            return subprocess.Popen(
                command,
                env={name: str(value) for name, value in own.items()},
                cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **self._as,
            )  # fmt: skip

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(HELLO)
                return connection.recv(1) == b"\x01"  # the frame Connection.Start
        except OSError:
            return False


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
