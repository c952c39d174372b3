"""The service as users start it: a process of its own, talked to over HTTP, killed at will."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, Self

import httpx2

START_LIMIT_SEC: Final = 30.0
POLL_SEC: Final = 0.02


class ServiceDied(Exception):
    """The process ended while it was starting; the message ends with its log."""


class Service:
    """``calls serve`` over one folder and one database. Use as a context manager; ``start`` again after ``kill``."""

    def __init__(self, folder: Path, database_url: str | None = None, **variables: str) -> None:
        self.folder = folder
        self.recordings = folder / "recordings"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "service.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._variables = {
            "DATABASE_URL": database_url or f"sqlite:///{folder / 'calls.db'}",
            "RECORDINGS_DIR": str(self.recordings),
            **variables,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, *, fault: str | None = None, wait: bool = True) -> None:
        """Start; with *wait*, return when it is ready. *fault* arms a fault point, as ``name:kill:1``."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self._variables}
        environment |= {"CALLS_FAULT": fault} if fault else {}
        environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "calls_app", "serve", "--worker", "--port", str(self.port)],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when the service answers.

        Raises:
            ServiceDied: it ended, or took too long.
        """
        deadline = time.monotonic() + START_LIMIT_SEC
        while time.monotonic() < deadline:
            if self.is_dead:
                break
            try:
                if httpx2.get(f"{self.url}/health/ready", trust_env=False, timeout=5).is_success:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(POLL_SEC)
        raise ServiceDied(f"the service did not start:\n{self.log.read_text()}")

    @property
    def is_dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """Kill the process and every child of it: nothing is put in order."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        return self._end(signal.SIGTERM)

    def wait_until_dead(self, seconds: float = START_LIMIT_SEC) -> int:
        """Return the exit code of a process that kills itself."""
        assert self.process is not None
        return self.process.wait(seconds)

    def _end(self, number: int) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            os.killpg(self.process.pid, number) if number == signal.SIGKILL else self.process.send_signal(number)
        code = self.process.wait(START_LIMIT_SEC)
        self.process = None
        return code

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, trust_env=False, timeout=30, **options)

    def files(self) -> set[str]:
        """Return every file below the recordings folder, by its path within it."""
        return {str(path.relative_to(self.recordings)) for path in self.recordings.rglob("*") if path.is_file()}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
