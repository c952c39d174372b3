"""A RabbitMQ of the tests' own: the machine's program with folders, ports and a name of its own, on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import aio_pika

from tests.servers.ports import free_ports
from tests.servers.program import Family, logged

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


class RabbitServer(Family):
    """Use as a context manager. It takes some ten seconds to start, so share it.

    Durable queues outlive ``kill`` and ``start``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.port, self._distribution, self._names = free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self._registry: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="calls-mq-"))
        self.log = self._folder / "output"
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        try:
            # Erlang would start a registry of names by itself, as a daemon that stays.
            self._registry = self._run("epmd", "-port", str(self._names), "-address", "127.0.0.1")
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

    def _launched(self) -> subprocess.Popen[bytes]:
        return self._run(rabbit_program())

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

    def _run(self, *command: str | Path) -> subprocess.Popen[bytes]:
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
        environment = {name: str(value) for name, value in own.items()}
        return logged([*command], self.log, env=environment, cwd=folder, start_new_session=True, **self._as)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(HELLO)
                return connection.recv(1) == b"\x01"  # the frame Connection.Start
        except OSError:
            return False
