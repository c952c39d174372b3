"""A server that others wrote, as the tests run it: started, frozen, killed and started again."""

import os
import signal
import subprocess
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any, Final

START_LIMIT_SEC: Final = 90.0
POLL_SEC: Final = 0.02


class ProgramDied(Exception):
    """The server ended while it was starting; the message ends with its log."""


class Program:
    """One process, and its children as far as it ends them itself."""

    log: Path

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and return when it answers.

        Raises:
            ProgramDied: it did not come up.
        """
        self._process = self._launched()
        deadline = time.monotonic() + START_LIMIT_SEC
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ProgramDied(f"{type(self).__name__} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(POLL_SEC)

    @abstractmethod
    def _launched(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open, the kernel accepts new ones, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._signal(number)
            self._signal(signal.SIGCONT)  # it may be frozen
        self._process.wait()
        self._process = None


class Family(Program):
    """One process and its children, launched with ``start_new_session``: what happens to it happens to all."""

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)


def logged(command: list[Any], log: Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start *command*; what it says goes to the end of *log*."""
    with log.open("ab") as said:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, **options)
