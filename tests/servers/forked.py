"""Processes forked from one that has imported what the service needs: most of a start is imports, done once here."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

# What commands and providers import only when they need it; whatever is missing here is imported by each process.
PRELOADED: Final = [
    *("calls_app.cli", "calls_app.server", "calls_app.worker", "calls_app.container", "calls_adapters.sql.migrate"),
    *(
        "aio_pika",
        "aiobotocore.session",
        "aiosqlite",
        "asyncpg",
        "taskiq_redis",
        "uvicorn.protocols.http.httptools_impl",
    ),
    "tests.servers.forked",
]


class ForkedProcess:
    """``python -m calls_app`` with *arguments*, as ``subprocess.Popen`` would start it in a session of its own."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], folder: Path, log: Path) -> None:
        self._process = _context().Process(target=_run, args=(arguments, environment, folder, log), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        while self.poll() is None and not _leads_its_group(self.pid):
            time.sleep(0.001)

    def poll(self) -> int | None:
        """Return the exit code, negative for the number of a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Return the exit code once it has ended.

        Raises:
            subprocess.TimeoutExpired: it still runs after *seconds*.
        """
        self._process.join(seconds)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("calls", seconds or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _leads_its_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def _run(arguments: tuple[str, ...], environment: dict[str, str], folder: Path, log: Path) -> None:
    from calls_app.cli import main  # noqa: PLC0415 (whoever forks need not have it)

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    sys.argv = ["calls", *arguments]
    main()
