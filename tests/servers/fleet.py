"""API processes and workers over one database, each of them killed, paused and started again on its own."""

from pathlib import Path
from typing import Any, Self

import httpx2

from tests.servers.process import CallsProcess
from tests.servers.service import Service


class WorkerProcess(CallsProcess):
    """``calls worker``: ready when its log says that it works, so leave LOG_LEVEL at INFO or DEBUG."""

    def _is_ready(self) -> bool:
        return "recordings at a time" in self.said


class Fleet:
    """*apis* of ``calls serve --no-worker`` and *workers* of ``calls worker``, over the migrated *database_url*.

    All share ``folder/recordings``; each writes a log of its own (``api-0.log``, ``worker-1.log``). *variables* are
    given to all, such as ``BROKER_URL`` and ``LEASE_SEC``; *measured* is as for ``CallsProcess``. As a context manager
    it starts all and, at the end, kills what still runs.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        apis: int = 1,
        workers: int = 2,
        *,
        measured: bool = False,
        **variables: str,
    ) -> None:
        self.folder = folder
        self.recordings = folder / "recordings"
        self.apis = [
            Service(folder, database_url, worker=False, log=f"api-{number}.log", measured=measured, **variables)
            for number in range(apis)
        ]
        shared = {"DATABASE_URL": database_url, "RECORDINGS_DIR": str(self.recordings), **variables}
        self.workers = [
            WorkerProcess(folder, f"worker-{number}.log", ("worker",), shared, measured=measured)
            for number in range(workers)
        ]

    @property
    def processes(self) -> list[CallsProcess]:
        return [*self.apis, *self.workers]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start whatever does not run, and return when all are ready."""
        for process in self.processes:
            if process.is_dead:
                process.start(wait=False)
        for process in self.processes:
            process.wait_until_ready()

    def kill(self) -> None:
        """Kill all of them: nothing is put in order."""
        for process in self.processes:
            process.kill()

    def stop(self) -> list[int]:
        """Ask all of them to end, one after the other, and return their exit codes: first those of the APIs."""
        return [process.stop() for process in self.processes]

    def client(self, api: int = 0, **options: Any) -> httpx2.Client:
        return self.apis[api].client(**options)

    def logs(self) -> str:
        """Return what all of them wrote, for the message of a test that fails."""
        return "\n".join(f"--- {process.log.name}\n{process.log.read_text()}" for process in self.processes)
