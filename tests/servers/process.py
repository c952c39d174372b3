"""One command of ours as users run it: a process of its own, killed, paused and started again at will."""

import os
import signal
import subprocess
import sys
import time
from abc import abstractmethod
from pathlib import Path
from typing import Final, Self

from tests.servers.forked import ForkedProcess

START_LIMIT_SEC: Final = 60.0
POLL_SEC: Final = 0.02


class ServiceDied(Exception):
    """The process ended while it was starting; the message ends with its log."""


class CallsProcess:
    """``calls`` with some arguments. Use as a context manager; ``start`` again after ``kill`` or ``stop``.

    It is forked from a process that has imported everything, which saves most of the time of a start. *measured* starts
    a Python of its own, as users do: for those who look at its memory or its time.
    """

    def __init__(
        self, folder: Path, log: str, arguments: tuple[str, ...], variables: dict[str, str], *, measured: bool = False
    ) -> None:
        self.folder = folder
        self.log = folder / log
        self.process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self._measured = measured
        self._arguments = arguments
        self._variables = variables

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
            self._begins = log.tell()
        self.process = self._exec(environment) if self._measured else self._forked(environment)
        if wait:
            self.wait_until_ready()

    def _forked(self, environment: dict[str, str]) -> ForkedProcess:
        return ForkedProcess(self._arguments, environment, self.folder, self.log)

    def _exec(self, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "calls_app", *self._arguments],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return when it does its work.

        Raises:
            ServiceDied: it ended, or took too long.
        """
        deadline = time.monotonic() + START_LIMIT_SEC
        while time.monotonic() < deadline and not self.is_dead:
            if self._is_ready():
                return
            time.sleep(POLL_SEC)
        raise ServiceDied(f"the process did not start:\n{self.log.read_text()}")

    @abstractmethod
    def _is_ready(self) -> bool: ...

    @property
    def said(self) -> str:
        """What it has written since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self._begins)
            return log.read().decode()

    @property
    def is_dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def pause(self) -> None:
        """Freeze it and its children, as a machine does that swaps or is moved; ``resume`` lets them go on."""
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_group(signal.SIGCONT)

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

    def _signal_group(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def _end(self, number: int) -> int:
        if self.process is None:
            return 0
        if number == signal.SIGKILL:
            self._signal_group(number)
        elif self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(START_LIMIT_SEC)
        self.process = None
        return code
